"""Trained parameters against performance, as Fig. 4 of Li et al. 2018: networks and subspaces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.inputs.published import PublishedNet
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.text import captions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SUBSPACES = "subspaces of dimension d"
_MOST_NETS = 300  # published networks that are drawn: more only make the page larger


def chart(found: Sequence[Entry], nets: Sequence[PublishedNet], source: str, slug: str) -> Chart:
    """Performance against the number of trained parameters: direct networks at D, subspaces at d."""
    measures = dict.fromkeys(one.section.performance for one in found)
    count = min(len(nets), _MOST_NETS)
    few = [nets[int(index * len(nets) / count)] for index in range(count)]
    many = len(found) > style.MOST_NAMED
    groups = [_SUBSPACES] if many or len(found) == 1 else [style.cut(one.label) for one in found]

    def build(medium: style.Medium) -> Figure:
        legend = [*groups, "direct", "d_int", *["nets"][: len(nets)]]
        figure = style.blank(medium, legend=legend)
        axes = figure.add_subplot(
            xscale="log", xlabel="trained parameters (log axis)", ylabel=", ".join(measures)
        )
        if few:
            axes.plot(
                [net.D for net in few], [net.performance for net in few], "o", color=style.FAINT,
                markersize=2.2, markeredgewidth=0, zorder=0.5, label="published small nets",
            )  # fmt: skip
        for index, (one, look) in enumerate(zip(found, style.series_styles(len(found)), strict=True)):
            # Of too many groups to name, the first one's label stands in the legend for all.
            _subspaces(axes, one, look, groups[index] if index < len(groups) else "_", len(found))
        _direct(axes, found)
        _solutions(axes, found)
        style.log_ticks(axes.xaxis)
        style.legend_below(figure, legend, medium)
        style.titled(figure, "Trained parameters against performance", "", medium)
        return figure

    text = "; ".join(filter(None, map(_direct_text, found))) or "no runs"
    note = "Squares: the networks trained directly, at their D. Diamonds: subspaces of dimension d_int."
    if nets:
        note += f" Grey: small networks trained directly, {count} of {len(nets)} ({source})."
    return Chart(slug, "Trained parameters against performance", f"Direct: {text}.", build, note)


def _subspaces(axes: Axes, one: Entry, look: tuple[str, str], label: str, of: int) -> None:
    curve, (colour, mark) = one.section.curve, look
    if curve.d:
        axes.errorbar(
            curve.d, curve.mean, yerr=curve.sd, fmt=f"{mark}-", color=colour, linewidth=0.8, elinewidth=0.8,
            alpha=0.85, markersize=4 if of <= len(style.SERIES) else 2.5, label=label,
        )  # fmt: skip


def _direct(axes: Axes, found: Sequence[Entry]) -> None:
    samples = [one.section.sample for one in found if one.section.sample.D]
    # A set: groups of one sweep may share their direct runs.
    points = {(sample.D, float(run)) for sample in samples for run in sample.direct}
    if points:
        d, performance = zip(*sorted(points), strict=True)
        options: dict[str, Any] = {"color": style.BLACK, "markersize": 4.5, "markerfacecolor": style.WHITE}
        axes.plot(d, performance, "s", label="direct, all D trained", zorder=4, **options)


def _solutions(axes: Axes, found: Sequence[Entry]) -> None:
    """Each d_int at the level, with its interval."""
    options: dict[str, Any] = {"color": style.RED, "zorder": 5}
    label = "d_int at the level"
    for one in found:
        if one.reading.value is None:
            continue
        ends = [one.reading.value, *filter(math.isfinite, captions.interval_ends(one.reading) or ())]
        axes.plot(ends, [one.reading.level] * len(ends), linewidth=1.2, **options)
        axes.plot(one.reading.value, one.reading.level, "D", markersize=3.5, label=label, **options)
        label = "_"  # once in the legend


def _direct_text(one: Entry) -> str:
    sample = one.section.sample
    if not sample.D or not len(sample.direct):
        return ""
    return f"{one.label}: {float(sample.direct.mean()):.4g} at D = {sample.D:,}, {one.in_words}"
