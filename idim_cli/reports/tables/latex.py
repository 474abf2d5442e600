"""Tables for papers: LaTeX for the package booktabs, with labels and maths."""

from __future__ import annotations

import re
from collections.abc import Sequence

from idim_cli.compression.record import Compressed
from idim_cli.reports.inputs.entries import Entry, level_note, overview
from idim_cli.reports.tables import compressed, group_table, proof
from idim_cli.thresholds import facts

_NEEDS = "% needs \\usepackage{booktabs}\n"
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}",
}  # fmt: skip
_NUMBER = r"(?:\d[\d,]*)(?:\.\d+)?"
# What is maths in the words of a reading, and how it is typeset; the first match counts.
_MATHS = {
    rf"({_NUMBER}) \.\. ({_NUMBER})": r"\1--\2",
    rf"(-?{_NUMBER})e([+-]?)0*(\d+)": r"$\1 \\times 10^{\2\3}$",
    rf"<= ({_NUMBER})": r"$\\leq \1$",
    rf">= ({_NUMBER})": r"$\\geq \1$",
    rf"([<>]) ({_NUMBER})": r"$\1 \2$",
    rf"(?<![\w.])-({_NUMBER})": r"$-\1$",
    r"\bd_int([\d.]*)": r"$d_{\\mathrm{int}\1}$",
    r"\btheta_?0\b": r"$\\theta_0$",
    r" \.\. ": " to ",
    r" x (?=[\d(])": r" $\\times$ ",
    r" x(?=\))": r" $\\times$",
    r"\+-|±": r"$\\pm$",
    r"(?<![\w-])([dDP])(?![\w-])": r"$\1$",
}
_SET = re.compile("|".join(f"(?:{pattern})" for pattern in _MATHS))


def tables(found: Sequence[Entry], each: Sequence[Entry] | None = None) -> str:
    """A table of all readings if there are several, then one of performance at each d for each group.

    Args:
        found: the groups.
        each: those with a table of their own; None is all of them.
    """
    parts = [_overview(found)] if len(found) > 1 else []
    parts += [_section(one) for one in (found if each is None else each)]
    return _NEEDS + "\n".join(parts)


def files(found: Sequence[Compressed]) -> str:
    """A table of compressed files, without their paths."""
    rows = [line[1:] for line in compressed.cells(found)]
    caption = f"Compressed networks. {proof.assumptions(found)}".strip()
    return _NEEDS + _table(caption, "compressed", "l" + "r" * (len(rows[0]) - 1), rows)


def escaped(text: str) -> str:
    """Text that LaTeX does not read as commands."""
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def maths(text: str) -> str:
    """The words of a reading with numbers and symbols as maths; the rest is escaped."""
    parts, at = [], 0
    for found in _SET.finditer(text):
        parts += [escaped(text[at : found.start()]), _set(found[0], text[found.end() :])]
        at = found.end()
    return "".join([*parts, escaped(text[at:])])


def _set(part: str, behind: str) -> str:
    # Together with the text behind it, as some patterns look ahead.
    for pattern, how in _MATHS.items():
        # Matched again one by one, to find which pattern it was.
        if found := re.match(pattern, part + behind):
            return found.expand(how)
    return escaped(part)


def _overview(found: Sequence[Entry]) -> str:
    caption = " ".join(filter(None, (f"Readings of {len(found)} groups of runs.", level_note(found))))
    rows = overview(found)
    slug = "-".join(dict.fromkeys(one.result.slug for one in found))
    return _table(caption, slug, "l" + "r" * (len(rows[0]) - 1), rows)


def _section(one: Entry) -> str:
    section = one.section
    known = "; ".join(f"{key}: {text}" for key, text in facts(section.reading).items() if key != "next")
    header, *body = group_table.cells(section)
    caption = f"{section.heading}: {section.performance} at each d. {known}."
    slug = "-".join(filter(None, (one.result.slug, section.slug)))
    return _table(caption, slug, "r" * len(header), [header, *body])


def _table(caption: str, slug: str, columns: str, rows: Sequence[Sequence[str]]) -> str:
    # Readings of several groups begin with their names; other tables have numbers only.
    named = columns.startswith("l")  # the first column has names, in which a "d" is not maths
    header, *body = (_row(row, named and place > 0) for place, row in enumerate(rows))
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{maths(caption)}}}",
        # Labels cannot be escaped: a % or # in one would break the document.
        rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9:.-]+', '-', slug)}}}",
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


def _row(cells: Sequence[str], named: bool) -> str:
    first, *others = cells
    return " & ".join([escaped(first) if named else maths(first), *map(maths, others)]) + r" \\"
