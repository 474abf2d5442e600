"""Lines against a number on two log axes as PNG, in the style of the other figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from idim_cli.reports.plots import style

Lines = Mapping[str, Sequence[tuple[float, float]]]

_DASHES = ((0, (5, 3)), (0, (1, 2)), (0, (5, 2, 1, 2)))


def draw(lines: Lines, floors: Lines, *, title: str = "", x: str = "", y: str = "", small: str = "") -> bytes:
    """The figure as a PNG file, without dates or versions.

    Args:
        lines: points (x, y), all above zero, by name.
        floors: what they are compared to, drawn dashed and grey.
        title, x, y, small: words above, along the axes and below.
    """
    with style.style():
        figure = style.blank()
        axes = figure.add_subplot(
            xscale="log", yscale="log", xlabel=f"{x} (log axis)", ylabel=f"{y} (log axis)", axisbelow=True
        )
        axes.grid(color=style.LINE, linewidth=0.6)
        looks = [
            *(("", _DASHES[i % len(_DASHES)], style.GREY, 1.2) for i in range(len(floors))),
            *((mark, "-", colour, 1.4) for colour, mark in style.series_styles(len(lines))),
        ]
        for (name, points), (mark, dashes, colour, width) in zip(
            [*floors.items(), *lines.items()], looks, strict=True
        ):
            look: dict[str, Any] = {"color": colour, "marker": mark, "linestyle": dashes, "linewidth": width}
            # Rows come in the order of the command line, in which d and D need not ascend.
            xs, ys = zip(*sorted(points), strict=True) if points else ((), ())
            axes.plot(xs, ys, label=name, markerfacecolor="white", markersize=5, **look)
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
        style.titled(figure, title, small, style.FILE)
        return style.saved(figure, "png")
