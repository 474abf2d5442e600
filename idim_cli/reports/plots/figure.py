"""Performance against d, in the style of Fig. 2 of Li et al. 2018."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import IdimError
from idim_cli.reports import scale
from idim_cli.reports.plots import marks
from idim_cli.reports.plots.style import (
    BLUE,
    FAINT,
    FILE,
    PAGE_SIZE,
    SKY,
    WHITE,
    Form,
    across,
    blank,
    legend_columns,
    math_name,
    named_across,
    titled,
)
from idim_cli.reports.points import Curve
from idim_cli.reports.text import captions
from idim_cli.thresholds.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from idim_cli.thresholds import Reading

_TICKS, _FEW, _LOW = 8, 5, 3.5  # names on the axis of performance; in a figure lower than so many inches
_AXIS_WIDTH = 38  # characters of the names of ticks, in a figure of a page and in wider ones


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
    form: Form = FILE,
) -> Figure:
    """The figure, to be drawn within `look.style`.

    Args:
        points: mean (or median), sd and n at each d, as `Curve.of` takes it.
        reading: a `Reading` of these runs: baseline (solid line), level (dashed), d_int (a diamond
            at the level, with its value in words) and its interval (a bar; an arrow where it is open).
        labels: title and names of the axes.
        log: axis of d; None chooses by how d is spread.
        published: further points, with d and mean, drawn faintly behind.
        form: what it is for; a page has the words around it.

    Raises:
        IdimError: there is no finished run.
    """
    curve = Curve.of(points, reading.centre if reading else "mean")
    if not curve.every_d:
        raise IdimError("there is no finished run to draw")
    return _figure(curve, reading, Curve.of(published), labels or Labels(), log, form)


def _figure(
    curve: Curve,
    reading: Reading | None,
    published: Curve,
    labels: Labels,
    log: bool | None,
    form: Form = FILE,
) -> Figure:
    figure = blank(form)
    axes = figure.add_subplot()
    room = min(1.0, form.usual[0] / PAGE_SIZE[0])
    _axis_of_d(axes, (*curve.every_d, *published.d), log, round(room * _AXIS_WIDTH))
    lines = captions.lines_of(reading)
    across(axes, lines)
    shown = [
        *_points(axes, curve),
        *_stopped(axes, curve),
        *(marks.solution(axes, reading) if reading else []),
        *_published(axes, published, labels.published),
    ]
    _axis_of_performance(axes, labels.performance, _FEW if form.size and form.size[1] < _LOW else _TICKS)
    if reading is not None:
        marks.value(axes, reading)
    share = percent(reading.fraction) if reading else ""
    named_across(axes, lines, {"baseline": "baseline", "level": f"{share} % level", "floor": "floor"}, form)
    axes.legend(
        handles=shown, loc="lower left", bbox_to_anchor=(0, 1.08 if form.narrow else 1),
        ncols=legend_columns([str(one.get_label()) for one in shown], form),
        frameon=False, borderaxespad=0.2, fontsize=8, handletextpad=0.6,
        columnspacing=1.5 if form.narrow else 2.5,
    )  # fmt: skip
    titled(figure, labels.title, _small_print(reading), form)
    return figure


def _axis_of_d(axes: Axes, d: Sequence[float], log: bool | None, room: int) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    span = scale.d_scale(d, scale.use_log(d) if log is None else log, margin=0.04)
    axes.set_xscale("log" if span.log else "linear")
    axes.set_xlim(span.low, span.high)
    ticks = span.ticks(lambda ticks: _have_room(span, ticks, room)) or [d[0]]
    axes.set_xticks(ticks, scale.labels(ticks))
    if span.log:
        axes.xaxis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=20))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("subspace dimension d" + (" (log axis)" if span.log else ""))


def _have_room(span: scale.Scale, ticks: Sequence[float], room: int) -> bool:
    """Whether these are whole numbers whose names do not touch."""
    ends = [(span.place(t), len(name) / 2) for t, name in zip(ticks, scale.labels(ticks), strict=True)]
    free = (room * (b - a) - half - other for (a, half), (b, other) in pairwise(ends))
    return len(ticks) <= 9 and all(tick % 1 == 0 for tick in ticks) and all(one >= 1 for one in free)


def _axis_of_performance(axes: Axes, label: str, most: int) -> None:
    low, high = axes.get_ylim()
    axes.set_yticks(scale.Scale(low, high).ticks(lambda ticks: len(ticks) <= most))
    axes.set_ylim(low, high)
    axes.set_ylabel(label)


def _published(axes: Axes, published: Curve, label: str) -> list[Any]:
    if not published.d:
        return []
    style: dict[str, Any] = {"color": FAINT, "markersize": 3.2, "markeredgewidth": 0, "zorder": 0.5}
    return [*axes.plot(published.d, published.mean, "o", label=label, **style)]


def _points(axes: Axes, curve: Curve) -> list[Any]:
    if not curve.d:
        return []
    bars = axes.errorbar(
        curve.d, curve.mean, yerr=curve.sd, fmt="o", color=BLUE, markersize=5, markerfacecolor=WHITE,
        markeredgewidth=1.1, elinewidth=0.9, capsize=2, zorder=3, label=_what_points_are(curve),
    )  # fmt: skip
    return [bars]


def _stopped(axes: Axes, curve: Curve) -> list[Any]:
    """Runs that ended early, at the performance that they had then."""
    shown = []
    kinds = (("^", "stopped: level reached", curve.solved), ("v", "stopped: out of reach", curve.unsolved))
    for mark, label, runs in kinds:
        if runs:
            d, performance = zip(*runs, strict=True)
            style: dict[str, Any] = {"color": SKY, "markersize": 5.5, "markeredgecolor": BLUE}
            style["markeredgewidth"] = 0.8
            shown += axes.plot(d, performance, mark, label=label, zorder=2.5, **style)
    return shown


def _what_points_are(curve: Curve) -> str:
    least, most = min(curve.n), max(curve.n)
    if most == 1:
        return "one run at each d"
    runs = str(most) if least == most else f"{least} to {most}"
    return f"{curve.centre} ± sd of {runs} runs"


def _small_print(reading: Reading | None) -> str:
    if reading is None:
        return ""
    return "\n".join(captions.caption(reading)).replace(reading.name, math_name(reading.name), 1)
