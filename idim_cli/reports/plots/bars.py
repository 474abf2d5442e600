"""Horizontal bars: d_int of all groups, and the description lengths of compressed networks."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.compression.record import Compressed
from idim_cli.reports import scale
from idim_cli.reports.inputs.entries import Entry, level_note
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.tables import compressed
from idim_cli.reports.text import captions
from idim_cli.thresholds import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _FRAME, _LEAST = (
    0.2,
    0.9,
    1.4,
)  # inches of a line of a label, of the axis and title, of a figure at least
_LABEL, _LINES = 34, 3  # characters of a line of a label, and lines
_MDL = "Minimum description length"


def d_int(found: Sequence[Entry], slug: str) -> Chart:
    """d_int of each group with its interval, ascending, unreached ones last; two groups or more."""
    # Ties by label, so that the order is the same every time.
    ordered = sorted(found, key=lambda one: (one.reading.value is None, _length(one), one.label))
    names = dict.fromkeys(one.reading.name for one in found)
    lengths = [_length(one) for one in ordered]

    def build(medium: style.Medium) -> Figure:
        figure, axes, log = _blank([one.label for one in ordered], lengths, medium)
        axes.set_xlabel(", ".join(map(style.math_name, names)) + (" (log axis)" if log else ""))
        reached = [one.reading.value is not None for one in ordered]
        axes.barh(
            range(len(ordered)), lengths, color=[style.BLUE if yes else style.WHITE for yes in reached],
            edgecolor=style.BLUE, alpha=0.55, height=0.7,
        )  # fmt: skip
        ends = [end for one in ordered for end in (captions.interval_ends(one.reading) or ())]
        known = [*lengths, *filter(math.isfinite, ends)]
        # On a log axis bars have no zero to start from: half the shortest keeps all of them visible.
        axes.set_xlim(min(known) / 2 if log else 0, max(known) * (1.5 if log else 1.08))
        if log:
            style.log_ticks(axes.xaxis)
        for place, one in enumerate(ordered):
            _whisker(axes, place, one)
        style.titled(figure, "Problems side by side", note, medium)
        return figure

    text = "; ".join(f"{one.label}: {one.reading.value_text}" for one in ordered)
    hollow = "A hollow bar: not reached by the largest d, where the bar ends."
    kind = captions.interval_kind(one.reading for one in ordered)
    unreached = any(one.reading.value is None for one in found)
    note = " ".join(filter(None, (f"Lines are the {kind}s.", hollow if unreached else "", level_note(found))))
    return Chart(slug, f"{', '.join(names)} of {len(found)} problems", f"{text}.", build, note)


def description_lengths(found: Sequence[Compressed], slug: str) -> Chart | None:
    """The bits of each file, problem by problem and ascending; None for fewer than two files."""
    if len(found) < 2:
        return None
    named = sorted(
        zip(compressed.labels(found), found, strict=True),
        key=lambda one: (one[1].dataset, one[1].bits, one[0]),
    )
    files = [one for _, one in named]

    def build(medium: style.Medium) -> Figure:
        figure, axes, log = _blank([label for label, _ in named], [one.bits for one in files], medium)
        axes.set_xlabel("bits of the network" + (" (log axis)" if log else ""))
        _length_bars(axes, files, log, medium)
        style.titled(figure, _MDL, note, medium)
        return figure

    text = "; ".join(f"{label}: {one.bits:,.0f} bits" for label, one in named)
    whole = "" if all(one.bound for one in found) else " Without a bound they are those of the whole file."
    note = (
        f"At the end of each bar: its bits and its {compressed.measure(found)}.{whole}\n"
        "The fewest bits that describe a network as good as one of these are no more than its own."
    )
    return Chart(slug, f"{_MDL}: bits of {len(found)} compressed networks", f"{text}.", build, note)


def _blank(
    labels: Sequence[str], lengths: Sequence[float], medium: style.Medium
) -> tuple[Figure, Axes, bool]:
    """A figure with a row for each bar, its axes, and whether these are logarithmic."""
    lines = [
        textwrap.fill(label, _LABEL, max_lines=_LINES, placeholder=" …", break_on_hyphens=False)
        for label in labels
    ]
    row = _ROW * (1 + max(text.count("\n") for text in lines))
    figure = style.blank(medium, height=max(_LEAST, row * len(labels) + _FRAME))
    # Short bars would vanish next to one that is twenty times longer.
    log = max(lengths) > scale.LOG_SPAN * min(lengths)
    axes = figure.add_subplot(xscale="log" if log else "linear")
    axes.set_yticks(range(len(labels)), lines)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    return figure, axes, log


def _length(one: Entry) -> float:
    return float(one.reading.d_max if one.reading.value is None else one.reading.value)


def _whisker(axes: Axes, place: int, one: Entry) -> None:
    ends, limits = captions.interval_ends(one.reading), axes.get_xlim()
    options: dict[str, Any] = {"color": style.RED, "zorder": 3}
    if ends is None:
        return
    # Open ends are infinite: they are drawn at the edge, as arrows.
    low, high = (min(max(end, limits[0]), limits[1]) for end in ends)
    axes.plot([low, high], [place, place], linewidth=1.5, **options)
    for end, shown, arrow in ((ends[0], low, "<"), (ends[1], high, ">")):
        axes.plot(shown, place, arrow if math.isinf(end) else "|", markersize=5, clip_on=False, **options)


def _length_bars(axes: Axes, found: Sequence[Compressed], log: bool, medium: style.Medium) -> None:
    bits = [one.bits for one in found]
    models = {name: place for place, name in enumerate(dict.fromkeys(one.model for one in found))}
    # With more models than colours, equal colours would suggest equal models.
    few = len(models) <= len(style.SERIES)
    colours = [style.SERIES[models[one.model]][0] if few else style.BLUE for one in found]
    axes.barh(range(len(found)), bits, color=colours, alpha=0.55, height=0.7)
    # Room behind the longest bar for its words, as a share of its length.
    low, room = min(bits) / 2 if log else 0, 0.8 if medium.narrow else 0.4
    axes.set_xlim(low, max(bits) * ((max(bits) / low) ** room if log else 1 + room))
    if log:
        style.log_ticks(axes.xaxis)
    else:
        axes.xaxis.set_major_formatter("{x:,.0f}")
    for place, one in enumerate(found):
        score = "" if one.performance is None else f" at {number(one.performance)}"
        axes.annotate(
            f"{one.bits:,.0f}{score}", (one.bits, place), (3, 0),
            textcoords="offset points", va="center", fontsize=7.5,
        )  # fmt: skip
