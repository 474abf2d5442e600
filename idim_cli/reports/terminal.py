"""Performance against d as characters, for terminals and logs."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from idim_cli.reports import scale, words
from idim_cli.reports.curve import Curve

if TYPE_CHECKING:
    from idim_cli.thresholds import Reading

_UNICODE = {
    "baseline": "─", "level": "╌", "interval": "━", "value": "┿", "below": "○", "solved": "●",
    "up": "▲", "down": "▽",
    "axis": "─", "side": "│", "tick": "┬", "notch": "┤", "corner": "└", "left": "◀", "right": "▶",
}  # fmt: skip
_ASCII = {
    "baseline": "-", "level": ".", "interval": "=", "value": "|", "below": "o", "solved": "@",
    "up": "^", "down": "v",
    "axis": "-", "side": "|", "tick": "+", "notch": "+", "corner": "+", "left": "<", "right": ">",
}  # fmt: skip
#: Every character beyond ASCII that a plot may draw.
MARKS = "".join(_UNICODE.values())
_COLOURS = {
    "baseline": "90", "level": "33", "interval": "31", "value": "31", "below": "36", "solved": "1;36",
    "up": "36", "down": "36",
}  # fmt: skip
Cell = tuple[str, str]  # a character, and the name of what it shows
_FRAME_ROWS = 4  # heading, axis, tick labels, and a legend of at least one line


def plot(
    points: Any,
    reading: Reading | None = None,
    width: int = 80,
    height: int = 16,
    colour: bool = False,
    *,
    unicode: bool = True,
    log: bool | None = None,
    label: str = "performance",
) -> str:
    """A plot of performance against d with the baseline, the level to reach and the interval of d_int.

    Args:
        points: mean (or median) performance at each d, as `Curve.of` takes it; unknown ones are left out.
        reading: a `Reading` of these runs; None draws the points alone.
        width: columns at most; fewer than 30 are taken as 30.
        height: lines of the whole plot; the legend may need more of them on a narrow terminal.
        colour: whether to add ANSI colours; nothing depends on them.
        unicode: False draws with ASCII alone.
        log: axis of d; None chooses by how d is spread.
        label: name of the performance, such as "validation accuracy".

    Returns:
        Lines without a newline at the end, none longer than `width`.
    """
    curve = Curve.of(points, reading.centre if reading else "mean")
    if not curve.every_d:
        return "no finished runs to plot"
    width = max(width, 30)
    marks = _UNICODE if unicode else _ASCII
    legend = _legend(words.legend(curve, reading), width, marks, colour)
    rows = max(height - _FRAME_ROWS - len(legend) + 1, 5)
    canvas = _Canvas(curve, reading, (width, rows), log, marks)
    heading = words.heading(label, canvas.x.log, width)
    return "\n".join([heading, *canvas.lines(colour), *legend])


class _Canvas:
    """The cells of the plot, each a character and the name of what it shows."""

    def __init__(
        self,
        curve: Curve,
        reading: Reading | None,
        size: tuple[int, int],
        log: bool | None,
        marks: dict[str, str],
    ) -> None:
        self.curve, self.reading, self.marks = curve, reading, marks
        width, self.rows = size
        self.lines_at = words.lines_of(reading)
        stopped = (y for _, y in (*curve.solved, *curve.unsolved))
        values = [*curve.mean, *stopped, *self.lines_at.values()]
        self.y = scale.around(values, margin=0.5 / self.rows)
        self.x = scale.d_scale(curve.every_d, scale.use_log(curve.every_d) if log is None else log)
        self.side = self._side_labels()
        self.margin = max(map(len, self.side.values()), default=0) + 1
        self.columns = width - self.margin - 1
        self.cells = [[(" ", "")] * self.columns for _ in range(self.rows)]
        self._draw()

    def lines(self, colour: bool) -> list[str]:
        """The rows of the plot, the axis of d and its tick labels."""
        rows = []
        for index, cells in enumerate(self.cells):
            label = self.side.get(index, "")
            edge = self.marks["notch"] if label else self.marks["side"]
            rows.append((f"{label:>{self.margin - 1}} {edge}" + _painted(cells, colour)).rstrip())
        return [*rows, *self._axis(colour)]

    def _draw(self) -> None:
        for name in ("baseline", "level"):
            if name in self.lines_at:
                self.cells[self._row(self.lines_at[name])] = self._line(name)
        for name, runs in (("down", self.curve.unsolved), ("up", self.curve.solved)):
            for d, performance in runs:
                row = self._row_of_point(performance, "below" if name == "down" else name)
                self.cells[row][self._column(d)] = self._cell(name)
        for d, mean in zip(self.curve.d, self.curve.mean, strict=True):
            name = "solved" if words.solves(mean, self.reading) else "below"
            self.cells[self._row_of_point(mean, name)][self._column(d)] = self._cell(name)

    def _row_of_point(self, mean: float, name: str) -> int:
        # Rows are coarse: what is below the level must not look as if it were on it.
        row = self._row(mean)
        on_level = "level" in self.lines_at and row == self._row(self.lines_at["level"])
        return min(row + 1, self.rows - 1) if on_level and name == "below" else row

    def _cell(self, name: str) -> Cell:
        return self.marks[name], name

    def _line(self, name: str) -> list[Cell]:
        return [self._cell(name)] * self.columns

    def _row(self, value: float) -> int:
        return self.rows - 1 - round(self.y.place(value) * (self.rows - 1))

    def _column(self, d: float) -> int:
        return round(self.x.place(d) * (self.columns - 1))

    def _side_labels(self) -> dict[int, str]:
        """Labels by row: those of the two lines first, then round values that keep a free row between."""
        labels: dict[int, str] = {}
        for value in (self.lines_at[name] for name in ("level", "baseline") if name in self.lines_at):
            labels.setdefault(self._row(value), self.y.label(value))
        ticks = self.y.ticks(lambda ticks: len(ticks) <= max(self.rows // 2, 2))
        for value in ticks:
            row = self._row(value)
            if not {row - 1, row, row + 1} & labels.keys():
                labels[row] = self.y.label(value)
        return labels

    def _axis(self, colour: bool) -> list[str]:
        """The axis of d, on which the interval of d_int lies, and its tick labels."""
        line, text = self._line("axis"), [" "] * self.columns
        for tick, start, label in self._places(self.x.ticks(self._fit) or [self.curve.every_d[0]]):
            line[self._column(tick)] = self._cell("tick")
            text[start : start + len(label)] = label
        self._mark_interval(line)
        margin = " " * self.margin
        return [
            margin + self.marks["corner"] + _painted(line, colour),
            (margin + " " + "".join(text)).rstrip(),
        ]

    def _mark_interval(self, line: list[Cell]) -> None:
        ends = words.interval_ends(self.reading)
        if ends is not None:
            left, right = (self._column(end) for end in ends)
            line[left : right + 1] = self._line("interval")[left : right + 1]
            for end, column, name in ((ends[0], left, "left"), (ends[1], right, "right")):
                if math.isinf(end):
                    line[column] = (self.marks[name], "interval")
        if self.reading is not None and self.reading.value is not None:
            line[self._column(self.reading.value)] = self._cell("value")

    def _places(self, ticks: Sequence[float]) -> list[tuple[float, int, str]]:
        """Each tick with its label and the column where that begins."""
        found = []
        for tick, label in zip(ticks, scale.labels(ticks), strict=True):
            start = self._column(tick) - len(label) // 2
            found.append((tick, min(max(start, 0), self.columns - len(label)), label))
        return found

    def _fit(self, ticks: Sequence[float]) -> bool:
        places = self._places(ticks)
        roomy = all(start + len(label) + 1 < after for (_, start, label), (_, after, _) in pairwise(places))
        return roomy and len(ticks) <= 12 and all(tick % 1 == 0 for tick in ticks)


def _painted(cells: Sequence[Cell], colour: bool) -> str:
    parts = ((name, "".join(mark for mark, _ in part)) for name, part in groupby(cells, lambda cell: cell[1]))
    return "".join(_paint(text, name if colour else "") for name, text in parts)


def _paint(text: str, name: str) -> str:
    return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m" if name in _COLOURS else text


def _legend(entries: Sequence[tuple[str, str]], width: int, marks: dict[str, str], colour: bool) -> list[str]:
    """What the marks mean, as many items a line as fit."""
    lines: list[tuple[int, str]] = []
    for name, text in entries:
        for part in textwrap.wrap(f"{marks[name]} {text}", width - 1, subsequent_indent="  "):
            shown = _paint(part, name) if colour else part
            if lines and lines[-1][0] + 3 + len(part) <= width:
                lines[-1] = (lines[-1][0] + 3 + len(part), f"{lines[-1][1]}   {shown}")
            else:
                lines.append((len(part), shown))
    return [line for _, line in lines]
