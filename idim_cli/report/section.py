"""What a report says of each group of runs: its reading, its runs at each d, its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.errors import IdimError
from idim_cli.report.curve import Curve
from idim_cli.threshold import Group, Options, Reading, Sample, groups, read, sample

if TYPE_CHECKING:
    from pandas import DataFrame

_NAMED_BY_VALUE = ("recipe", "dataset", "model", "projector")
_SLUG_LENGTH = 80


@dataclass(frozen=True)
class Section:
    """One group of runs and its reading.

    Attributes:
        group: the columns and values that tell the group apart; empty for a table without groups.
        title: the group in words.
        slug: the group as part of a file name; empty if it is the only one.
        performance: what the performance is, such as "validation accuracy".
        sample: its runs.
        reading: its d_int.
    """

    group: Group
    title: str
    slug: str
    performance: str
    sample: Sample
    reading: Reading

    @property
    def heading(self) -> str:
        """The group in words, with D if it is known."""
        return f"{self.title}, D = {self.sample.D:,}" if self.sample.D else self.title

    @property
    def curve(self) -> Curve:
        """Performance at each d."""
        return Curve.of(self.sample.points)


def sections(
    table: DataFrame, options: Options | None = None, source: str = ""
) -> tuple[list[Section], list[tuple[str, IdimError]]]:
    """Read every group of a table of runs.

    Args:
        table: one row a run, as `results.read` gives it.
        options: how to read d_int.
        source: the table's file, named in errors.

    Returns:
        The groups that could be read, and of the others title and error.

    Raises:
        IdimError: no group could be read.
    """
    found, faults = [], []
    parts = list(groups(table, source=source))
    slugs = _slugs([group for group, _ in parts])
    for (group, rows), slug in zip(parts, slugs, strict=True):
        title = _title(group) or Path(source).name.removesuffix(".csv")
        try:
            runs = sample(rows, source)
            reading = read(runs, options or Options())
            found.append(Section(group, title, slug, _performance(rows), runs, reading))
        except IdimError as error:
            faults.append((title, error))
    if not found:
        raise faults[0][1]
    return found, faults


def _title(group: Group) -> str:
    """Values of what has a name of its own, then key = value of the rest."""
    named = [str(group[key]) for key in _NAMED_BY_VALUE if group.get(key) is not None]
    return ", ".join([*named, *(f"{key} = {value}" for key, value in _settings(group).items())])


def _settings(group: Group) -> dict[str, Any]:
    """The keys that were swept over."""
    return {key: value for key, value in group.items() if key not in (*_NAMED_BY_VALUE, "task")}


def _performance(rows: DataFrame) -> str:
    """Such as "validation accuracy"; "performance" where the table does not say."""
    words = [_only(rows, "score_on"), _only(rows, "metric")]
    return " ".join(word for word in words if word) or "performance"


def _only(rows: DataFrame, column: str) -> str:
    known = set(rows[column].dropna()) if column in rows else set()
    return str(known.pop()) if len(known) == 1 else ""


def _slugs(found: Sequence[Group]) -> list[str]:
    """Names of files: the values in which the groups differ, each name once."""
    differing = {key for group in found for key in group if len({str(other[key]) for other in found}) > 1}
    names: list[str] = []
    for group in found:
        name = _slug({key: value for key, value in group.items() if key in differing})
        again = sum(1 for other in names if other == name or other.startswith(f"{name}~"))
        names.append(f"{name}~{again + 1}" if again else name)
    return names


def _slug(group: Mapping[str, Any]) -> str:
    parts = [
        str(value) if key in _NAMED_BY_VALUE else f"{key.rpartition('.')[2]}-{value}"
        for key, value in group.items()
    ]
    return re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(parts)).strip("-.")[:_SLUG_LENGTH]
