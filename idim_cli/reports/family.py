"""Figures over a family of models: d_int against D, and trainable parameters against performance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports import look, scale, words
from idim_cli.reports.chart import Chart
from idim_cli.reports.entries import Entry
from idim_cli.reports.published import Net

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_NAMED = 4  # groups that get a colour of their own
_SUBSPACES = "subspaces of dimension d"
_ASIDE = 1.07  # factor between the places of two series at one D
_MOST_NETS = 300  # of others that are drawn


def sizes(found: Sequence[Entry]) -> list[Entry]:
    """The groups whose D is known, if they differ in it; else none."""
    known = [one for one in found if one.section.reading.D]
    return known if len({one.section.reading.D for one in known}) > 1 else []


def d_against_D(found: Sequence[Entry], slug: str) -> Chart:
    """d_int with its interval against D, a series for each family; for groups as `sizes` gives them."""
    name = found[0].section.reading.name
    series: dict[str, list[Entry]] = {}
    for one in found:
        series.setdefault(one.family, []).append(one)

    def build(page: bool) -> Figure:
        figure = look.blank(page)
        axes = figure.add_subplot(
            xscale="log", xlabel="native parameters D (log axis)", ylabel=look.math_name(name)
        )
        top = max(_top(one) for one in found)
        looks = _looks(len(series))
        for index, ((family, members), (colour, mark)) in enumerate(zip(series.items(), looks, strict=True)):
            aside = _ASIDE ** (index - (len(series) - 1) / 2)
            for one in members:
                _reading(axes, one, colour, mark, top, aside)
            axes.plot([], [], mark, color=colour, label=_cut(family, page))
        _d_limits(axes, found, top)
        look.log_ticks(axes.xaxis)
        if 1 < len(series) <= _MOST_NAMED:
            look.legend(axes)
        look.titled(figure, f"{name} against D", note, page)
        return figure

    text = "; ".join(f"{one.label}: D = {one.section.reading.D:,}, {_told(one)}" for one in found)
    note = "Bars are the intervals; an arrow points to where the runs set no bound."
    if len(series) > 1:
        note += " Series stand a little apart where their D is the same."
    return Chart(slug, f"{name} against D over {len(found)} models", f"{text}.", build, note)


def parameters(found: Sequence[Entry], nets: Sequence[Net], source: str, slug: str) -> Chart:
    """Performance against the number of trained parameters: direct nets at D beside subspaces at d."""
    measures = dict.fromkeys(one.section.performance for one in found)

    def build(page: bool) -> Figure:
        figure = look.blank(page)
        axes = figure.add_subplot(
            xscale="log", xlabel="trained parameters (log axis)", ylabel=", ".join(measures)
        )
        _nets(axes, nets, source)
        for one, (colour, mark) in zip(found, _looks(len(found)), strict=True):
            _subspaces(
                axes, one, colour, mark, _cut(one.label, page) if len(found) > 1 else _SUBSPACES, len(found)
            )
        _direct(axes, found)
        _solutions(axes, found)
        look.log_ticks(axes.xaxis)
        look.legend(axes)
        look.titled(figure, "Trained parameters against performance", "", page)
        return figure

    text = "; ".join(filter(None, (_direct_told(one) for one in found)))
    note = "Squares: the networks trained directly, at their D. Diamonds: subspaces of dimension d_int."
    if nets:
        note += f" Grey: small networks trained directly, {_shown(nets)} of {len(nets)} ({source})."
    return Chart(slug, "Trained parameters against performance", f"Direct: {text}.", build, note)


def _reading(axes: Axes, one: Entry, colour: str, mark: str, top: float, aside: float) -> None:
    reading, D = one.section.reading, aside * float(one.section.reading.D or 0)
    style: dict[str, Any] = {"color": colour, "clip_on": False}
    ends = words.interval_ends(reading)
    if ends is not None:
        low, high = max(ends[0], reading.d_min / 2), min(ends[1], top)
        axes.plot([D, D], [low, high], linewidth=1.2, **style)
        for end, shown, arrow in ((ends[0], low, "v"), (ends[1], high, "^")):
            if math.isinf(end):
                axes.plot(D, shown, arrow, markersize=5, **style)
    if reading.value is None:
        axes.plot(D, reading.d_max, mark, markersize=5, markerfacecolor=look.WHITE, **style)
    else:
        axes.plot(D, reading.value, mark, markersize=5, **style)


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
        look.log_ticks(axes.yaxis)
        axes.set_ylabel(f"{axes.get_ylabel()} (log axis)")
    else:
        axes.set_ylim(0, top * 1.08)


def _subspaces(axes: Axes, one: Entry, colour: str, mark: str, label: str, of: int) -> None:
    curve = one.section.curve
    if not curve.d:
        return
    style: dict[str, Any] = {"color": colour, "linewidth": 0.8, "elinewidth": 0.8, "alpha": 0.85}
    if of > _MOST_NAMED:  # all look the same, and share one name
        label = "_" if axes.containers else _SUBSPACES
    size = 4 if of <= _MOST_NAMED else 2.5
    axes.errorbar(curve.d, curve.mean, yerr=curve.sd, fmt=f"{mark}-", markersize=size, label=label, **style)


def _direct(axes: Axes, found: Sequence[Entry]) -> None:
    import numpy as np

    points = {
        (one.section.sample.D, float(run))
        for one in found
        if one.section.sample.D
        for run in np.asarray(one.section.sample.direct)
    }
    if points:
        d, performance = zip(*sorted(points), strict=True)
        style: dict[str, Any] = {"color": look.BLACK, "markersize": 4.5, "markerfacecolor": look.WHITE}
        axes.plot(d, performance, "s", label="direct, all D trained", zorder=4, **style)


def _solutions(axes: Axes, found: Sequence[Entry]) -> None:
    """Each d_int at the level, with its interval."""
    style: dict[str, Any] = {"color": look.RED, "zorder": 5}
    for one in found:
        if one.section.reading.value is None:
            continue
        ends = words.interval_ends(one.section.reading) or ()
        bounded = [end for end in ends if math.isfinite(end)]
        level = one.section.reading.level
        axes.plot([one.section.reading.value, *bounded], [level] * (1 + len(bounded)), linewidth=1.2, **style)
        first = "_" if any(line.get_marker() == "D" for line in axes.lines) else "d_int at the level"
        axes.plot(one.section.reading.value, level, "D", markersize=3.5, label=first, **style)


def _nets(axes: Axes, nets: Sequence[Net], source: str) -> None:
    if nets:
        step = len(nets) / _shown(nets)
        shown = [nets[int(index * step)] for index in range(_shown(nets))]
        style: dict[str, Any] = {"color": look.FAINT, "markersize": 2.2, "markeredgewidth": 0, "zorder": 0.5}
        axes.plot(
            [n.D for n in shown], [n.performance for n in shown], "o", label="published small nets", **style
        )


def _shown(nets: Sequence[Net]) -> int:
    return min(len(nets), _MOST_NETS)


def _direct_told(one: Entry) -> str:
    sample = one.section.sample
    if not sample.D or not len(sample.direct):
        return ""
    return f"{one.label}: {float(sample.direct.mean()):.4g} at D = {sample.D:,}, {_told(one)}"


def _told(one: Entry) -> str:
    reading = one.section.reading
    return f"{reading.name} {reading.value_text} ({reading.interval_text})"


def _looks(count: int) -> list[tuple[str, str]]:
    """Colour and mark of each series; one colour for all where there are too many to tell apart."""
    if count > _MOST_NAMED:
        return [(look.BLUE, "o")] * count
    return list(look.LOOKS[:count])


def _cut(label: str, page: bool) -> str:
    most = 20 if page else 40
    return label if len(label) <= most else f"{label[: most - 1]}…"
