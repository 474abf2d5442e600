"""The groups of runs of a table, each with its reading and its names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli.core.errors import IdimError
from idim_cli.reports.points import Curve
from idim_cli.thresholds import Group, Options, Reading, Sample, TableOrigin, labels
from idim_cli.thresholds.table_estimates import estimates_of

if TYPE_CHECKING:
    from pandas import DataFrame

# Values that need no key in a title: "mnist, fc, tied" says which is which.
_NAMED_BY_VALUE = ("recipe", "dataset", "model", "projector")
_SLUG_LENGTH = 80  # file systems allow 255 bytes for a whole name; the names of several results share it


@dataclass(frozen=True)
class Section:
    """One group of runs and its reading.

    Attributes:
        group: the columns and values that define the group; empty for a table without groups.
        title: the group in words.
        slug: the group as part of a file name; empty if it is the only one.
        sample: its runs.
        reading: its d_int.
        rows: the table of its runs, direct ones and those that failed included.
    """

    group: Group
    title: str
    slug: str
    sample: Sample
    reading: Reading
    rows: DataFrame

    @property
    def performance(self) -> str:
        """What the performance is, such as "validation accuracy"."""
        return self.sample.measure

    @property
    def heading(self) -> str:
        """The group in words, with D if it is known."""
        return f"{self.title}, D = {self.sample.D:,}" if self.sample.D else self.title

    @property
    def curve(self) -> Curve:
        """Performance at each d."""
        return Curve.of(self.sample.points, self.reading.centre)


@dataclass(frozen=True)
class Unread:
    """One group of runs that cannot be read; `sample` is None if its table is invalid.

    Attributes:
        group, title, slug, rows: as for `Section`.
        error: the reason.
        problem: the reason and what to do about it, in one line.
    """

    group: Group
    title: str
    slug: str
    sample: Sample | None
    error: IdimError
    problem: str
    rows: DataFrame


def sections(
    table: DataFrame,
    options: Options | None = None,
    source: str = "",
    origin: TableOrigin | None = None,
    by: Sequence[str] | None = None,
) -> tuple[list[Section], list[Unread]]:
    """Read every group of a table of runs.

    Args:
        table: one row a run, as `results.read` gives it.
        options: how to read d_int.
        source: the table's file, named in errors.
        origin: how its runs were made.
        by: columns to group by; None leaves it to the table.

    Returns:
        The groups that could be read, and those that could not.

    Raises:
        IdimError: the table as a whole cannot be read.
    """
    every = list(estimates_of(table, options or Options(), by, source, origin))
    found, faults = [], []
    for (one, at), slug in zip(every, _slugs([one.group for one, _ in every]), strict=True):
        runs = table.iloc[at]
        title = _title(one.group) or Path(source).name.removesuffix(".csv")
        # A group may have a sample without a reading, which is still drawn.
        if one.sample is not None and one.reading is not None:
            found.append(Section(one.group, title, slug, one.sample, one.reading, runs))
        elif one.error is not None:
            faults.append(Unread(one.group, title, slug, one.sample, one.error, one.problem, runs))
    return found, faults


def _title(group: Group) -> str:
    """The values of `_NAMED_BY_VALUE`, then key = value of the keys that were swept over."""
    named = [labels.setting_text(group[key]) for key in _NAMED_BY_VALUE if group.get(key) is not None]
    swept = {key: value for key, value in group.items() if key not in (*_NAMED_BY_VALUE, "task")}
    return ", ".join([*named, *(f"{key} = {labels.setting_text(value)}" for key, value in swept.items())])


def _slugs(found: Sequence[Group]) -> list[str]:
    """Names of files: the values in which the groups differ; repeated names get numbers."""
    short, keys = labels.short_names(found), labels.differing(found)
    names: list[str] = []
    seen: Counter[str] = Counter()
    for group in found:
        # Only the values that differ: names of files are limited in length.
        name = slugged("-".join(short[key][str(group[key])] for key in keys if group.get(key) is not None))
        seen[name] += 1
        names.append(f"{name}~{seen[name]}" if seen[name] > 1 else name)
    return names


def slugged(text: str) -> str:
    """`text` as part of a file name, with only letters that are safe on every file system."""
    return re.sub(r"[^A-Za-z0-9._~]+", "-", text).strip("-.")[:_SLUG_LENGTH]
