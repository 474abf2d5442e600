"""Performance against d, in the style of Fig. 2 of Li et al. 2018."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from idim_cli.errors import IdimError
from idim_cli.reports import scale, words
from idim_cli.reports.curve import Curve
from idim_cli.reports.look import BLUE, FAINT, RED, SMALL, across, blank, math_name, named_across
from idim_cli.thresholds.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from idim_cli.thresholds import Reading

_AXIS_WIDTH = 38  # characters of the names of ticks
_CAPTION_WIDTH = 118  # characters of the small print across the figure


@dataclass(frozen=True)
class Labels:
    """The words around a figure.

    Attributes:
        title: what was measured, such as "mnist, fc, tied".
        performance: what the performance is, such as "validation accuracy".
        published: legend of the overlay.
    """

    title: str = ""
    performance: str = "performance"
    published: str = "published"


def build(
    points: Any,
    reading: Reading | None = None,
    *,
    labels: Labels | None = None,
    log: bool | None = None,
    published: Any = None,
    page: bool = False,
) -> Figure:
    """The figure, to be drawn within `look.style`.

    Args:
        points: mean (or median), sd and n at each d, as `Curve.of` takes it.
        reading: a `Reading` of these runs: baseline (solid line), level (dashed), d_int and its interval
            (horizontal bar at the level). The smallest d at or above d_int is filled.
        labels: title and names of the axes.
        log: axis of d; None chooses by how d is spread.
        published: further points, with d and mean, drawn faintly behind.
        page: leaves its words to the page around it.

    Raises:
        IdimError: there is no finished run.
    """
    curve = Curve.of(points, reading.centre if reading else "mean")
    if not curve.every_d:
        raise IdimError("there is no finished run to draw")
    return _figure(curve, reading, Curve.of(published), labels or Labels(), log, page)


def _figure(
    curve: Curve,
    reading: Reading | None,
    published: Curve,
    labels: Labels,
    log: bool | None,
    page: bool = False,
) -> Figure:
    figure = blank(page)
    axes = figure.add_subplot()
    _axis_of_d(axes, (*curve.every_d, *published.d), log)
    lines = words.lines_of(reading)
    across(axes, lines)
    shown = [
        *_points(axes, curve, reading),
        *_stopped(axes, curve),
        *_interval(axes, reading),
        *_published(axes, published, labels.published),
    ]
    _axis_of_performance(axes, labels.performance)
    share = percent(reading.fraction) if reading else ""
    named_across(axes, lines, {"baseline": "baseline", "level": f"{share} % level"}, page)
    axes.legend(
        handles=shown, loc="lower left", bbox_to_anchor=(0, 1.08 if page else 1), ncols=2, frameon=False,
        borderaxespad=0.2, fontsize=8, handletextpad=0.6, columnspacing=1.5 if page else 2.5,
    )  # fmt: skip
    if not page:
        _words(figure, reading, labels)
    return figure


def _axis_of_d(axes: Axes, d: Sequence[float], log: bool | None) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    span = scale.d_scale(d, scale.use_log(d) if log is None else log, margin=0.04)
    axes.set_xscale("log" if span.log else "linear")
    axes.set_xlim(span.low, span.high)
    ticks = span.ticks(lambda ticks: _have_room(span, ticks)) or [d[0]]
    axes.set_xticks(ticks, scale.labels(ticks))
    if span.log:
        axes.xaxis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=20))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("subspace dimension d" + (" (log axis)" if span.log else ""))


def _have_room(span: scale.Scale, ticks: Sequence[float]) -> bool:
    """Whether these are whole numbers whose names do not touch."""
    ends = [(span.place(t), len(name) / 2) for t, name in zip(ticks, scale.labels(ticks), strict=True)]
    free = (_AXIS_WIDTH * (b - a) - half - other for (a, half), (b, other) in pairwise(ends))
    return len(ticks) <= 9 and all(tick % 1 == 0 for tick in ticks) and all(room >= 1 for room in free)


def _axis_of_performance(axes: Axes, label: str) -> None:
    low, high = axes.get_ylim()
    axes.set_yticks(scale.Scale(low, high).ticks(lambda ticks: len(ticks) <= 8))
    axes.set_ylim(low, high)
    axes.set_ylabel(label)


def _published(axes: Axes, published: Curve, label: str) -> list[Any]:
    if not published.d:
        return []
    style: dict[str, Any] = {"color": FAINT, "markersize": 3.2, "markeredgewidth": 0, "zorder": 0.5}
    return [*axes.plot(published.d, published.mean, "o", label=label, **style)]


def _points(axes: Axes, curve: Curve, reading: Reading | None) -> list[Any]:
    if not curve.d:
        return []
    bars = axes.errorbar(
        curve.d, curve.mean, yerr=curve.sd, fmt="o", color=BLUE, markersize=5, markerfacecolor="white",
        markeredgewidth=1.1, elinewidth=0.9, capsize=2, zorder=3, label=_what_points_are(curve),
    )  # fmt: skip
    first = words.first_solving(curve, reading)
    if first is None:
        return [bars]
    label = f"first d that solves: {curve.d[first]:,.0f}"
    style: dict[str, Any] = {"color": BLUE, "markersize": 6, "zorder": 4, "label": label}
    return [bars, *axes.plot(curve.d[first], curve.mean[first], "o", **style)]


def _stopped(axes: Axes, curve: Curve) -> list[Any]:
    """Runs that ended early, at the performance that they had then."""
    shown = []
    kinds = (("^", "stopped as solved", curve.solved), ("v", "stopped as unsolved", curve.unsolved))
    for mark, label, runs in kinds:
        if runs:
            d, performance = zip(*runs, strict=True)
            style: dict[str, Any] = {"color": BLUE, "markersize": 5, "alpha": 0.55, "markeredgewidth": 0}
            shown += axes.plot(d, performance, mark, label=label, zorder=2.5, **style)
    return shown


def _what_points_are(curve: Curve) -> str:
    least, most = min(curve.n), max(curve.n)
    if most == 1:
        return "one run at each d"
    runs = str(most) if least == most else f"{least} to {most}"
    return f"{curve.centre} ± sd of {runs} runs"


def _interval(axes: Axes, reading: Reading | None) -> list[Any]:
    """The interval of d_int at the height of the level; an arrow at an end that the runs do not bound."""
    ends = words.interval_ends(reading)
    if reading is None or ends is None:
        return []
    limits, height = axes.get_xlim(), reading.level
    low, high = (min(max(end, limits[0]), limits[1]) for end in ends)
    label = f"{percent(reading.confidence)} % interval of {math_name(reading.name)}"
    style: dict[str, Any] = {"color": RED, "markeredgewidth": 1.6, "zorder": 3.5, "clip_on": False}
    for end, shown, arrow in ((ends[0], low, "<"), (ends[1], high, ">")):
        axes.plot(shown, height, arrow if math.isinf(end) else "|", markersize=9, **style)
    if reading.value is not None:
        axes.plot(reading.value, height, "|", markersize=16, **style)
    return [*axes.plot([low, high], [height, height], linewidth=1.8, label=label, **style)]


def _words(figure: Figure, reading: Reading | None, labels: Labels) -> None:
    if labels.title:
        title = textwrap.fill(labels.title, 66)
        figure.suptitle(title, x=0.012, ha="left", fontsize=10.5, fontweight="bold")
    if reading is not None:
        lines = [line for text in words.caption(reading) for line in textwrap.wrap(text, _CAPTION_WIDTH)]
        lines[0] = lines[0].replace(reading.name, math_name(reading.name), 1)
        figure.supxlabel("\n".join(lines), x=0.012, ha="left", fontsize=7.5, color=SMALL, linespacing=1.4)
