"""What a report says of compressed files: names, sizes, and what these prove; as text and as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from idim_cli.core import untrusted_text
from idim_cli.reports.inputs.records import CompressedRecord
from idim_cli.reports.tables import group_table, proof
from idim_cli.thresholds import number
from idim_cli.thresholds.text import wrapped

# What is added to problem and model, one after the other, where they do not tell files apart.
_TOLD: Sequence[Callable[[CompressedRecord], str]] = (
    lambda one: one.recipe,
    lambda one: one.projector,
    lambda one: f"D = {one.D:,}",
    lambda one: f"d = {one.d:,}",
    lambda one: "float32" if one.levels is None else f"{one.levels} values",
    lambda one: f"{one.bytes:,} bytes",
    lambda one: str(one.path),
)
#: Columns of the table; `measure` stands for what the performance is.
COLUMNS = (
    "file", "problem", "model", "projector", "D", "d", "values", "bytes", "times smaller", "measure",
    "asked for", "bits", "wrong of n", "error <= (binomial)", "error <= (PAC-Bayes)", "sure",
)  # fmt: skip
_FIELDS = (
    "path", "dataset", "recipe", "model", "projector", "D", "d", "levels", "how", "bytes", "ratio",
    "performance", "metric", "score_on", "goal", "level", "max_bytes", "bits",
)  # fmt: skip
_BOUND = ("n", "wrong", "delta", "binomial", "pac_bayes")


def labels(found: Sequence[CompressedRecord]) -> list[str]:
    """A name for each file: its problem and model, and as much more as tells it from the others."""
    parts = [[one.dataset, one.model] for one in found]
    for told in _TOLD:
        same: dict[tuple[str, ...], list[int]] = {}
        for place, part in enumerate(parts):
            same.setdefault(tuple(part), []).append(place)
        for places in same.values():
            texts = [told(found[place]) for place in places]
            if len(set(texts)) > 1:
                for place, text in zip(places, texts, strict=True):
                    parts[place].append(text)
    return [", ".join(_short(part, one.recipe)) for part, one in zip(parts, found, strict=True)]


def measure(found: Sequence[CompressedRecord]) -> str:
    """What the performance of all of them is; "performance" where it is not the same."""
    measures = {one.measure for one in found}
    return measures.pop() if len(measures) == 1 else "performance"


def cells(found: Sequence[CompressedRecord]) -> list[list[str]]:
    """A header, and a line of text for each file; what is unknown is an empty cell."""
    name = measure(found)
    recipes = {(one.dataset, one.model, one.recipe) for one in found}
    head = [name if title == "measure" else title for title in COLUMNS]
    lines = [_line(one, sum(two[:2] == (one.dataset, one.model) for two in recipes) > 1) for one in found]
    if name == "performance":
        at = COLUMNS.index("measure")
        for one, line in zip(found, lines, strict=True):
            line[at] = f"{line[at]} {one.measure}" if line[at] else ""
    return [head, *lines]


def facts(one: CompressedRecord) -> dict[str, str]:
    """All that there is to say of one file, by a short name."""
    own = "" if one.own is None else f"; the run's own {number(one.own)}"
    told = {
        "network": f"{one.dataset}, {one.model}, {one.projector}; D = {one.D:,}",
        "coordinates": f"{one.d:,} {_values(one)}",
        one.measure: f"{_performance(one)}{own}" if one.performance is not None else "",
        "asked for": one.goal,
        **proof.facts(one),
        "file": str(one.path),
    }
    return {key: text for key, text in told.items() if text}


def forms(one: CompressedRecord) -> list[list[str]]:
    """The file beside the other forms of its network: a header and lines; empty if none were tried."""
    if not one.compared:
        return []
    scored = [("this file", one.bytes, one.performance)]
    scored += [(other.form, other.bytes, other.performance) for other in one.compared]
    lines = [[name, f"{size:,}", "" if score is None else number(score)] for name, size, score in scored]
    return [["form of the network", "bytes", one.measure], *lines]


def text(found: Sequence[CompressedRecord], width: int = 80) -> str:
    """The files in plain text, each with its size and what that proves."""
    told = ["Compressed files"]
    for label, one in zip(labels(found), found, strict=True):
        score = f", {one.measure} {_performance(one)}" if one.performance is not None else ""
        size = f"{label}: {one.bytes:,} bytes, {one.ratio:,.1f} times smaller{score}"
        told += [*wrapped(size, width, then="  "), *wrapped(proof.proves(one), width, "  ", "  ")]
        told.append(f"  {one.path}")
    return "\n".join(told) + "\n"


def markdown(found: Sequence[CompressedRecord]) -> str:
    """The files as Markdown: a heading, what their bounds rest on, a pipe table."""
    told = ["## Compressed files", proof.rests_on(found), group_table.pipes(cells(found))]
    for label, one in zip(labels(found), found, strict=True):
        if others := forms(one):
            told += [f"### Other forms of {label}", group_table.pipes(others)]
    return "\n\n".join(filter(None, told)) + "\n"


def to_csv(found: Sequence[CompressedRecord]) -> str:
    """One line for each file; unknown is an empty cell."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [*_FIELDS, *_BOUND], lineterminator="\n")
    writer.writeheader()
    for one in found:
        bound = {name: getattr(one.bound, name) for name in _BOUND} if one.bound else {}
        writer.writerow({**{name: untrusted_text.shielded(getattr(one, name)) for name in _FIELDS}, **bound})
    return buffer.getvalue()


def as_dict(one: CompressedRecord) -> dict[str, Any]:
    """One file as JSON can hold it."""
    bound = asdict(one.bound) if one.bound else None
    return {**{name: getattr(one, name) for name in _FIELDS}, "bound": bound}


def _line(one: CompressedRecord, named: bool) -> list[str]:
    """Of one file; `named` adds the recipe to its data set."""
    bound = one.bound
    proven = ["", "", "", ""]
    if bound:
        errors = map(proof.at_most, (bound.binomial, bound.pac_bayes))
        proven = [proof.wrong(bound), *errors, proof.sure(bound)]
    return [
        str(one.path), _problem(one) if named else one.dataset, one.model, one.projector, f"{one.D:,}",
        f"{one.d:,}", "float32" if one.levels is None else str(one.levels), f"{one.bytes:,}",
        f"{one.ratio:,.1f}", _performance(one), _asked(one), f"{one.bits:,.0f}", *proven,
    ]  # fmt: skip


def _short(part: Sequence[str], recipe: str) -> Sequence[str]:
    """A recipe such as mnist-fc says problem and model itself."""
    said = part[2:3] == [recipe] and all(name in recipe for name in part[:2])
    return part[2:] if said else part


def _problem(one: CompressedRecord) -> str:
    """The data set with the recipe."""
    return one.recipe if one.dataset in one.recipe else f"{one.dataset}, {one.recipe}"


def _values(one: CompressedRecord) -> str:
    return "in float32" if one.levels is None else f"of {one.levels} values, {one.how}"


def _performance(one: CompressedRecord) -> str:
    return "" if one.performance is None else number(one.performance)


def _asked(one: CompressedRecord) -> str:
    if one.level is not None:
        return f">= {number(one.level)}"
    return "" if one.max_bytes is None else f"<= {one.max_bytes:,} bytes"
