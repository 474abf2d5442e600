"""Tables that other programs export: their columns and words in ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from idim_cli.core.errors import IdimError
from idim_cli.thresholds.rows import PREFIXES, RUN_ID, SEEDS, Columns, seed_columns

if TYPE_CHECKING:
    from pandas import DataFrame

# Prefixes of columns such as `val_accuracy`, which is the performance if it is the only such column.
_SPLITS = ("", "test_", "val_", "valid_", "validation_", "eval_")
_STATUSES = ("state", "status")
_OURS = "performance_is"  # a column that only `idim` writes


def is_ours(table: DataFrame) -> bool:
    """Whether `idim` wrote a table."""
    return _OURS in table


def standardized(table: DataFrame, source: str = "") -> tuple[DataFrame, list[str]]:
    """A table of another program with its columns renamed to ours, and notes about that.

    Prefixes of MLflow and W&B are removed, their state becomes the status, the accuracy the performance.

    Raises:
        IdimError: several columns may be the performance.
    """
    if is_ours(table):
        return table, []
    renamed = _unprefixed(table)
    notes = []
    # A column that already has our name is never replaced.
    for ours, theirs in (
        (Columns.status, _only(renamed, _STATUSES)),
        (Columns.performance, _score(renamed, source)),
    ):
        if theirs is not None and ours not in renamed:
            renamed = with_metric(renamed.rename(columns={theirs: ours}), ours, theirs)
            notes.append(f"column {theirs!r} is read as {ours}")
    return renamed, notes


def with_metric(table: DataFrame, ours: str, theirs: str) -> DataFrame:
    """The table with the metric "accuracy", where that is the name of the column read as performance."""
    # So that an accuracy in percent is noticed, see `cautions`.
    known = ours == Columns.performance and _is_accuracy(theirs) and Columns.metric not in table
    return table.assign(**{Columns.metric: "accuracy"}) if known else table


def seed_note(table: DataFrame) -> list[str]:
    """A note on a column that may be the seed of P; none where one is read, or `idim` made the table."""
    seeds = [] if is_ours(table) else seed_columns(table)
    if not seeds or set(seeds) & set(SEEDS):
        return []
    return [
        f"note: column {seeds[0]!r} may be the seed of P, which the interval depends on: "
        f"--column seed_projector={seeds[0]} reads it so"
    ]


def _unprefixed(table: DataFrame) -> DataFrame:
    """Without the prefixes of exports, where names stay unique; parameters take precedence over results."""
    names = {str(column): str(column) for column in table}
    for prefix in PREFIXES:
        for column in names:
            bare = column.removeprefix(prefix)
            # A name that is taken already keeps its prefix: two columns of one name could not be read.
            if bare and bare != column and bare not in names.values():
                names[column] = bare
    if any(bare != name for name, bare in names.items()) and RUN_ID in names:
        names[RUN_ID] = "run"  # MLflow has a run_id too, which would mark the table as one of idim's
    return table.rename(columns=names)


def _only(table: DataFrame, known: tuple[str, ...]) -> str | None:
    """The column whose name is one of these in capitals or not; None if there is none, or more than one."""
    names = [str(column) for column in table if str(column).strip().lower() in known]
    return names[0] if len(names) == 1 else None


def _score(table: DataFrame, source: str) -> str | None:
    if Columns.performance in table:
        return None
    names = [name for name in map(str, table) if _is_accuracy(name)]
    if len(names) > 1:
        message = f"{source or 'the table'} has several columns that may be the performance"
        raise IdimError(
            f"{message}: {', '.join(names)}", f"say which: --column {Columns.performance}={names[0]}"
        )
    return names[0] if names else None


def _is_accuracy(name: str) -> bool:
    plain = re.sub("[/.-]", "_", name.strip().lower())  # Val/Accuracy, val.accuracy
    return plain in {f"{split}{metric}" for split in _SPLITS for metric in ("accuracy", "acc")}
