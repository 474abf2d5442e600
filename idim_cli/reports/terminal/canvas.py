"""A plot of plain characters: marks on two axes, horizontal lines, and a legend."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

from idim_cli.reports import scale

_UNICODE = {
    "baseline": "─", "level": "╌", "floor": "┄", "interval": "━", "value": "┿", "below": "○", "solved": "●",
    "up": "▲", "down": "▽",
    "axis": "─", "side": "│", "tick": "┬", "notch": "┤", "corner": "└", "left": "◀", "right": "▶",
}  # fmt: skip
_ASCII = {
    "baseline": "-", "level": ".", "floor": "_", "interval": "=", "value": "|", "below": "o", "solved": "@",
    "up": "^", "down": "v",
    "axis": "-", "side": "|", "tick": "+", "notch": "+", "corner": "+", "left": "<", "right": ">",
}  # fmt: skip
#: Every character beyond ASCII that a plot may draw.
MARKS = "".join(_UNICODE.values())
# Of the palette of the terminal, which is readable on its background, light or dark.
_COLOURS = {
    "baseline": "90", "level": "33", "floor": "90", "interval": "31", "value": "31",
    "below": "36", "solved": "1;36", "up": "36", "down": "36",
}  # fmt: skip
Cell = tuple[str, str]  # a character, and the name of what it shows, which decides its colour
_FRAME_ROWS = 3  # heading, axis, tick labels
_FEWEST_ROWS, _FEWEST_COLUMNS = 5, 30  # smaller plots show nothing
_MOST_TICKS = 12  # on the axis of x


def marks(unicode: bool) -> Mapping[str, str]:
    """The characters by the names of what they show."""
    return _UNICODE if unicode else _ASCII


class Canvas:
    """The cells of a plot, each a character and the name of what it shows.

    Args:
        x: the horizontal axis.
        heights: values that the vertical axis includes, in addition to `lines_at`.
        size: columns at most (fewer than 30 are treated as 30), and lines of the whole plot.
        lines_at: heights of the horizontal lines, by the names of their marks.
        legend: what the marks mean, as (name, text); it may need more lines than `size` has.
        unicode: False draws with ASCII alone.
        first: a value of x to label where no round one has room.
    """

    def __init__(
        self,
        x: scale.Scale,
        heights: Sequence[float],
        size: tuple[int, int],
        lines_at: Mapping[str, float],
        legend: Sequence[tuple[str, str]],
        *,
        unicode: bool,
        first: float,
    ) -> None:
        self.x, self.lines_at, self.entries, self.marks = x, lines_at, legend, marks(unicode)
        self.width = max(size[0], _FEWEST_COLUMNS)
        self.rows = max(size[1] - _FRAME_ROWS - len(self._legend(False)), _FEWEST_ROWS)
        # Half a row of margin, so that no mark is cut by rounding to rows.
        self.y = scale.around([*heights, *lines_at.values()], margin=0.5 / self.rows)
        self.side = self._side_labels()
        self.margin = max(map(len, self.side.values()), default=0) + 1
        self.columns = self.width - self.margin - 1
        self.ticks = self._places(self.x.ticks(self._fit) or [first])
        self.cells = [[(" ", "")] * self.columns for _ in range(self.rows)]
        self.axis = self._line("axis")
        for tick, _, _ in self.ticks:
            self.axis[self._column(tick)] = self._cell("tick")
        # Lines first: points are drawn over them.
        for name, height in lines_at.items():
            self.cells[self._row(height)] = self._line(name)

    def point(self, x: float, y: float, name: str, below: bool = False) -> None:
        """A mark; `below` means below the level, so that it must not appear on the line of the level."""
        row = self._row(y)
        if below and "level" in self.lines_at and row == self._row(self.lines_at["level"]):
            row = min(row + 1, self.rows - 1)  # by rounding to rows
        self.cells[row][self._column(x)] = self._cell(name)

    def on_axis(self, low: float, high: float, name: str) -> None:
        """A part of the axis of x."""
        left, right = self._column(low), self._column(high)
        self.axis[left : right + 1] = self._line(name)[left : right + 1]

    def mark_axis(self, x: float, name: str, shows: str) -> None:
        """One mark on the axis of x, in the colour of what it `shows`."""
        self.axis[self._column(x)] = (self.marks[name], shows)

    def text(self, heading: str, colour: bool) -> str:
        """The plot with its axes below a heading, and the legend; `colour` adds ANSI colours."""
        rows = []
        for index, cells in enumerate(self.cells):
            label = self.side.get(index, "")
            edge = self.marks["notch"] if label else self.marks["side"]
            rows.append((f"{label:>{self.margin - 1}} {edge}" + _painted(cells, colour)).rstrip())
        return "\n".join([heading, *rows, *self._axis(colour), *self._legend(colour)])

    def _cell(self, name: str) -> Cell:
        return self.marks[name], name

    def _line(self, name: str) -> list[Cell]:
        return [self._cell(name)] * self.columns

    def _row(self, value: float) -> int:
        return self.rows - 1 - round(self.y.place(value) * (self.rows - 1))

    def _column(self, x: float) -> int:
        return round(self.x.place(x) * (self.columns - 1))

    def _side_labels(self) -> dict[int, str]:
        """Labels by row: those of the horizontal lines first, then round values at least a row away."""
        labels: dict[int, str] = {}
        for value in (
            self.lines_at[name] for name in ("level", "baseline", "floor") if name in self.lines_at
        ):
            # The level has precedence over the baseline where both fall into one row.
            labels.setdefault(self._row(value), self.y.label(value))
        # At most every second row, so that labels do not touch.
        ticks = self.y.ticks(lambda ticks: len(ticks) <= max(self.rows // 2, 2))
        for value in ticks:
            row = self._row(value)
            if not {row - 1, row, row + 1} & labels.keys():
                labels[row] = self.y.label(value)
        return labels

    def _axis(self, colour: bool) -> list[str]:
        """The axis of x and its tick labels."""
        text = [" "] * self.columns
        for _, start, label in self.ticks:
            text[start : start + len(label)] = label
        margin = " " * self.margin
        return [
            margin + self.marks["corner"] + _painted(self.axis, colour),
            (margin + " " + "".join(text)).rstrip(),
        ]

    def _places(self, ticks: Sequence[float]) -> list[tuple[float, int, str]]:
        """Each tick with its label and the column where that begins."""
        found = []
        for tick, label in zip(ticks, scale.labels(ticks), strict=True):
            # Centred below its tick, and inside the plot.
            start = self._column(tick) - len(label) // 2
            found.append((tick, min(max(start, 0), self.columns - len(label)), label))
        return found

    def _fit(self, ticks: Sequence[float]) -> bool:
        places = self._places(ticks)
        roomy = all(start + len(label) + 1 < after for (_, start, label), (_, after, _) in pairwise(places))
        return roomy and len(ticks) <= _MOST_TICKS and all(tick % 1 == 0 for tick in ticks)

    def _legend(self, colour: bool) -> list[str]:
        """What the marks mean, as many entries in a line as fit."""
        lines: list[tuple[int, str]] = []
        for name, text in self.entries:
            for part in textwrap.wrap(f"{self.marks[name]} {text}", self.width - 1, subsequent_indent="  "):
                shown = _paint(part, name) if colour else part
                if lines and lines[-1][0] + 3 + len(part) <= self.width:
                    lines[-1] = (lines[-1][0] + 3 + len(part), f"{lines[-1][1]}   {shown}")
                else:
                    lines.append((len(part), shown))
        return [line for _, line in lines]


def _painted(cells: Sequence[Cell], colour: bool) -> str:
    parts = ((name, "".join(mark for mark, _ in part)) for name, part in groupby(cells, lambda cell: cell[1]))
    return "".join(_paint(text, name if colour else "") for name, text in parts)


def _paint(text: str, name: str) -> str:
    return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m" if name in _COLOURS else text
