"""Tables that other programs export: what their columns and words mean here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idim_cli.core.errors import IdimError
from idim_cli.thresholds.copies import seed_columns
from idim_cli.thresholds.rows import PREFIXES, SEEDS, Columns

if TYPE_CHECKING:
    from pandas import DataFrame

# What is a performance where no column has that name, if only one of these is there.
_SPLITS = ("", "test_", "val_", "valid_", "validation_", "eval_")
_STATUSES = ("state", "status")
_OURS = "performance_is"  # a column that only `idim` writes
_THEIR_RUN = "run_id"


def is_ours(table: DataFrame) -> bool:
    """Whether `idim` wrote a table."""
    return _OURS in table


def understood(table: DataFrame, source: str = "") -> tuple[DataFrame, list[str]]:
    """A table of others with the names of columns that are read here, and notes on what was taken for what.

    Prefixes of MLflow and W&B go, their state becomes the status, and the accuracy is the performance.

    Raises:
        IdimError: several columns may be the performance.
    """
    if is_ours(table):
        return table, []
    renamed = _unprefixed(table)
    notes = []
    for ours, theirs in (
        (Columns.status, _only(renamed, _STATUSES)),
        (Columns.performance, _score(renamed, source)),
    ):
        if theirs is not None and ours not in renamed:
            renamed = measured(renamed.rename(columns={theirs: ours}), ours, theirs)
            notes.append(f"column {theirs!r} is read as {ours}")
    return renamed, notes


def measured(table: DataFrame, ours: str, theirs: str) -> DataFrame:
    """The table with what its performance is, where the name of the column that is read as it says so."""
    known = ours == Columns.performance and _is_accuracy(theirs) and Columns.metric not in table
    return table.assign(**{Columns.metric: "accuracy"}) if known else table


def seed_note(table: DataFrame) -> list[str]:
    """A note on the column that may tell the seed of P; none where one is read, or `idim` made the table."""
    seeds = [] if is_ours(table) else seed_columns(table)
    if not seeds or set(seeds) & set(SEEDS):
        return []
    return [
        f"note: column {seeds[0]!r} may be the seed of P, of which the interval should know: "
        f"--column seed_projector={seeds[0]} reads it so"
    ]


def _unprefixed(table: DataFrame) -> DataFrame:
    """Without the prefixes of exports, where that leaves each name once; parameters go before results."""
    names = {str(column): str(column) for column in table}
    for prefix in PREFIXES:
        for column in names:
            bare = column.removeprefix(prefix)
            if bare and bare != column and bare not in names.values():
                names[column] = bare
    if any(bare != name for name, bare in names.items()) and _THEIR_RUN in names:
        names[_THEIR_RUN] = "run"  # theirs says nothing of what idim's runs have
    return table.rename(columns=names)


def _only(table: DataFrame, known: tuple[str, ...]) -> str | None:
    """The column whose name is one of these in capitals or not; None if there is none, or more than one."""
    found = [str(column) for column in table if str(column).strip().lower() in known]
    return found[0] if len(found) == 1 else None


def _score(table: DataFrame, source: str) -> str | None:
    if Columns.performance in table:
        return None
    found = [name for name in map(str, table) if _is_accuracy(name)]
    if len(found) > 1:
        message = f"{source or 'the table'} has several columns that may be the performance"
        raise IdimError(
            f"{message}: {', '.join(found)}", f"say which: --column {Columns.performance}={found[0]}"
        )
    return found[0] if found else None


def _is_accuracy(name: str) -> bool:
    return _plain(name) in {f"{split}{metric}" for split in _SPLITS for metric in ("accuracy", "acc")}


def _plain(name: str) -> str:
    return name.strip().lower().replace("/", "_").replace("-", "_").replace(".", "_")
