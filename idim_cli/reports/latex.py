"""Tables for papers: LaTeX with the rules of the package booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from idim_cli.reports import compressed, proof, table
from idim_cli.reports.entries import Entry, overview
from idim_cli.reports.records import Record
from idim_cli.reports.section import Section
from idim_cli.thresholds import facts

_NEEDS = "% needs \\usepackage{booktabs}\n"
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}",
}  # fmt: skip


def tables(found: Sequence[Entry]) -> str:
    """A table of all readings if there are several, then one of performance at each d for each group."""
    parts = [_overview(found)] if len(found) > 1 else []
    parts += [_section(one.section) for one in found]
    return _NEEDS + "\n".join(parts)


def files(found: Sequence[Record]) -> str:
    """A table of compressed files, without their paths."""
    rows = [line[1:] for line in compressed.cells(found)]
    caption = f"Compressed networks. {proof.rests_on(found)}".strip()
    return _NEEDS + _table(caption, "l" + "r" * (len(rows[0]) - 1), rows)


def escaped(text: str) -> str:
    """Text of which LaTeX makes no commands."""
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def _overview(found: Sequence[Entry]) -> str:
    caption = f"Readings of {len(found)} groups of runs."
    rows = overview(found)
    return _table(caption, "l" + "r" * (len(rows[0]) - 1), rows)


def _section(section: Section) -> str:
    told = "; ".join(f"{key}: {text}" for key, text in facts(section.reading).items() if key != "next")
    header, *body = table.cells(section)
    return _table(
        f"{section.heading}: {section.performance} at each d. {told}.", "r" * len(header), [header, *body]
    )


def _table(caption: str, columns: str, rows: Sequence[Sequence[str]]) -> str:
    header, *body = (" & ".join(map(escaped, row)) + r" \\" for row in rows)
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escaped(caption)}}}",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        f"    {header}",
        r"    \midrule",
        *(f"    {line}" for line in body),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
