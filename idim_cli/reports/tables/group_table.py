"""Tables of performance at each d under the headline of the reading: terminal, plain text, Markdown, CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.core import untrusted_text
from idim_cli.reports.inputs.section import Section
from idim_cli.reports.text import captions, columns
from idim_cli.thresholds import describe, facts, number

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

_PLAIN_WIDTH = 1000  # columns: wide enough that plain text is never wrapped
_COLUMNS = ("d", "runs", "mean", "sd", "min", "max", "reached")
_EARLY = {"solved": "level reached", "unsolved": "out of reach"}
_FIRST_TO_GO = ("min", "max", "stopped early", "sd", "runs")  # on a terminal that is too narrow for all
_INDENT = "  "
_STOPPED = ("stopped_solved", "stopped_unsolved")
_SCORES = ("mean", "sd", "min", "max")
# The reading in each line of the CSV: column and field of `Reading`.
_READING = {
    "d_int": "value", "d_int_low": "low", "d_int_high": "high", "d_int_low_is_open": "low_is_open",
    "d_int_high_is_open": "high_is_open", "confidence": "confidence", "interval": "interval",
    "baseline_kind": "baseline_kind", "baseline": "baseline", "floor_kind": "floor_kind", "floor": "floor",
    "fraction": "fraction", "level": "level",
    "rule": "rule", "total_runs": "runs", "total_solved": "solved", "total_unsolved": "unsolved",
    "baseline_runs": "baseline_runs", "seeds": "seeds", "coords": "coords", "D": "D",
    "d_int100": "d_int100", "d_int100_sees": "d_int100_sees", "d_int100_test": "d_int100_test",
    "verdict": "verdict", "next": "next",
}  # fmt: skip


def rows(section: Section) -> list[dict[str, Any]]:
    """One row for each d, ascending, and one for the direct runs at the end if there are any.

    Returns:
        d, direct, runs trained to their end with their mean, sd (n - 1), min, max and whether the mean has
        solved the problem; runs that were stopped early as solved and as unsolved. None stands for what is
        unknown: the sd of one run, the D of direct runs; for direct runs `solved` is not asked.
    """
    runs = section.sample
    early = Counter(zip(runs.stopped.d.astype(int).tolist(), runs.solved.tolist(), strict=True))
    finished = dict(zip(runs.d.tolist(), runs.runs, strict=True))
    centres = dict(zip(runs.d.tolist(), runs.centres(section.reading.centre).tolist(), strict=True))
    swept = [
        {
            **_row(d, finished.get(d, ())),
            "solved": captions.solves(centres[d], section.reading) if d in centres else None,
            "stopped_solved": early[d, True],
            "stopped_unsolved": early[d, False],
        }
        for d in runs.tried.tolist()
    ]
    direct = {**_row(runs.D, runs.direct), "direct": True, "solved": None, **dict.fromkeys(_STOPPED, 0)}
    return [*swept, direct] if len(runs.direct) else swept


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
        for line, solved in zip(_fitted(section, console.width, ""), [False, *_solved(section)], strict=True):
            console.print(line, style="bold" if solved else "", markup=False)


def text(sections: Sequence[Section]) -> str:
    """The sections as plain text, without colours or drawn lines."""
    parts = [
        "\n".join([s.heading, describe(s.reading, detailed=True), "", _what(s), *_fitted(s, _PLAIN_WIDTH)])
        for s in sections
    ]
    return "\n\n".join(parts) + "\n"


def markdown(sections: Sequence[Section]) -> str:
    """The sections as Markdown: a heading, the facts as a list, a pipe table."""
    parts = []
    for section in sections:
        told = [f"- {label}: {_escaped(text)}" for label, text in facts(section.reading).items()]
        what = [*told, "", _escaped(_what(section)), "", pipes(cells(section))]
        parts.append("\n".join([f"## {_escaped(section.heading)}", "", *what]))
    return "\n\n".join(parts) + "\n"


def pipes(lines: Sequence[Sequence[str]]) -> str:
    """A pipe table of Markdown; the first of the lines is its header."""
    header, *body = lines
    return "\n".join([_piped(header), _piped(["---:"] * len(header)), *map(_piped, body)])


def to_csv(sections: Sequence[Section]) -> str:
    """One line for each row of each section, with its group and its reading; unknown is an empty cell."""
    keys = list(dict.fromkeys(key for section in sections for key in section.group))
    buffer = io.StringIO()
    columns = [*keys, "direct", "d", "runs", *_SCORES, "solved", *_STOPPED, *_READING]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(map(untrusted_text.shielded, columns))
    for section in sections:
        fields = section.reading.as_dict()
        reading = {column: fields[field] for column, field in _READING.items()}
        for row in rows(section):
            cells = reading | section.group | row
            writer.writerow(untrusted_text.shielded(cells.get(name, "")) for name in columns)
    return buffer.getvalue()


def _row(d: int | None, values: Sequence[float] | np.ndarray) -> dict[str, Any]:
    import numpy as np

    known = len(values) > 0
    return {
        "d": d,
        "direct": False,
        "runs": len(values),
        "mean": float(np.mean(values)) if known else None,
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "min": float(np.min(values)) if known else None,
        "max": float(np.max(values)) if known else None,
    }


def _what(section: Section) -> str:
    return f"{section.performance} at each d:"


def cells(section: Section) -> list[list[str]]:
    """Header and rows as text; a column on stopped runs only where there are any."""
    header = [*_COLUMNS, "stopped early"] if len(section.sample.stopped.d) else [*_COLUMNS]
    return [header, *(_texts(row)[: len(header)] for row in rows(section))]


def _texts(row: dict[str, Any]) -> list[str]:
    scores = [number(row[key]) for key in _SCORES]
    solved = {True: "yes", False: "no", None: ""}[row["solved"]]
    early = [f"{row[f'stopped_{kind}']} {told}" for kind, told in _EARLY.items() if row[f"stopped_{kind}"]]
    return [_d(row), str(row["runs"]), *scores, solved, ", ".join(early)]


def _d(row: dict[str, Any]) -> str:
    if not row["direct"]:
        return str(row["d"])
    return "direct" if row["d"] is None else f"{row['d']} (direct)"


def _fitted(section: Section, width: int, indent: str = _INDENT) -> list[str]:
    """The rows as lines of plain text."""
    lines = columns.fitted(cells(section), width - len(indent), _FIRST_TO_GO, left=0)
    return [f"{indent}{line}" for line in lines]


def _solved(section: Section) -> list[bool]:
    return [bool(row["solved"]) for row in rows(section)]


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    """Text of which Markdown makes neither cells nor tags."""
    return text.replace("|", "\\|").replace("<", "&lt;")
