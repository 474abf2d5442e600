"""Performance against d as characters, for terminals and logs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from idim_cli.reports import scale
from idim_cli.reports.points import Curve
from idim_cli.reports.terminal.canvas import Canvas
from idim_cli.reports.text import captions

if TYPE_CHECKING:
    from idim_cli.thresholds import Reading


def plot(
    points: Any,
    reading: Reading | None = None,
    width: int = 80,
    height: int = 16,
    colour: bool = False,
    *,
    unicode: bool = True,
    log: bool | None = None,
    label: str = "performance",
) -> str:
    """A plot of performance against d with the baseline, the level to reach and the interval of d_int.

    Args:
        points: mean (or median) performance at each d, as `Curve.of` takes it; unknown ones are left out.
        reading: a `Reading` of these runs; None draws the points alone.
        width: columns at most; fewer than 30 are treated as 30.
        height: lines of the whole plot; the legend may need more of them on a narrow terminal.
        colour: whether to add ANSI colours; the plot is complete without them.
        unicode: False draws with ASCII alone.
        log: axis of d; None chooses by how d is spread.
        label: name of the performance, such as "validation accuracy".

    Returns:
        Lines without a newline at the end, none longer than `width`.
    """
    curve = Curve.of(points, reading.centre if reading else "mean")
    if not curve.every_d:
        return "no finished runs to plot"
    x = scale.d_scale(curve.every_d, scale.use_log(curve.every_d) if log is None else log)
    heights = [*curve.mean, *(y for _, y in (*curve.solved, *curve.unsolved))]
    lines_at, legend = captions.lines_of(reading), captions.legend(curve, reading)
    canvas = Canvas(x, heights, (width, height), lines_at, legend, unicode=unicode, first=curve.every_d[0])
    # Finished runs last: where marks share a cell, they are the ones that count.
    for d, performance in curve.unsolved:
        canvas.point(d, performance, "down", below=True)
    for d, performance in curve.solved:
        canvas.point(d, performance, "up")
    for d, mean in zip(curve.d, curve.mean, strict=True):
        solved = captions.solves(mean, reading)
        canvas.point(d, mean, "solved" if solved else "below", below=not solved)
    _mark_interval(canvas, reading)
    return canvas.text(captions.heading(label, x.log, canvas.width), colour)


def _mark_interval(canvas: Canvas, reading: Reading | None) -> None:
    ends = captions.interval_ends(reading)
    if ends is not None:
        canvas.on_axis(*ends, "interval")
        for end, name in zip(ends, ("left", "right"), strict=True):
            if math.isinf(end):
                canvas.mark_axis(end, name, "interval")
    # After the interval, which would cover it.
    if reading is not None and reading.value is not None:
        canvas.mark_axis(reading.value, "value", "value")
