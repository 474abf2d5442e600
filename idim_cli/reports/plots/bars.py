"""d_int of all groups side by side as bars."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports import scale
from idim_cli.reports.inputs import levels
from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.text import captions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 0.2  # inches a bar
_LEAST = 1.4  # inches of a figure
_LABEL, _LINES = 34, 3  # characters of a line of a label, and lines


def chart(found: Sequence[Entry], slug: str) -> Chart:
    """A bar for each group with its interval, ascending, unreached ones last; two groups or more."""
    ordered = sorted(found, key=lambda one: (one.section.reading.value is None, _length(one), one.label))
    names = dict.fromkeys(one.section.reading.name for one in found)
    log = max(map(_length, found)) > scale.LOG_SPAN * min(map(_length, found))

    def build(form: style.Form) -> Figure:
        labels = _short([one.label for one in ordered])
        row = _ROW * (1 + max(label.count("\n") for label in labels))
        figure = style.blank(form, height=max(_LEAST, row * len(ordered) + 0.9))
        axes = figure.add_subplot(
            xlabel=", ".join(map(style.math_name, names)) + (" (log axis)" if log else "")
        )
        if log:
            axes.set_xscale("log")
        lengths = [_length(one) for one in ordered]
        filled = [one.section.reading.value is not None for one in ordered]
        colours = [style.BLUE if reached else style.WHITE for reached in filled]
        options: dict[str, Any] = {"edgecolor": style.BLUE, "alpha": 0.55, "height": 0.7}
        axes.barh(range(len(ordered)), lengths, color=colours, **options)
        _left_edge(axes, ordered, log)
        if log:
            style.log_ticks(axes.xaxis)
        for place, one in enumerate(ordered):
            _whisker(axes, place, one)
        axes.set_yticks(range(len(ordered)), labels)
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        style.titled(figure, "Problems side by side", note, form)
        return figure

    text = "; ".join(f"{one.label}: {one.section.reading.value_text}" for one in ordered)
    open_ended = any(one.section.reading.value is None for one in found)
    kind = captions.interval_kind(one.section.reading for one in ordered)
    hollow = "A hollow bar: not reached by the largest d, where the bar ends." if open_ended else ""
    note = " ".join(filter(None, (f"Lines are the {kind}s.", hollow, levels.differ(found))))
    return Chart(slug, f"{', '.join(names)} of {len(found)} problems", f"{text}.", build, note)


def _length(one: Entry) -> float:
    reading = one.section.reading
    return float(reading.d_max if reading.value is None else reading.value)


def _left_edge(axes: Any, found: Sequence[Entry], log: bool) -> None:
    ends = [end for one in found for end in (captions.interval_ends(one.section.reading) or ())]
    known = [*map(_length, found), *(end for end in ends if math.isfinite(end))]
    axes.set_xlim(min(known) / 2 if log else 0, max(known) * (1.5 if log else 1.08))


def _whisker(axes: Any, place: int, one: Entry) -> None:
    ends, limits = captions.interval_ends(one.section.reading), axes.get_xlim()
    options: dict[str, Any] = {"color": style.RED, "zorder": 3}
    if ends is None:
        return
    low, high = (min(max(end, limits[0]), limits[1]) for end in ends)
    axes.plot([low, high], [place, place], linewidth=1.5, **options)
    for end, shown, arrow in ((ends[0], low, "<"), (ends[1], high, ">")):
        axes.plot(shown, place, arrow if math.isinf(end) else "|", markersize=5, clip_on=False, **options)


def _short(labels: Sequence[str]) -> list[str]:
    """Labels in lines of the room beside the bars."""
    return [
        textwrap.fill(label, _LABEL, max_lines=_LINES, placeholder=" …", break_on_hyphens=False)
        for label in labels
    ]
