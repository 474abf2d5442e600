"""d_int in figures: a mark at the level with its interval, and a line down to its value on the axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from idim_cli.reports.plots.style import RED, WHITE, math_name
from idim_cli.reports.text import captions
from idim_cli.thresholds.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from idim_cli.thresholds import Reading

_ABOVE_POINTS = 5  # zorder, so that points do not hide open ends
_RIGHT = 0.6  # of the axis; beyond, the words are placed to the left of the mark to stay inside


def solution(axes: Axes, reading: Reading) -> list[Any]:
    """The interval of d_int at the height of the level, and a diamond at its value; returns the handles."""
    from matplotlib.lines import Line2D

    options: dict[str, Any] = {"color": RED, "zorder": _ABOVE_POINTS, "clip_on": False}
    label, ends = math_name(reading.name), captions.interval_ends(reading)
    if ends is not None:
        label += f", {percent(reading.confidence)} % interval"
        _interval(axes, ends, reading.level, options)
    if reading.value is not None:
        diamond: dict[str, Any] = {"markersize": 8, "markeredgecolor": WHITE, "markeredgewidth": 0.8}
        axes.plot(reading.value, reading.level, "D", **{**options, "zorder": _ABOVE_POINTS + 1}, **diamond)
    elif ends is None:
        return []
    mark = "" if reading.value is None else "D"
    look: dict[str, Any] = {"marker": mark, "markersize": 6, "markeredgecolor": WHITE, "linewidth": 2.2}
    return [Line2D([], [], color=RED, label=label, **look)]


def value(axes: Axes, reading: Reading) -> None:
    """The line from the mark down to the axis of d, and d_int in words; the limits of the axes are set."""
    low, high = axes.get_ylim()
    place = (axes.get_xlim()[1], reading.level)  # below the arrow, where no d reaches the level
    if reading.value is not None:
        place = (reading.value, low)
        line: Any = {"color": RED, "linewidth": 1, "linestyle": (0, (2, 2)), "zorder": 1.5}
        axes.plot([reading.value] * 2, [low, reading.level], **line)
        axes.set_ylim(low, high)
    above = reading.value is not None
    at_right = axes.transAxes.inverted().transform(axes.transData.transform(place))[0] > _RIGHT
    # "> 1500" and "<= 10" carry their own sign.
    equals = "= " if reading.verdict == "reached" else ""
    axes.annotate(
        f"{math_name(reading.name)} {equals}{reading.value_text}",
        place, (-5 if at_right else 5, 5 if above else -10), textcoords="offset points", color=RED,
        fontsize=10, fontweight="bold", ha="right" if at_right else "left", va="bottom" if above else "top",
        zorder=_ABOVE_POINTS, bbox={"facecolor": WHITE, "edgecolor": "none", "pad": 1},
    )  # fmt: skip


def _interval(axes: Axes, ends: tuple[float, float], height: float, options: dict[str, Any]) -> None:
    """A bar with ends, or an arrow where the runs do not bound it."""
    limits = axes.get_xlim()
    low, high = (min(max(end, limits[0]), limits[1]) for end in ends)
    axes.plot([low, high], [height, height], linewidth=2.2, **options)
    for end, shown, arrow in ((ends[0], low, "<"), (ends[1], high, ">")):
        mark = arrow if math.isinf(end) else "|"
        axes.plot(shown, height, mark, markersize=9, markeredgewidth=1.6, **options)
