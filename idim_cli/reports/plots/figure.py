"""Performance against d, in the style of Fig. 2 of Li et al. 2018."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import IdimError
from idim_cli.reports import scale
from idim_cli.reports.plots import marks, style
from idim_cli.reports.points import Curve
from idim_cli.reports.text import captions
from idim_cli.thresholds.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from idim_cli.thresholds import Reading

_TICKS, _FEW, _LOW = (
    8,
    5,
    3.5,
)  # ticks on the axis of performance; fewer in a figure lower than so many inches
_AXIS_WIDTH = 38  # characters of tick labels that fit below the axis of a figure of a page, and of wider ones
_D_TICKS = 9  # on the axis of d at most: more are clutter even where they fit


def build(
    points: Any,
    reading: Reading | None = None,
    *,
    title: str = "",
    performance: str = "performance",
    log: bool | None = None,
    published: Any = None,
    medium: style.Medium = style.FILE,
) -> Figure:
    """The figure, to be drawn within `style.style`.

    Args:
        points: mean (or median), sd and n at each d, as `Curve.of` takes it.
        reading: a `Reading` of these runs: baseline (solid line), level (dashed), d_int (a diamond
            at the level, with its value in words) and its interval (a bar; an arrow where it is open).
        title: what was measured, such as "mnist, fc, tied".
        performance: what the performance is, such as "validation accuracy".
        log: axis of d; None chooses by how d is spread.
        published: further points, with d and mean, drawn in grey behind.
        medium: what it is for; a page has the words around it.

    Raises:
        IdimError: there is no finished run.
    """
    curve, behind = Curve.of(points, reading.centre if reading else "mean"), Curve.of(published)
    if not curve.every_d:
        raise IdimError("there is no finished run to draw")
    figure = style.blank(medium)
    axes = figure.add_subplot()
    room = min(1.0, medium.usual[0] / style.PAGE_SIZE[0])
    _axis_of_d(axes, (*curve.every_d, *behind.d), log, round(room * _AXIS_WIDTH))
    lines = captions.lines_of(reading)
    style.across(axes, lines)
    shown = [*_points(axes, curve), *_stopped(axes, curve)]
    shown += marks.solution(axes, reading) if reading else []
    if behind.d:
        faint: dict[str, Any] = {"color": style.FAINT, "markersize": 3.2, "markeredgewidth": 0, "zorder": 0.5}
        shown += axes.plot(behind.d, behind.mean, "o", label="published", **faint)
    # The limits are final only now: the words of d_int are placed by them.
    low, high = axes.get_ylim()
    most = _FEW if medium.size and medium.size[1] < _LOW else _TICKS
    axes.set_yticks(scale.Scale(low, high).ticks(lambda ticks: len(ticks) <= most))
    # Again, because setting ticks widens the limits to include them.
    axes.set_ylim(low, high)
    axes.set_ylabel(performance)
    if reading is not None:
        marks.value(axes, reading)
    share = percent(reading.fraction) if reading else ""
    names = {"baseline": "baseline", "level": f"{share} % level", "floor": "floor"}
    style.named_across(axes, lines, names, medium)
    axes.legend(
        handles=shown, loc="lower left", bbox_to_anchor=(0, 1.08 if medium.narrow else 1),
        ncols=style.legend_columns([str(one.get_label()) for one in shown], medium),
        frameon=False, borderaxespad=0.2, fontsize=8, handletextpad=0.6,
        columnspacing=1.5 if medium.narrow else 2.5,
    )  # fmt: skip
    small = "\n".join(captions.caption(reading)) if reading else ""
    if reading:
        small = small.replace(reading.name, style.math_name(reading.name), 1)
    style.titled(figure, title, small, medium)
    return figure


def _axis_of_d(axes: Axes, d: Sequence[float], log: bool | None, room: int) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    span = scale.d_scale(d, scale.use_log(d) if log is None else log, margin=0.04)
    axes.set_xscale("log" if span.log else "linear")
    axes.set_xlim(span.low, span.high)
    ticks = span.ticks(lambda ticks: _have_room(span, ticks, room)) or [d[0]]
    axes.set_xticks(ticks, scale.labels(ticks))
    if span.log:
        # numticks: by default matplotlib leaves out minor ticks if there are many decades.
        axes.xaxis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=20))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("subspace dimension d" + (" (log axis)" if span.log else ""))


def _have_room(span: scale.Scale, ticks: Sequence[float], room: int) -> bool:
    """Whether these are whole numbers whose labels do not touch."""
    ends = [(span.place(t), len(name) / 2) for t, name in zip(ticks, scale.labels(ticks), strict=True)]
    gaps = (room * (b - a) - half - other for (a, half), (b, other) in pairwise(ends))
    return len(ticks) <= _D_TICKS and all(tick % 1 == 0 for tick in ticks) and all(gap >= 1 for gap in gaps)


def _points(axes: Axes, curve: Curve) -> list[Any]:
    if not curve.d:
        return []
    least, most = min(curve.n), max(curve.n)
    runs = str(most) if least == most else f"{least} to {most}"
    label = "one run at each d" if most == 1 else f"{curve.centre} ± sd of {runs} runs"
    bars = axes.errorbar(
        curve.d, curve.mean, yerr=curve.sd, fmt="o", color=style.BLUE, markersize=5, markeredgewidth=1.1,
        markerfacecolor=style.WHITE, elinewidth=0.9, capsize=2, zorder=3, label=label,
    )  # fmt: skip
    return [bars]


def _stopped(axes: Axes, curve: Curve) -> list[Any]:
    """Runs that were stopped early, at the performance that they had then."""
    shown = []
    kinds = (("^", "stopped: level reached", curve.solved), ("v", "stopped: out of reach", curve.unsolved))
    look: dict[str, Any] = {"color": style.SKY, "markeredgecolor": style.BLUE, "markeredgewidth": 0.8}
    for mark, label, runs in kinds:
        if runs:
            shown += axes.plot(
                *zip(*runs, strict=True), mark, label=label, zorder=2.5, markersize=5.5, **look
            )
    return shown
