"""Which rows of a table are read, by which columns, and in which groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from idim_cli.thresholds.foreign_tables import seed_note, standardized, with_metric
from idim_cli.thresholds.grouping import mixed, select
from idim_cli.thresholds.rows import rename

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Selection:
    """Which part of a table is read.

    Attributes:
        columns: names of the table's own columns by the names in `rows.READ` that they are read as.
        where: the values of columns whose rows are kept; empty keeps all.
        by: the columns to group by; None leaves it to the table.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    by: Sequence[str] | None = None

    def of(self, table: DataFrame, source: str = "") -> tuple[DataFrame, list[str]]:
        """The rows of a table that are read, and notes for the user; `source` is its file.

        Raises:
            IdimError: there is no such column, or no such value.
        """
        # Before `standardized`, so that what the user names is not overridden by a guess.
        for ours, theirs in self.columns.items():
            table = with_metric(rename(table, ours, theirs, source), ours, theirs)
        table, notes = standardized(table, source)
        notes += seed_note(table)
        table = select(table, self.where, source)
        if words := mixed(table, self.by, self.where):
            notes.append(
                f"note: all rows are read as one problem, although they differ in {', '.join(words)}; "
                "--where COLUMN=VALUE keeps some, --group-by COLUMN splits them"
            )
        return table, notes


#: All of a table.
ALL = Selection()
