"""Tables of plain text in as many columns as fit; words are never broken to make room."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence

_BETWEEN = 2  # blanks between columns


def fitted(rows: Sequence[Sequence[str]], width: int, first_to_go: Sequence[str], left: int = 1) -> list[str]:
    """A header and rows as lines of at most `width` columns.

    Args:
        rows: cells; the first row is the header.
        width: columns of a line.
        first_to_go: headers of columns in the order in which they give way; the others always stay.
        left: how many columns stand to the left; the others stand to the right.

    Returns:
        A line for each row, or more where the first cell is wrapped at its words.
    """
    header = list(rows[0])
    shown = [at for at, cells in enumerate(zip(*rows, strict=True)) if any(cells[1:]) or len(rows) == 1]
    for name in first_to_go:
        if _width(rows, shown) <= width:
            break
        shown = [at for at in shown if header[at] != name]
    room = max(width - _width(rows, shown[1:]) - _BETWEEN * (len(shown) > 1), 1)
    return [line for row in rows for line in _lines([row[at] for at in shown], rows, shown, room, left)]


def _width(rows: Sequence[Sequence[str]], shown: Collection[int]) -> int:
    return sum(max(len(row[at]) for row in rows) for at in shown) + _BETWEEN * max(len(shown) - 1, 0)


def _lines(
    cells: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int], room: int, left: int
) -> list[str]:
    widths = [max(len(row[at]) for row in rows) for at in shown]
    first, *more = textwrap.wrap(cells[0], room, break_long_words=False, break_on_hyphens=False) or [""]
    widths[0] = min(widths[0], room)
    parts = [first, *cells[1:]]
    placed = [
        f"{c:{w}}" if at < left else f"{c:>{w}}" for at, (c, w) in enumerate(zip(parts, widths, strict=True))
    ]
    return [(" " * _BETWEEN).join(placed).rstrip(), *more]
