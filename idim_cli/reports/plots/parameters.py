"""Trained parameters against performance, as Fig. 4 of Li et al. 2018: networks beside subspaces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.inputs.published import Net
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.text import captions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SUBSPACES = "subspaces of dimension d"
_MOST_NETS = 300  # of others that are drawn


def chart(found: Sequence[Entry], nets: Sequence[Net], source: str, slug: str) -> Chart:
    """Performance against the number of trained parameters: direct nets at D beside subspaces at d."""
    measures = dict.fromkeys(one.section.performance for one in found)

    def build(form: style.Form) -> Figure:
        named = [one.label for one in found] if len(found) <= style.MOST_NAMED else []
        columns, room = style.below([*named, "direct", "d_int", "subspaces", *["nets"][: len(nets)]], form)
        figure = style.blank(form, height=form.usual[1] + room)
        axes = figure.add_subplot(
            xscale="log", xlabel="trained parameters (log axis)", ylabel=", ".join(measures)
        )
        _nets(axes, nets, source)
        for one, look in zip(found, style.looks(len(found)), strict=True):
            _subspaces(axes, one, look, style.cut(one.label) if len(found) > 1 else _SUBSPACES, len(found))
        _direct(axes, found)
        _solutions(axes, found)
        style.log_ticks(axes.xaxis)
        style.legend_below(figure, columns)
        style.titled(figure, "Trained parameters against performance", "", form)
        return figure

    text = "; ".join(filter(None, (_direct_told(one) for one in found))) or "no runs"
    note = "Squares: the networks trained directly, at their D. Diamonds: subspaces of dimension d_int."
    if nets:
        note += f" Grey: small networks trained directly, {_shown(nets)} of {len(nets)} ({source})."
    return Chart(slug, "Trained parameters against performance", f"Direct: {text}.", build, note)


def _subspaces(axes: Axes, one: Entry, shown: tuple[str, str], label: str, of: int) -> None:
    curve, (colour, mark) = one.section.curve, shown
    if not curve.d:
        return
    options: dict[str, Any] = {"color": colour, "linewidth": 0.8, "elinewidth": 0.8, "alpha": 0.85}
    if of > style.MOST_NAMED:  # too many to name: they share one name
        label = "_" if axes.containers else _SUBSPACES
    size = 4 if of <= len(style.LOOKS) else 2.5
    axes.errorbar(curve.d, curve.mean, yerr=curve.sd, fmt=f"{mark}-", markersize=size, label=label, **options)


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
        options: dict[str, Any] = {"color": style.BLACK, "markersize": 4.5, "markerfacecolor": style.WHITE}
        axes.plot(d, performance, "s", label="direct, all D trained", zorder=4, **options)


def _solutions(axes: Axes, found: Sequence[Entry]) -> None:
    """Each d_int at the level, with its interval."""
    options: dict[str, Any] = {"color": style.RED, "zorder": 5}
    label = "d_int at the level"
    for one in found:
        if one.section.reading.value is None:
            continue
        ends = captions.interval_ends(one.section.reading) or ()
        bounded = [end for end in ends if math.isfinite(end)]
        level = one.section.reading.level
        ends_at = [one.section.reading.value, *bounded]
        axes.plot(ends_at, [level] * len(ends_at), linewidth=1.2, **options)
        axes.plot(one.section.reading.value, level, "D", markersize=3.5, label=label, **options)
        label = "_"  # one name for all


def _nets(axes: Axes, nets: Sequence[Net], source: str) -> None:
    if nets:
        step = len(nets) / _shown(nets)
        shown = [nets[int(index * step)] for index in range(_shown(nets))]
        drawn: dict[str, Any] = {"color": style.FAINT, "markersize": 2.2, "markeredgewidth": 0, "zorder": 0.5}
        axes.plot(
            [n.D for n in shown], [n.performance for n in shown], "o", label="published small nets", **drawn
        )


def _shown(nets: Sequence[Net]) -> int:
    return min(len(nets), _MOST_NETS)


def _direct_told(one: Entry) -> str:
    sample = one.section.sample
    if not sample.D or not len(sample.direct):
        return ""
    return f"{one.label}: {float(sample.direct.mean()):.4g} at D = {sample.D:,}, {one.told}"
