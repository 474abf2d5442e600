"""Performance against d of all groups in one figure, each with its d_int at its own level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports import scale
from idim_cli.reports.inputs.entries import Entry, level_note
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.thresholds import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 200  # groups that are drawn: more lines cannot be seen, and make the page slow


def chart(found: Sequence[Entry], log: bool | None, slug: str) -> Chart | None:
    """A line for each group, in the order of d_int; None for fewer than two that have points to draw.

    Groups with another measure of performance than most are left out.
    """
    with_points = [one for one in found if one.section.curve.every_d]
    measures = Counter(one.section.performance for one in with_points)
    # Two measures have no common axis.
    measure = max(measures, key=lambda name: measures[name], default="")
    ordered = sorted((one for one in with_points if one.section.performance == measure), key=_order)
    # Evenly over the order by d_int, so that the picture stays representative.
    # At least 1, so that no group is drawn twice.
    step = max(1.0, len(ordered) / _MOST)
    drawn = [ordered[int(at * step)] for at in range(min(len(ordered), _MOST))]
    if len(drawn) < 2:
        return None
    every = sorted({d for one in drawn for d in one.section.curve.every_d})
    axis = scale.use_log(every) if log is None else log
    legend = [one.label for one in drawn] if len(drawn) <= style.MOST_NAMED else []

    def build(medium: style.Medium) -> Figure:
        figure = style.blank(medium, legend=legend)
        axes = figure.add_subplot(
            xlabel="subspace dimension d" + (" (log axis)" if axis else ""), ylabel=measure
        )
        axes.set_xscale("log" if axis else "linear")
        _curves(axes, drawn)
        if axis:
            style.log_ticks(axes.xaxis)
        level = {one.reading.level for one in drawn}
        if len(level) == 1:
            style.across(axes, {"level": level.pop()})
        style.legend_below(figure, legend, medium)
        style.titled(figure, "Performance against d, all groups", note, medium)
        return figure

    note = _note(found, drawn)
    title = f"{measure} against subspace dimension d: {len(drawn)} groups"
    return Chart(slug, title, f"{'; '.join(f'{one.label}: {one.in_words}' for one in drawn)}.", build, note)


def _order(one: Entry) -> tuple[bool, float, str]:
    reading = one.reading
    return reading.value is None, float(reading.value or reading.d_max), one.label


def _curves(axes: Axes, drawn: Sequence[Entry]) -> None:
    few = len(drawn) <= len(style.SERIES)
    for one, (colour, mark) in zip(drawn, style.series_styles(len(drawn)), strict=True):
        curve, reading = one.section.curve, one.reading
        line: dict[str, Any] = {"color": colour, "linewidth": 1.3 if few else 0.9, "zorder": 2}
        label = f"{style.cut(one.label)}: {reading.value_text}"
        axes.plot(curve.d, curve.mean, f"{mark}-", markersize=4 if few else 2.5, label=label, **line)
        for arrow, runs in (("^", curve.solved), ("v", curve.unsolved)):
            if runs:
                axes.plot(*zip(*runs, strict=True), arrow, color=colour, markersize=3, zorder=1.5)
        if reading.value is not None:
            edge: dict[str, Any] = {"markeredgecolor": style.WHITE, "markeredgewidth": 0.8, "zorder": 5}
            axes.plot(reading.value, reading.level, "D", color=colour, markersize=9 if few else 6, **edge)


def _note(found: Sequence[Entry], drawn: Sequence[Entry]) -> str:
    names = " or ".join(dict.fromkeys(one.reading.name for one in drawn))
    same = len({one.reading.level for one in drawn}) == 1
    at = f"the level {number(drawn[0].reading.level)}" if same else "its own level"
    lines = [f"Diamonds: {names} of each group, at {at}."]
    if any(one.section.curve.solved or one.section.curve.unsolved for one in drawn):
        lines.append("Triangles: runs that were stopped early: level reached (up), or out of reach (down).")
    lines += filter(None, [level_note(drawn)])
    if len(drawn) > len(style.SERIES):
        lines.append("From dark to bright: ascending d_int, those not reached last.")
    if len(drawn) < len(found):
        lines.append(f"{len(drawn)} of {len(found)} groups are drawn.")
    return "\n".join(lines)
