"""d_int against D over a family of models, as Figs. 3 and S7 of Li et al. 2018."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports import scale
from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.text import captions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ASIDE = 1.07  # factor between the places of two series at one D


def sizes(found: Sequence[Entry]) -> list[Entry]:
    """The groups of each problem of which one series has two D or more; different problems are no family."""
    known = [one for one in found if one.section.reading.D]
    every: dict[tuple[str, str], set[int | None]] = {}
    for one in known:
        every.setdefault((_problem(one), one.family), set()).add(one.section.reading.D)
    shown = {problem for (problem, _), sizes in every.items() if len(sizes) > 1}
    return [one for one in known if _problem(one) in shown]


def _problem(one: Entry) -> str:
    """The data and the task of a group."""
    return str(
        [pair for pair in one.section.group.items() if pair[0].partition(".")[0] in ("dataset", "task")]
    )


def d_against_D(found: Sequence[Entry], slug: str, left: int = 0) -> Chart:
    """d_int with its interval against D, a series for each family.

    Args:
        found: groups as `sizes` gives them.
        slug: of the figure.
        left: how many other groups there are, which the note tells.
    """
    names = dict.fromkeys(one.section.reading.name for one in found)
    series: dict[str, list[Entry]] = {}
    for one in found:
        series.setdefault(one.family, []).append(one)
    shared = _shared(series.values())

    def build(form: style.Form) -> Figure:
        columns, room = style.below([*series] if 1 < len(series) <= style.MOST_NAMED else [], form)
        figure = style.blank(form, height=form.usual[1] + room)
        axes = figure.add_subplot(
            xscale="log",
            xlabel="native parameters D (log axis)",
            ylabel=", ".join(map(style.math_name, names)),
        )
        top = max(_top(one) for one in found)
        looks = style.looks(len(series))
        for index, ((family, members), (colour, mark)) in enumerate(zip(series.items(), looks, strict=True)):
            aside = _ASIDE ** (index - (len(series) - 1) / 2)
            for one in members:
                _reading(axes, one, colour, mark, top, aside if one.section.reading.D in shared else 1.0)
            axes.plot([], [], mark, color=colour, label=style.cut(family))
        _d_limits(axes, found, top)
        style.log_ticks(axes.xaxis)
        if room:
            style.legend_below(figure, columns)
        style.titled(figure, f"{', '.join(names)} against D", note, form)
        return figure

    text = "; ".join(f"{one.label}: D = {one.section.reading.D:,}, {one.told}" for one in found)
    kind = captions.interval_kind(one.section.reading for one in found)
    note = f"Bars are the {kind}s; an arrow points to where the runs set no bound."
    if shared:
        note += "\nSeries stand a little apart where their D is the same."
    if left:
        note += f"\nNot drawn: {left} {'group' if left == 1 else 'groups'} of problems without two sizes D."
    return Chart(slug, f"{', '.join(names)} against D over {len(found)} models", f"{text}.", build, note)


def _shared(series: Iterable[Sequence[Entry]]) -> set[int | None]:
    """Each D that several series have, where their marks would lie on each other."""
    every = Counter(D for members in series for D in {one.section.reading.D for one in members})
    return {D for D, count in every.items() if count > 1}


def _reading(axes: Axes, one: Entry, colour: str, mark: str, top: float, aside: float) -> None:
    reading, D = one.section.reading, aside * float(one.section.reading.D or 0)
    options: dict[str, Any] = {"color": colour, "clip_on": False}
    ends = captions.interval_ends(reading)
    if ends is not None:
        low, high = max(ends[0], reading.d_min / 2), min(ends[1], top)
        axes.plot([D, D], [low, high], linewidth=1.2, **options)
        for end, shown, arrow in ((ends[0], low, "v"), (ends[1], high, "^")):
            if math.isinf(end):
                axes.plot(D, shown, arrow, markersize=5, **options)
    if reading.value is None:
        axes.plot(D, reading.d_max, mark, markersize=5, markerfacecolor=style.WHITE, **options)
    else:
        axes.plot(D, reading.value, mark, markersize=5, **options)


def _top(one: Entry) -> float:
    reading = one.section.reading
    return max(
        filter(None, (reading.value, reading.high, reading.d_max * 1.2 if reading.value is None else 0))
    )


def _d_limits(axes: Axes, found: Sequence[Entry], top: float) -> None:
    """From zero up, unless d_int spans so much that it takes a log axis."""
    lows = [
        one.section.reading.low or one.section.reading.value or one.section.reading.d_min for one in found
    ]
    if top > scale.LOG_SPAN * min(lows):
        axes.set_yscale("log")
        style.log_ticks(axes.yaxis)
        axes.set_ylabel(f"{axes.get_ylabel()} (log axis)")
    else:
        axes.set_ylim(0, top * 1.08)
