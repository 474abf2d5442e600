"""Bytes against performance: all files that were tried for a network, and the best of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.compression.record import Compressed, TrialRecord
from idim_cli.core.csv_io import csv_text
from idim_cli.core.plain_text import aligned
from idim_cli.reports import scale
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.terminal.canvas import Canvas
from idim_cli.thresholds import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEADER = ["d", "levels", "how", "bytes", "performance", "frontier", "run_id"]
ENOUGH = 3  #: trainings with few values that are worth a figure
_LONGEST = 200  # bytes of a header that may be ours
_ROWS = 16  # lines of the plot on a terminal


def scored(one: Compressed) -> list[TrialRecord]:
    """The files that were tried and scored, by size."""
    known = [trial for trial in one.tried if trial.performance is not None]
    return sorted(known, key=lambda trial: (trial.bytes, trial.performance))


def best(tried: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The Pareto frontier: files that are better than all of the same size or smaller, ascending."""
    found: list[TrialRecord] = []
    # Of one size the better first, so that the others are no improvement on it.
    for trial in sorted(tried, key=lambda trial: (trial.bytes, -_score(trial))):
        if not found or _score(trial) > _score(found[-1]):
            found.append(trial)
    return found


def chart(one: Compressed, slug: str, label: str) -> Chart:
    """Performance against bytes: a line for each number of values, the frontier, the target."""
    tried, title = scored(one), f"{one.measure} against bytes: {label}"
    heights, names = _heights(one), _names(one)

    def build(medium: style.Medium) -> Figure:
        figure = style.blank(medium, height=1.15 * medium.usual[1])  # room for three rows of legend
        axes = figure.add_subplot(xscale="log", xlabel="bytes (log axis)", ylabel=one.measure)
        style.across(axes, heights)
        if one.max_bytes is not None:
            axes.axvline(one.max_bytes, color=style.BLACK, linewidth=1, linestyle="--", zorder=1)
        frontier = best(tried)
        # Steps, because nothing better is known between two files.
        axes.plot(
            [trial.bytes for trial in frontier], list(map(_score, frontier)), drawstyle="steps-post",
            color=style.FAINT, linewidth=3, zorder=0.5, label="frontier",
        )  # fmt: skip
        _series(axes, tried)
        if one.performance is not None:
            ring: dict[str, Any] = {"markersize": 10, "markerfacecolor": "none", "zorder": 4}
            axes.plot(one.bytes, one.performance, "o", color=style.RED, label="this file", **ring)
        style.log_ticks(axes.xaxis)
        style.named_across(axes, heights, names, medium)
        style.legend(axes, columns=3)
        style.titled(figure, title, note, medium)
        return figure

    requested = f" Requested: {one.goal}." if one.goal else ""
    note = f"Ring: this file, {one.bytes:,} bytes and {number(one.performance)}.{requested}"
    points = "; ".join(f"{trial.bytes:,} bytes: {number(trial.performance)}" for trial in best(tried))
    return Chart(slug, title, f"The frontier: {points}.", build, note)


def to_csv(one: Compressed) -> str:
    """A line for each file that was tried, in the order of the search; unknown is an empty cell."""
    # By identity: two trials may have the same size and score.
    frontier = {id(trial) for trial in best(scored(one))}
    return csv_text(_HEADER, [{**vars(trial), "frontier": id(trial) in frontier} for trial in one.tried])


def save(one: Compressed) -> list[Path]:
    """Write the CSV and the figures next to a file; returns the paths. The same record, the same bytes."""
    from idim_cli.runs.results import write_atomic

    stem = f"{one.path.stem}-frontier"
    drawn = chart(one, stem, f"{one.dataset}, {one.model}, {one.projector}").files()
    files = {one.path.with_name(f"{stem}.csv"): to_csv(one).encode()}
    files |= {one.path.with_name(f"{stem}.{kind}"): content for kind, content in drawn.items()}
    for path, content in files.items():
        write_atomic(path, content)
    return list(files)


def clear(path: Path) -> None:
    """Remove what `save` wrote for an earlier file of this path; files of others are kept."""
    table = path.with_name(f"{path.stem}-frontier.csv")
    try:
        with table.open("rb") as file:
            # By its header, as the user may have a table of this name.
            ours = file.readline(_LONGEST).strip() == ",".join(_HEADER).encode()
    except OSError:
        return
    for kind in ("csv", *style.KINDS) if ours else ():
        table.with_suffix(f".{kind}").unlink(missing_ok=True)


def text(one: Compressed, width: int = 80, colour: bool = False, unicode: bool = True) -> str:
    """The frontier as plain characters: a plot, and a table of the files on it."""
    tried, frontier = scored(one), best(scored(one))
    rows = [("frontier", "d", "values", "bytes", one.measure, "")]
    for trial in frontier:
        values = "float32" if trial.levels is None else str(trial.levels)
        own = "this file" if (trial.bytes, trial.performance) == (one.bytes, one.performance) else ""
        rows.append((trial.how, f"{trial.d:,}", values, f"{trial.bytes:,}", number(trial.performance), own))
    table = "\n".join(aligned(rows))
    return f"{_plot(one, tried, frontier, width, colour, unicode)}\n\n{table}\n"


def _plot(
    one: Compressed,
    tried: Sequence[TrialRecord],
    frontier: Sequence[TrialRecord],
    width: int,
    colour: bool,
    unicode: bool,
) -> str:
    legend = [("below", "tried"), ("solved", "on the frontier: better than all as small")]
    heights, names = _heights(one), _names(one)
    legend += [(name, f"{names[name]} {number(height)}") for name, height in heights.items()]
    sizes, scores = [trial.bytes for trial in tried], [_score(trial) for trial in tried]
    x = scale.around(sizes, log=True)
    canvas = Canvas(x, scores, (width, _ROWS), heights, legend, unicode=unicode, first=sizes[0])
    for trials, name in ((tried, "below"), (frontier, "solved")):
        for trial in trials:
            below = one.level is not None and _score(trial) < one.level
            canvas.point(trial.bytes, _score(trial), name, below)
    heading = textwrap.fill(f"{one.measure} against bytes (log axis)", canvas.width)
    return canvas.text(heading, colour)


def _heights(one: Compressed) -> dict[str, float]:
    """The heights of horizontal lines: 100 %, and the requested level."""
    heights = {"baseline": one.own if one.baseline is None else one.baseline, "level": one.level}
    return {name: height for name, height in heights.items() if height is not None}


def _names(one: Compressed) -> dict[str, str]:
    return {"baseline": "the run's own" if one.baseline is None else "baseline", "level": "level"}


def _series(axes: Axes, tried: Sequence[TrialRecord]) -> None:
    """Trained files by their number of values, each a line over d; those that were not trained in grey."""
    trained = [trial for trial in tried if trial.how == "trained" and trial.levels]
    levels = sorted({trial.levels for trial in trained if trial.levels})
    series = []
    for place, many in enumerate(levels):
        colour = style.RAMP[round(place * (len(style.RAMP) - 1) / max(len(levels) - 1, 1))]
        mark = style.SERIES[place % len(style.SERIES)][1]
        series.append(([t for t in trained if t.levels == many], f"{many} values", colour, f"{mark}-"))
    # In grey: they show what training adds.
    series.append(([t for t in tried if t.how == "rounded"], "rounded only", style.GREY, ".:"))
    series.append(([t for t in tried if t.levels is None], "float32", style.GREY, "x"))
    for trials, label, colour, line in series:
        if trials:
            options: dict[str, Any] = {"color": colour, "markersize": 4.5, "linewidth": 0.9, "label": label}
            axes.plot([t.bytes for t in trials], list(map(_score, trials)), line, **options)


def _score(trial: TrialRecord) -> float:
    assert trial.performance is not None
    return trial.performance
