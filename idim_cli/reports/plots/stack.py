"""Performance against d of all groups in one figure, each with its d_int at its own level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports import scale
from idim_cli.reports.inputs import levels
from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.points import Curve
from idim_cli.thresholds import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 200  # groups that are drawn
_TITLE = "Performance against d, all groups"


def chart(found: Sequence[Entry], log: bool | None, slug: str) -> Chart | None:
    """A line for each group, in the order of d_int; None for fewer than two that have points to draw.

    Groups whose performance is something else than that of most are left out.
    """
    with_points = [one for one in found if one.section.curve.every_d]
    measures = Counter(one.section.performance for one in with_points)
    measure = max(measures, key=lambda name: measures[name], default="")
    drawn = _chosen(sorted((one for one in with_points if one.section.performance == measure), key=_order))
    if len(drawn) < 2:
        return None
    every = sorted({d for one in drawn for d in one.section.curve.every_d})
    axis = scale.use_log(every) if log is None else log

    def build(form: style.Form) -> Figure:
        columns, room = style.below([one.label for one in drawn] if named else [], form)
        figure = style.blank(form, height=form.usual[1] + room)
        axes = figure.add_subplot(
            xlabel="subspace dimension d" + (" (log axis)" if axis else ""), ylabel=measure
        )
        axes.set_xscale("log" if axis else "linear")
        _curves(axes, drawn)
        if axis:
            style.log_ticks(axes.xaxis)
        level = {one.section.reading.level for one in drawn}
        if len(level) == 1:
            style.across(axes, {"level": level.pop()})
        if named:
            style.legend_below(figure, columns)
        style.titled(figure, _TITLE, note, form)
        return figure

    note, named = _note(found, drawn), len(drawn) <= style.MOST_NAMED
    text = "; ".join(f"{one.label}: {one.told}" for one in drawn)
    return Chart(
        slug, f"{measure} against subspace dimension d: {len(drawn)} groups", f"{text}.", build, note
    )


def _order(one: Entry) -> tuple[bool, float, str]:
    reading = one.section.reading
    return reading.value is None, float(reading.value or reading.d_max), one.label


def _chosen(found: Sequence[Entry]) -> list[Entry]:
    """Not more than can be seen, evenly over the order."""
    step = max(1.0, len(found) / _MOST)
    return [found[int(at * step)] for at in range(min(len(found), _MOST))]


def _curves(axes: Axes, drawn: Sequence[Entry]) -> None:
    few = len(drawn) <= len(style.LOOKS)
    for one, (colour, mark) in zip(drawn, style.looks(len(drawn)), strict=True):
        curve, reading = one.section.curve, one.section.reading
        line: dict[str, Any] = {"color": colour, "linewidth": 1.3 if few else 0.9, "zorder": 2}
        label = f"{style.cut(one.label)}: {reading.value_text}"
        axes.plot(curve.d, curve.mean, f"{mark}-", markersize=4 if few else 2.5, label=label, **line)
        _stopped(axes, curve, colour)
        if reading.value is not None:
            edge: dict[str, Any] = {"markeredgecolor": style.WHITE, "markeredgewidth": 0.8, "zorder": 5}
            axes.plot(reading.value, reading.level, "D", color=colour, markersize=9 if few else 6, **edge)


def _stopped(axes: Axes, curve: Curve, colour: str) -> None:
    for mark, runs in (("^", curve.solved), ("v", curve.unsolved)):
        if runs:
            axes.plot(*zip(*runs, strict=True), mark, color=colour, markersize=3, zorder=1.5)


def _note(found: Sequence[Entry], drawn: Sequence[Entry]) -> str:
    names = " or ".join(dict.fromkeys(one.section.reading.name for one in drawn))
    same = len({one.section.reading.level for one in drawn}) == 1
    at = f"the level {number(drawn[0].section.reading.level)}" if same else "its own level"
    told = [f"Diamonds: {names} of each group, at {at}."]
    if any(one.section.curve.solved or one.section.curve.unsolved for one in drawn):
        told.append("Triangles: runs that were stopped early: level reached (up), or out of reach (down).")
    if differ := levels.differ(drawn):
        told.append(differ)
    if len(drawn) > len(style.LOOKS):
        told.append("From dark to bright: ascending, those not reached last.")
    if len(drawn) < len(found):
        told.append(f"{len(drawn)} of {len(found)} groups are drawn.")
    return "\n".join(told)
