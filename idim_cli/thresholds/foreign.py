"""Tables that other programs export: what their columns and words mean here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idim_cli.errors import IdimError
from idim_cli.thresholds.rows import PREFIXES, Columns

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
            renamed = renamed.rename(columns={theirs: ours})
            notes.append(f"column {theirs!r} is read as {ours}")
    return renamed, notes


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
    known = {f"{split}{metric}" for split in _SPLITS for metric in ("accuracy", "acc")}
    found = [name for name in map(str, table) if _plain(name) in known]
    if len(found) > 1:
        message = f"{source or 'the table'} has several columns that may be the performance"
        raise IdimError(
            f"{message}: {', '.join(found)}", f"say which: --column {Columns.performance}={found[0]}"
        )
    return found[0] if found else None


def _plain(name: str) -> str:
    return name.strip().lower().replace("/", "_").replace("-", "_").replace(".", "_")
