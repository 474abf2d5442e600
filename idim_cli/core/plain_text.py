"""Plain text for terminals, logs and files: tables and durations."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

_GAP = 2  # blanks between columns
_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))


def duration(seconds: float) -> str:
    """Seconds in the unit that fits: ``12.3 s``, ``4.5 min``, ``2.0 days``."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1.0, "s"))
    return f"{seconds / size:.1f} {unit}"


def aligned(
    rows: Sequence[Sequence[str]], width: int | None = None, first_to_go: Sequence[str] = (), left: int = 1
) -> list[str]:
    """A header and rows as lines; columns without content are left out, and words are never broken.

    Args:
        rows: cells; the first row is the header.
        width: of a line; None is as wide as the cells.
        first_to_go: headers of columns in the order in which they are dropped; the others always stay.
        left: how many columns are aligned to the left; the others to the right.

    Returns:
        A line for each row, or more where the first cell is wrapped at its words.
    """
    # A table of a header alone keeps all columns, so that it shows what it would hold.
    columns = [column for column in zip(*rows, strict=True) if any(column[1:]) or len(rows) == 1]
    for name in first_to_go:
        if width is None or _width(columns) <= width:
            break
        columns = [column for column in columns if column[0] != name]
    widths = [max(map(len, column)) for column in columns]
    if width is not None:
        widths[0] = min(widths[0], max(width - _width(columns[1:]) - _GAP * (len(columns) > 1), 1))
    lines = []
    for name, *cells in zip(*columns, strict=True):
        first, *more = textwrap.wrap(name, widths[0], break_long_words=False, break_on_hyphens=False) or [""]
        placed = [
            f"{cell:{'<' if at < left else '>'}{widths[at]}}" for at, cell in enumerate([first, *cells])
        ]
        lines += [(" " * _GAP).join(placed).rstrip(), *more]
    return lines


def _width(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) for column in columns) + _GAP * max(len(columns) - 1, 0)
