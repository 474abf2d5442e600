"""Lines against a number on two log axes as PNG, in the style of the other figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.reports.figure import BLACK, BLUE, DPI, GREY, RED, SIZE, saved, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Lines = Mapping[str, Sequence[tuple[float, float]]]

# Okabe and Ito's colours with a mark for each, so that lines stay apart in grey too.
_COLOURS = (BLUE, RED, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", BLACK)
_LOOKS = list(zip(_COLOURS, "os^DvPX", strict=True))
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
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel=f"{x} (log axis)", ylabel=f"{y} (log axis)")
    axes.grid(color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    for i, (name, points) in enumerate(floors.items()):
        dashes = _DASHES[i % len(_DASHES)]
        axes.plot(*_columns(points), color=GREY, linestyle=dashes, linewidth=1.2, label=name)
    for i, (name, points) in enumerate(lines.items()):
        colour, marker = _LOOKS[i % len(_LOOKS)]
        look: dict[str, Any] = {"color": colour, "marker": marker, "markerfacecolor": "white"}
        axes.plot(*_columns(points), **look, markersize=5, linewidth=1.4, label=name)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.suptitle(title, x=0.012, ha="left", fontsize=10.5, fontweight="bold")
    figure.supxlabel(small, x=0.012, ha="left", fontsize=7.5, color="#444444")
    return figure


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in sorted(points)], [y for _, y in sorted(points)]
