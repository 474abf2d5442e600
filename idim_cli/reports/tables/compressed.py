"""Compressed files as text and as tables: names, sizes, and what these prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from idim_cli.compression.record import Compressed
from idim_cli.core.csv_io import csv_text
from idim_cli.reports.tables import group_table, proof
from idim_cli.thresholds import number
from idim_cli.thresholds.text import wrapped

# What is appended to problem and model, one after the other, until the labels of files differ.
_DETAILS: Sequence[Callable[[Compressed], str]] = (
    lambda one: one.recipe,
    lambda one: one.projector,
    lambda one: f"D = {one.D:,}",
    lambda one: f"d = {one.d:,}",
    lambda one: "float32" if one.levels is None else f"{one.levels} values",
    lambda one: f"{one.bytes:,} bytes",
    lambda one: str(one.path),
)
#: Columns of the table; the header of `measure` is what the performance is.
COLUMNS = (
    "file", "problem", "model", "projector", "D", "d", "values", "bytes", "times smaller", "measure",
    "requested", "bits", "wrong of n", "error <= (binomial)", "error <= (PAC-Bayes)", "confidence",
)  # fmt: skip
# Attributes of `Compressed` in CSV and JSON.
_FIELDS = (
    "path", "dataset", "recipe", "model", "projector", "D", "d", "levels", "how", "bytes", "ratio",
    "performance", "metric", "score_on", "goal", "level", "max_bytes", "bits",
)  # fmt: skip
_BOUND = ("n", "wrong", "delta", "binomial", "pac_bayes")  # its bits are the file's


def labels(found: Sequence[Compressed]) -> list[str]:
    """A name for each file: its problem and model, and the details in which it differs from the others."""
    parts = [[one.dataset, one.model] for one in found]
    for detail in _DETAILS:
        same: dict[tuple[str, ...], list[int]] = {}
        for place, part in enumerate(parts):
            same.setdefault(tuple(part), []).append(place)
        for places in same.values():
            texts = [detail(found[place]) for place in places]
            # A detail that all share would lengthen the labels for nothing.
            if len(set(texts)) > 1:
                for place, text in zip(places, texts, strict=True):
                    parts[place].append(text)
    return [", ".join(_short(part, one.recipe)) for part, one in zip(parts, found, strict=True)]


def measure(found: Sequence[Compressed]) -> str:
    """What the performance of all of them is; "performance" if it is not the same."""
    measures = {one.measure for one in found}
    return measures.pop() if len(measures) == 1 else "performance"


def cells(found: Sequence[Compressed]) -> list[list[str]]:
    """A header, and a line of text for each file; what is unknown is an empty cell."""
    name = measure(found)
    # The recipe is named only where data set and model do not identify the files.
    recipes = {(one.dataset, one.model, one.recipe) for one in found}
    head = [name if title == "measure" else title for title in COLUMNS]
    lines = [_line(one, sum(two[:2] == (one.dataset, one.model) for two in recipes) > 1) for one in found]
    if name == "performance":
        at = COLUMNS.index("measure")
        for one, line in zip(found, lines, strict=True):
            line[at] = f"{line[at]} {one.measure}" if line[at] else ""
    return [head, *lines]


def facts(one: Compressed) -> dict[str, str]:
    """Everything about one file, by a short name."""
    own = "" if one.own is None else f"; the run's own {number(one.own)}"
    values = "in float32" if one.levels is None else f"of {one.levels} values, {one.how}"
    known = {
        "network": f"{one.dataset}, {one.model}, {one.projector}; D = {one.D:,}",
        "coordinates": f"{one.d:,} {values}",
        one.measure: f"{_performance(one)}{own}" if one.performance is not None else "",
        "requested": one.goal,
        **proof.facts(one),
        "file": str(one.path),
    }
    return {key: text for key, text in known.items() if text}


def forms(one: Compressed) -> list[list[str]]:
    """The file and the other forms of its network: a header and lines; empty if none were tried."""
    if not one.compared:
        return []
    scored = [("this file", one.bytes, one.performance)]
    scored += [(other.form, other.bytes, other.performance) for other in one.compared]
    lines = [[name, f"{size:,}", "" if score is None else number(score)] for name, size, score in scored]
    return [["form of the network", "bytes", one.measure], *lines]


def text(found: Sequence[Compressed], width: int = 80) -> str:
    """The files in plain text, each with its size and what that proves."""
    lines = ["Compressed files"]
    for label, one in zip(labels(found), found, strict=True):
        score = f", {one.measure} {_performance(one)}" if one.performance is not None else ""
        size = f"{label}: {one.bytes:,} bytes, {one.ratio:,.1f} times smaller{score}"
        lines += [*wrapped(size, width, then="  "), *wrapped(proof.proves(one), width, "  ", "  ")]
        lines.append(f"  {one.path}")  # whole, so that it can be copied
    return "\n".join(lines) + "\n"


def markdown(found: Sequence[Compressed]) -> str:
    """The files as Markdown: a heading, the assumptions of their bounds, a pipe table."""
    parts = ["## Compressed files", proof.assumptions(found), group_table.pipes(cells(found))]
    for label, one in zip(labels(found), found, strict=True):
        if others := forms(one):
            parts += [f"### Other forms of {label}", group_table.pipes(others)]
    return "\n\n".join(filter(None, parts)) + "\n"


def to_csv(found: Sequence[Compressed]) -> str:
    """One line for each file; unknown is an empty cell."""
    return csv_text([*_FIELDS, *_BOUND], [as_dict(one) | (as_dict(one)["bound"] or {}) for one in found])


def as_dict(one: Compressed) -> dict[str, Any]:
    """One file as JSON can hold it."""
    bound = asdict(one.bound) if one.bound else None
    return {**{name: getattr(one, name) for name in _FIELDS}, "bound": bound}


def _line(one: Compressed, named: bool) -> list[str]:
    """The cells of one file; `named` adds the recipe to its data set."""
    recipe = one.recipe if one.dataset in one.recipe else f"{one.dataset}, {one.recipe}"
    requested = "" if one.max_bytes is None else f"<= {one.max_bytes:,} bytes"
    proven = ["", "", "", ""]
    if one.bound:
        errors = map(proof.at_most, (one.bound.binomial, one.bound.pac_bayes))
        proven = [proof.wrong(one.bound), *errors, proof.confidence(one.bound)]
    return [
        str(one.path), recipe if named else one.dataset, one.model, one.projector, f"{one.D:,}",
        f"{one.d:,}", "float32" if one.levels is None else str(one.levels), f"{one.bytes:,}",
        f"{one.ratio:,.1f}", _performance(one),
        requested if one.level is None else f">= {number(one.level)}", f"{one.bits:,.0f}", *proven,
    ]  # fmt: skip


def _short(part: Sequence[str], recipe: str) -> Sequence[str]:
    """Parts of a label; a recipe such as mnist-fc names problem and model itself."""
    repeats = part[2:3] == [recipe] and all(name in recipe for name in part[:2])
    return part[2:] if repeats else part


def _performance(one: Compressed) -> str:
    return "" if one.performance is None else number(one.performance)
