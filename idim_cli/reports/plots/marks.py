"""d_int in figures: a mark at the level, its interval beside it, and a line down to its value on the axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from idim_cli.reports.plots.style import RED, WHITE, math_name
from idim_cli.reports.text import captions
from idim_cli.thresholds.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from idim_cli.thresholds import Reading

_ABOVE_POINTS = 5  # in the order of drawing: what points to open ends must not hide under them
_RIGHT = 0.6  # of the axis; beyond, words stand to the left


def solution(axes: Axes, reading: Reading, colour: str = RED) -> list[Any]:
    """The interval of d_int at the height of the level, and a diamond at its value; returns the handles."""
    style: dict[str, Any] = {"color": colour, "zorder": _ABOVE_POINTS, "clip_on": False}
    label = math_name(reading.name)
    if (ends := captions.interval_ends(reading)) is not None:
        label += f", {percent(reading.confidence)} % interval"
        _interval(axes, ends, reading.level, style)
    if reading.value is None:
        return [_handle(label, colour, "")] if ends else []
    diamond: dict[str, Any] = {"markersize": 8, "markeredgecolor": WHITE, "markeredgewidth": 0.8}
    axes.plot(reading.value, reading.level, "D", **{**style, "zorder": _ABOVE_POINTS + 1}, **diamond)
    return [_handle(label, colour, "D")]


def value(axes: Axes, reading: Reading) -> None:
    """The line from the mark down to the axis of d, and d_int in words; the axes have their limits."""
    low, high = axes.get_ylim()
    place = (axes.get_xlim()[1], reading.level)  # below the arrow, where no d reaches the level
    if reading.value is not None:
        place = (reading.value, low)
        line: Any = {"color": RED, "linewidth": 1, "linestyle": (0, (2, 2)), "zorder": 1.5}
        axes.plot([reading.value] * 2, [low, reading.level], **line)
        axes.set_ylim(low, high)
    above = reading.value is not None
    at_right = _share(axes, place) > _RIGHT
    equals = "= " if reading.verdict == "reached" else ""
    axes.annotate(
        f"{math_name(reading.name)} {equals}{reading.value_text}",
        place, (-5 if at_right else 5, 5 if above else -10), textcoords="offset points", color=RED,
        fontsize=10, fontweight="bold", ha="right" if at_right else "left", va="bottom" if above else "top",
        zorder=_ABOVE_POINTS, bbox={"facecolor": WHITE, "edgecolor": "none", "pad": 1},
    )  # fmt: skip


def _share(axes: Axes, place: tuple[float, float]) -> float:
    """How far to the right a place lies: 0 is the left end of the axis, 1 the right one."""
    return float(axes.transAxes.inverted().transform(axes.transData.transform(place))[0])


def _interval(axes: Axes, ends: tuple[float, float], height: float, style: dict[str, Any]) -> None:
    """A bar with ends, or an arrow where the runs do not bound it."""
    limits = axes.get_xlim()
    low, high = (min(max(end, limits[0]), limits[1]) for end in ends)
    axes.plot([low, high], [height, height], linewidth=2.2, **style)
    for end, shown, arrow in ((ends[0], low, "<"), (ends[1], high, ">")):
        axes.plot(
            shown, height, arrow if math.isinf(end) else "|", markersize=9, markeredgewidth=1.6, **style
        )


def _handle(label: str, colour: str, mark: str) -> Any:
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"marker": mark, "markersize": 6, "markeredgecolor": WHITE, "linewidth": 2.2}
    return Line2D([], [], color=colour, label=label, **style)
