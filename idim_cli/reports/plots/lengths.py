"""Description lengths side by side: the bits of compressed networks by problem and model, as bars."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from idim_cli.reports import scale
from idim_cli.reports.inputs.records import CompressedRecord
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.tables.compressed import labels, measure
from idim_cli.thresholds import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.2  # inches a bar whose label is one line
_LABEL = 34  # characters a line
_LEAST = 1.4  # inches of a figure
_TITLE = "Minimum description length"


def chart(found: Sequence[CompressedRecord], slug: str) -> Chart | None:
    """A bar for each file, problem by problem and ascending; None for fewer than two."""
    if len(found) < 2:
        return None
    named = sorted(
        zip(labels(found), found, strict=True), key=lambda one: (one[1].dataset, one[1].bits, one[0])
    )
    bits = [one.bits for _, one in named]
    names = [textwrap.fill(label, _LABEL, break_on_hyphens=False) for label, _ in named]
    row = _ROW * (1 + max(name.count("\n") for name in names))
    log = max(bits) > scale.LOG_SPAN * min(bits)

    def build(form: style.Form) -> Figure:
        figure = style.blank(form, height=max(_LEAST, row * len(named) + 0.9))
        axes = figure.add_subplot(
            xscale="log" if log else "linear", xlabel="bits of the network" + (" (log axis)" if log else "")
        )
        _bars(axes, [one for _, one in named], log, form)
        axes.set_yticks(range(len(named)), names)
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        style.titled(figure, _TITLE, note, form)
        return figure

    text = "; ".join(f"{label}: {one.bits:,.0f} bits" for label, one in named)
    note = _note(found)
    return Chart(slug, f"{_TITLE}: bits of {len(found)} compressed networks", f"{text}.", build, note)


def _bars(axes: Axes, found: Sequence[CompressedRecord], log: bool, form: style.Form) -> None:
    bits = [one.bits for one in found]
    models = {name: place for place, name in enumerate(dict.fromkeys(one.model for one in found))}
    few = len(models) <= len(style.LOOKS)
    colours = [style.LOOKS[models[one.model]][0] if few else style.BLUE for one in found]
    axes.barh(range(len(found)), bits, color=colours, alpha=0.55, height=0.7)
    low, room = (
        min(bits) / 2 if log else 0,
        0.8 if form.narrow else 0.4,
    )  # room for words, a share of the longest bar
    axes.set_xlim(low, max(bits) * ((max(bits) / low) ** room if log else 1 + room))
    if log:
        style.log_ticks(axes.xaxis)
    else:
        axes.xaxis.set_major_formatter("{x:,.0f}")
    for place, one in enumerate(found):
        score = "" if one.performance is None else f" at {number(one.performance)}"
        axes.annotate(
            f"{one.bits:,.0f}{score}",
            (one.bits, place),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )


def _note(found: Sequence[CompressedRecord]) -> str:
    """What the bars are, and what they say."""
    whole = (
        " Without a bound they are those of the whole file." if any(not one.bound for one in found) else ""
    )
    return (
        f"At the end of each bar: its bits and its {measure(found)}.{whole}\n"
        "The fewest bits that describe a network as good as one of these are no more than its own."
    )
