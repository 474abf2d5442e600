"""Lines against a number on two log axes as PNG, in the style of the other figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports.plots.style import FILE, GREY, LINE, LOOKS, blank, saved, style, titled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Lines = Mapping[str, Sequence[tuple[float, float]]]

_DASHES = ((0, (5, 3)), (0, (1, 2)), (0, (5, 2, 1, 2)))


def draw(lines: Lines, floors: Lines, *, title: str = "", x: str = "", y: str = "", small: str = "") -> bytes:
    """The figure as a PNG file, without dates or versions.

    Args:
        lines: points (x, y), all above zero, by name.
        floors: what they are compared to, drawn dashed and grey.
        title, x, y, small: words above, along the axes and below.
    """
    with style():
        return saved(_figure(lines, floors, title, x, y, small), "png")


def _figure(lines: Lines, floors: Lines, title: str, x: str, y: str, small: str) -> Figure:
    figure = blank()
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel=f"{x} (log axis)", ylabel=f"{y} (log axis)")
    axes.grid(color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for i, (name, points) in enumerate(floors.items()):
        dashes = _DASHES[i % len(_DASHES)]
        axes.plot(*_columns(points), color=GREY, linestyle=dashes, linewidth=1.2, label=name)
    for i, (name, points) in enumerate(lines.items()):
        colour, marker = LOOKS[i % len(LOOKS)]
        look: dict[str, Any] = {"color": colour, "marker": marker, "markerfacecolor": "white"}
        axes.plot(*_columns(points), **look, markersize=5, linewidth=1.4, label=name)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    titled(figure, title, small, FILE)
    return figure


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in sorted(points)], [y for _, y in sorted(points)]
