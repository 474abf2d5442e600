"""d_int against D over a family of models, as Figs. 3 and S7 of Li et al. 2018."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports import scale
from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.text import captions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OFFSET = 1.07  # factor between the marks of two series at one D: wide enough that neither hides the other


def sizes(found: Sequence[Entry]) -> list[Entry]:
    """The groups of each problem of which one series has two D or more."""
    known = [one for one in found if one.reading.D]
    every: dict[tuple[str, str], set[int | None]] = {}
    for one in known:
        every.setdefault((_problem(one), one.family), set()).add(one.reading.D)
    # Models of different problems are no family: their d_int differ for other reasons than D.
    shown = {problem for (problem, _), sizes in every.items() if len(sizes) > 1}
    return [one for one in known if _problem(one) in shown]


def _problem(one: Entry) -> str:
    """The data and the task of a group."""
    keys = one.section.group.items()
    return str([pair for pair in keys if pair[0].partition(".")[0] in ("dataset", "task")])


def d_against_D(found: Sequence[Entry], slug: str, left_out: int = 0) -> Chart:
    """d_int with its interval against D, a series for each family.

    Args:
        found: groups as `sizes` returns them.
        slug: of the figure.
        left_out: number of other groups, for the note.
    """
    names = dict.fromkeys(one.reading.name for one in found)
    series: dict[str, list[Entry]] = {}
    for one in found:
        series.setdefault(one.family, []).append(one)
    # D that several series have, where their marks would hide each other.
    every = Counter(D for members in series.values() for D in {one.reading.D for one in members})
    shared = {D for D, count in every.items() if count > 1}
    labels = [style.cut(family) for family in series]
    legend = labels if 1 < len(labels) <= style.MOST_NAMED else []

    def build(medium: style.Medium) -> Figure:
        figure = style.blank(medium, legend=legend)
        axes = figure.add_subplot(
            xscale="log",
            xlabel="native parameters D (log axis)",
            ylabel=", ".join(map(style.math_name, names)),
        )
        top = max(_top(one) for one in found)
        looks = zip(labels, series.values(), style.series_styles(len(series)), strict=True)
        for index, (label, members, (colour, mark)) in enumerate(looks):
            # Centred, so that the series lie around their common D.
            offset = _OFFSET ** (index - (len(series) - 1) / 2)
            for one in members:
                _reading(axes, one, colour, mark, top, offset if one.reading.D in shared else 1.0)
            axes.plot([], [], mark, color=colour, label=label)
        _d_limits(axes, found, top)
        style.log_ticks(axes.xaxis)
        style.legend_below(figure, legend, medium)
        style.titled(figure, f"{', '.join(names)} against D", note, medium)
        return figure

    text = "; ".join(f"{one.label}: D = {one.reading.D:,}, {one.in_words}" for one in found)
    kind = captions.interval_kind(one.reading for one in found)
    note = f"Bars are the {kind}s; an arrow points to where the runs set no bound."
    if shared:
        note += "\nMarks of series with the same D are drawn next to each other."
    if left_out:
        groups = "group" if left_out == 1 else "groups"
        note += f"\nNot drawn: {left_out} {groups} of problems without two sizes D."
    return Chart(slug, f"{', '.join(names)} against D over {len(found)} models", f"{text}.", build, note)


def _reading(axes: Axes, one: Entry, colour: str, mark: str, top: float, offset: float) -> None:
    reading, D = one.reading, offset * float(one.reading.D or 0)
    options: dict[str, Any] = {"color": colour, "clip_on": False}
    ends = captions.interval_ends(reading)
    if ends is not None:
        # Open ends are drawn a bit beyond the grid, with an arrow.
        low, high = max(ends[0], reading.d_min / 2), min(ends[1], top)
        axes.plot([D, D], [low, high], linewidth=1.2, **options)
        for end, shown, arrow in ((ends[0], low, "v"), (ends[1], high, "^")):
            if math.isinf(end):
                axes.plot(D, shown, arrow, markersize=5, **options)
    if reading.value is None:  # hollow
        axes.plot(D, reading.d_max, mark, markersize=5, markerfacecolor=style.WHITE, **options)
    else:
        axes.plot(D, reading.value, mark, markersize=5, **options)


def _top(one: Entry) -> float:
    reading = one.reading
    beyond = reading.d_max * 1.2 if reading.value is None else 0  # room for an arrow
    return max(filter(None, (reading.value, reading.high, beyond)))


def _d_limits(axes: Axes, found: Sequence[Entry], top: float) -> None:
    """From zero up, unless d_int spans so much that it needs a log axis."""
    lows = [one.reading.low or one.reading.value or one.reading.d_min for one in found]
    if top > scale.LOG_SPAN * min(lows):
        axes.set_yscale("log")
        style.log_ticks(axes.yaxis)
        axes.set_ylabel(f"{axes.get_ylabel()} (log axis)")
    else:
        axes.set_ylim(0, top * 1.08)
