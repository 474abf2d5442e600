"""The groups of a table of runs, each with its reading or with the reason why it has none."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import IdimError
from idim_cli.thresholds.estimation import read
from idim_cli.thresholds.foreign_tables import standardized
from idim_cli.thresholds.grouping import Group, group_rows, label
from idim_cli.thresholds.next_step import TableOrigin, decide
from idim_cli.thresholds.options import Options, as_options
from idim_cli.thresholds.reading import Reading
from idim_cli.thresholds.results_folder import read_runs, recorded_options, table_origin
from idim_cli.thresholds.run_table import Ints, RunTable
from idim_cli.thresholds.samples import Sample, sample_at
from idim_cli.thresholds.text import describe, sentence, wrapped

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class Estimate:
    """One group of runs with its reading, or the error in place of it.

    Attributes:
        group: the columns and values that identify the group; empty for a table without groups.
        sample: its clean runs; None if the table has errors.
        reading: its d_int; None if there is an error.
        error: why there is no reading; None if there is one.
    """

    group: Group
    sample: Sample | None = None
    reading: Reading | None = None
    error: IdimError | None = None

    @property
    def label(self) -> str:
        """The group in words; empty for the only group of a table."""
        return label(self.group)

    @property
    def not_reached(self) -> bool:
        """Whether there is a reading and no d reaches its level."""
        return self.reading is not None and self.reading.value is None

    @property
    def problem(self) -> str:
        """The error and what to do about it in one line; empty if there is none."""
        return "" if self.error is None else str(self.error)

    @property
    def sentence(self) -> str:
        """The result in one sentence, or why there is none."""
        return sentence(self.reading) if self.reading is not None else f"no estimate: {self.problem}"

    def __repr__(self) -> str:
        return f"<Estimate: {self.label}: {self.sentence}>" if self.label else f"<Estimate: {self.sentence}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.describe())}</pre>"

    def describe(self, plot: str = "", titled: bool = True, width: int = 80, detailed: bool = False) -> str:
        """The reading with its protocol, or why there is none, in lines of at most `width` columns.

        Args:
            plot: drawn between the name of the group and the reading.
            titled: whether to name the group.
            width: columns; overrides and commands are never broken, and may be longer.
            detailed: with d_int100, the paper's bars and D.
        """
        if self.reading is not None:
            text = describe(self.reading, width, detailed)
        else:
            text = "\n".join(wrapped(self.problem, width, first="no estimate: ", then="  "))
        title = wrapped(self.label, width) if titled else []
        return "\n".join([*title, *([plot, ""] if plot else []), text])

    def following(self, origin: TableOrigin) -> Estimate:
        """The same, with what to run next for runs of this origin."""
        return self if self.reading is None else replace(self, reading=decide(self.reading, origin))

    def as_dict(self) -> dict[str, Any]:
        """The group, and the fields of the reading or `error` and `hint`, as JSON can hold them."""
        if self.reading is not None:
            return {"group": self.group, **self.reading.as_dict()}
        hint = self.error.hint if self.error is not None else ""
        return {"group": self.group, "error": self.error.message if self.error else "", "hint": hint}


def threshold(
    runs: DataFrame | str | Path,
    options: Options | None = None,
    *,
    by: str | Sequence[str] | None = None,
    source: str = "",
    origin: TableOrigin | None = None,
    **changes: Any,
) -> list[Estimate]:
    """Read d_int of every group of runs; a group that cannot be read does not stop the others.

    Args:
        runs: a results folder, a CSV file, or a table of one row a run with at least the columns d and
            performance, see `rows.clean`.
        options: how to read; None takes those of the recipe of a results folder, else the defaults.
        by: column, or columns, to group by, see `grouping.group_rows`.
        source: name of a table in errors; not needed for a path.
        origin: how the runs of a table were made; not needed for a path.
        changes: fields of `Options` by name, e.g. ``baseline="best", rule="first"``; None is not given.

    Raises:
        IdimError: there are no results, an option is wrong, or the column d or one of `by` is missing.
    """
    options = as_options(options)
    if isinstance(runs, str | Path):
        path, runs = runs, read_runs(runs)
        options, source = options or recorded_options(path), str(path)
        origin = origin or table_origin(path, runs)
    elif not hasattr(runs, "columns"):
        raise IdimError(
            f"a {type(runs).__name__} is not a table of runs", "give a folder, a CSV or a DataFrame"
        )
    # None is a command-line option that was not given.
    given = {key: value for key, value in changes.items() if value is not None}
    columns = [by] if isinstance(by, str) else by
    if not isinstance(columns, Sequence | None) or not all(isinstance(name, str) for name in columns or ()):
        raise IdimError(f"by must be names of columns, got {by!r}", 'for example by="projector"')
    runs, _ = standardized(runs, source)
    options = (options or Options()).but(**given)
    return [one for one, _ in estimates_of(runs, options, columns, source, origin)]


def estimates_of(
    table: DataFrame,
    options: Options,
    by: Sequence[str] | None = None,
    source: str = "",
    origin: TableOrigin | None = None,
) -> Iterator[tuple[Estimate, Ints]]:
    """The estimate of every group of a table, as `threshold`, and the places of its rows."""
    runs = RunTable(table, source)
    for group, at in group_rows(table, by, source):
        sample = None
        try:
            sample = sample_at(runs, at)  # kept if the reading fails, as plots need no reading
            one = Estimate(group, sample, decide(read(sample, options), origin or TableOrigin()))
        except IdimError as error:
            one = Estimate(group, sample, error=error)
        yield one, at


def require_any(estimates: Sequence[Estimate]) -> None:
    """Raise the error of the first group if none has a reading."""
    errors = [one.error for one in estimates if one.error is not None]
    if errors and len(errors) == len(estimates):
        raise errors[0]
