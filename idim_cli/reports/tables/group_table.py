"""Performance at each d under the reading of the group: for terminals, plain text, Markdown, CSV and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from idim_cli.core.csv_io import csv_text
from idim_cli.core.plain_text import aligned
from idim_cli.reports.inputs.section import Section
from idim_cli.reports.text import captions
from idim_cli.thresholds import describe, facts, number

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_WIDTH = 1000  # columns: wide enough that plain text is never wrapped
_HEADER = ("d", "runs", "mean", "sd", "min", "max", "reached", "stopped early")
_FIRST_TO_GO = ("min", "max", "stopped early", "sd", "runs")  # on a terminal that is too narrow for all
_SCORES = ("mean", "sd", "min", "max")
_STOPPED = {"stopped_solved": "level reached", "stopped_unsolved": "out of reach"}
# Columns of the CSV for fields of `Reading` whose own names would be ambiguous next to those of a row.
_RENAMED = {
    "value": "d_int", "low": "d_int_low", "high": "d_int_high", "low_is_open": "d_int_low_is_open",
    "high_is_open": "d_int_high_is_open", "runs": "total_runs", "solved": "total_solved",
    "unsolved": "total_unsolved",
}  # fmt: skip


def rows(section: Section) -> list[dict[str, Any]]:
    """One row for each d, ascending, and one for the direct runs at the end if there are any.

    Returns:
        d, direct, runs trained to their end with their mean, sd (n - 1), min, max and whether the mean solves
        the problem; runs that were stopped early as solved and as unsolved. None is unknown: the sd of one
        run, the D of direct runs, `solved` of direct runs.
    """
    runs = section.sample
    # Stopped runs have no final performance, so they do not enter the mean.
    early = Counter(zip(runs.stopped.d.astype(int).tolist(), runs.solved.tolist(), strict=True))
    finished = dict(zip(runs.d.tolist(), runs.runs, strict=True))
    centres = dict(zip(runs.d.tolist(), runs.centres(section.reading.centre).tolist(), strict=True))
    swept = []
    for d in runs.tried.tolist():
        solved = captions.solves(centres[d], section.reading) if d in centres else None
        swept.append(_row(d, finished.get(d, ()), False, solved, early[d, True], early[d, False]))
    return [*swept, _row(runs.D, runs.direct, True)] if len(runs.direct) else swept


def as_dict(section: Section) -> dict[str, Any]:
    """Group, reading and rows as JSON can hold them."""
    return {
        "group": section.group,
        "title": section.title,
        "performance": section.performance,
        "reading": section.reading.as_dict(),
        "rows": rows(section),
    }


def terminal(sections: Sequence[Section], console: Console) -> None:
    """Print the sections on a terminal, with its colours and in its width."""
    for section in sections:
        console.print(section.heading, style="bold", markup=False)
        console.print(describe(section.reading, console.width, detailed=True), markup=False, soft_wrap=True)
        console.print(f"\n{_what(section)}", markup=False)
        solved = [False, *(bool(row["solved"]) for row in rows(section))]
        for line, bold in zip(_lines(section, console.width), solved, strict=True):
            console.print(line, style="bold" if bold else "", markup=False)


def text(sections: Sequence[Section]) -> str:
    """The sections as plain text, without colours or drawn lines."""
    parts = []
    for section in sections:
        lines = [f"  {line}" for line in _lines(section, _PLAIN_WIDTH)]
        head = [section.heading, describe(section.reading, detailed=True), "", _what(section)]
        parts.append("\n".join([*head, *lines]))
    return "\n\n".join(parts) + "\n"


def markdown(sections: Sequence[Section]) -> str:
    """The sections as Markdown: a heading, the facts as a list, a pipe table."""
    parts = []
    for section in sections:
        known = [f"- {label}: {_escaped(text)}" for label, text in facts(section.reading).items()]
        table = [*known, "", _escaped(_what(section)), "", pipes(cells(section))]
        parts.append("\n".join([f"## {_escaped(section.heading)}", "", *table]))
    return "\n\n".join(parts) + "\n"


def pipes(lines: Sequence[Sequence[str]]) -> str:
    """A pipe table of Markdown; the first of the lines is its header."""
    header, *body = lines
    return "\n".join([_piped(header), _piped(["---:"] * len(header)), *map(_piped, body)])


def to_csv(sections: Sequence[Section]) -> str:
    """One line for each row of each section, with its group and its reading; unknown is an empty cell."""
    lines = []
    for section in sections:
        fields = section.reading.as_dict().items()
        reading = {_RENAMED.get(name, name): one for name, one in fields if not isinstance(one, list)}
        # Columns in this order; of two values for one name, that of the row counts, then that of the group.
        lines += [section.group | row | reading | section.group | row for row in rows(section)]
    # Keys of all groups first: groups of several results may have different ones.
    keys = dict.fromkeys(key for section in sections for key in section.group)
    return csv_text(
        [*keys, *dict.fromkeys(name for line in lines for name in line if name not in keys)], lines
    )


def _row(
    d: int | None,
    values: Sequence[float] | np.ndarray,
    direct: bool,
    solved: bool | None = None,
    stopped_solved: int = 0,
    stopped_unsolved: int = 0,
) -> dict[str, Any]:
    known = len(values) > 0
    return {
        "direct": direct,
        "d": d,
        "runs": len(values),
        "mean": float(np.mean(values)) if known else None,
        # Unknown for one run, not 0.
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "min": float(np.min(values)) if known else None,
        "max": float(np.max(values)) if known else None,
        "solved": solved,
        "stopped_solved": stopped_solved,
        "stopped_unsolved": stopped_unsolved,
    }


def _what(section: Section) -> str:
    return f"{section.performance} at each d:"


def cells(section: Section) -> list[list[str]]:
    """Header and rows as text; a column on stopped runs only if there are any."""
    lines = [list(_HEADER), *map(_texts, rows(section))]
    return lines if len(section.sample.stopped.d) else [line[:-1] for line in lines]


def _texts(row: dict[str, Any]) -> list[str]:
    d = "" if row["d"] is None else str(row["d"])
    if row["direct"]:
        d = f"{d} (direct)" if d else "direct"
    solved = {True: "yes", False: "no", None: ""}[row["solved"]]
    early = ", ".join(f"{row[key]} {words}" for key, words in _STOPPED.items() if row[key])
    return [d, str(row["runs"]), *(number(row[key]) for key in _SCORES), solved, early]


def _lines(section: Section, width: int) -> list[str]:
    return aligned(cells(section), width, _FIRST_TO_GO, left=0)


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown does not read as cells or tags."""
    return text.replace("|", "\\|").replace("<", "&lt;")
