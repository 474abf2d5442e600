"""Checks of a table of runs: columns, numbers, which rows are direct, which are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idim_cli.errors import IdimError
from idim_cli.goal import SOLVED, UNSOLVED
from idim_cli.registry import did_you_mean

if TYPE_CHECKING:
    from pandas import DataFrame, Index, Series

_LARGEST = 2**53  # up to here every whole number is a float
_TRUE = {"true", "1", "1.0", "yes"}
_FALSE = {"false", "0", "0.0", "no"}


class Columns:
    """Names of the columns that are read; only d and performance must be there."""

    d = "d"
    performance = "performance"
    status = "status"
    direct = "direct"
    projector = "projector"
    D = "D"
    metric = "metric"
    split = "score_on"
    stop_level = "stop_level"
    jitter = "jitter"
    forecast = "forecast"


#: Columns that `rename` gives a meaning to.
READ = (Columns.d, Columns.performance, Columns.direct, Columns.projector, Columns.D, Columns.status)


_NUMBERS = (
    Columns.performance, Columns.d, Columns.D, Columns.stop_level, Columns.jitter, Columns.forecast,
)  # fmt: skip


_COORDS = ("quantise", "start")  # recipe keys that make coordinates other than free ones that start at zero


@dataclass(frozen=True)
class Rows:
    """Finished runs with numeric d and performance, and which of them are direct.

    Attributes:
        rows: runs trained to their end.
        direct: which of them are direct training.
        stopped: runs in subspaces that were stopped early; what they would have come to is not known.
        left_out: number of all other rows.
    """

    rows: DataFrame
    direct: Series[bool]
    stopped: DataFrame
    left_out: int


def clean(table: DataFrame, source: str = "") -> Rows:
    """Check `table` and keep its finished runs.

    A row is direct if its column `direct` says so; where that is absent or empty, if its projector is
    ``identity``, or d is 0, or d equals D. Rows whose `status` is there and not ``ok`` are left out; those
    that say ``solved`` or ``unsolved`` are kept apart.

    Raises:
        IdimError: a needed column is missing, a cell is not a number (named by file and line), d is below 1
            or not whole.
    """
    require_columns(table, (Columns.d, Columns.performance), source)
    finished, early = is_finished(table), _is_stopped(table)
    if not (finished | early).any():
        raise IdimError(f"{source or 'the table'} has no finished run", _why_empty(table, finished))
    rows, stopped = (_checked(table[kept].copy(), source) for kept in (finished, early))
    return Rows(rows, rows_are_direct(rows), stopped, int((~finished & ~early).sum()))


def rows_are_direct(rows: DataFrame) -> Series[bool]:
    """Which rows are direct training, see `clean`."""
    import pandas

    d = pandas.to_numeric(rows[Columns.d], errors="coerce").astype(float)
    guess = d == 0
    if Columns.projector in rows:
        guess |= rows[Columns.projector].astype(str) == "identity"
    if Columns.D in rows:
        guess |= d == pandas.to_numeric(rows[Columns.D], errors="coerce").astype(float)
    if Columns.direct not in rows:
        return guess
    said = rows[Columns.direct].astype(str).str.strip().str.lower()
    return said.isin(_TRUE) | (guess & ~said.isin(_FALSE))


def coords_columns(table: DataFrame) -> list[str]:
    """The columns of a table that `idim` wrote that tell coordinates from free ones that start at zero."""
    if "run_id" not in table:
        return []
    return [str(name) for name in table.columns if is_of_coords(str(name))]


def is_of_coords(key: str) -> bool:
    """Whether a recipe key is about what the coordinates may be."""
    return key.partition(".")[0] in _COORDS


def require_columns(table: DataFrame, needed: Sequence[str], source: str = "") -> None:
    """Raise IdimError, with near misses, unless all `needed` columns are in `table`."""
    have = [str(c) for c in table.columns]
    for name in needed:
        if name not in have:
            hint = did_you_mean(name, have)
            if name in (Columns.d, Columns.performance):
                hint = f"{hint}; take a column of another name by --column {name}=ITS_NAME"
            raise IdimError(f"{source or 'the table'} has no column {name!r}", hint)


def rename(table: DataFrame, ours: str, theirs: str, source: str = "") -> DataFrame:
    """The table with its column `theirs` read as `ours`, one of `READ`, in place of what had that name.

    Raises:
        IdimError: `ours` is none of them, or there is no column `theirs`.
    """
    if ours not in READ:
        raise IdimError(f"{ours}={theirs}: no column {ours!r} is read", did_you_mean(ours, READ))
    require_columns(table, [theirs], source)
    kept = table.drop(columns=[ours]) if ours in table and ours != theirs else table
    return kept.rename(columns={theirs: ours})


def is_finished(table: DataFrame) -> Series[bool]:
    """Which rows have the status ok, or none."""
    import pandas

    if Columns.status not in table:
        return pandas.Series(True, index=table.index)
    status = table[Columns.status]
    return status.isna() | (status.astype(str).str.strip().str.lower() == "ok")


def _is_stopped(table: DataFrame) -> Series[bool]:
    """Which rows are runs that ended early, at a level that is known."""
    import pandas

    if Columns.status not in table or Columns.stop_level not in table:
        return pandas.Series(False, index=table.index)
    status = table[Columns.status].astype(str).str.strip().str.lower()
    return status.isin((SOLVED, UNSOLVED)) & table[Columns.stop_level].notna()


def _checked(rows: DataFrame, source: str) -> DataFrame:
    """The rows with numbers for text; errors as `clean`."""
    for column in _NUMBERS:
        if column in rows:
            rows[column] = _numbers(rows, column, source)
    _check_values(rows, rows_are_direct(rows), source)
    return rows


def _why_empty(table: DataFrame, finished: Series[bool]) -> str:
    if not len(table):
        return "it has no rows"
    return f"{int((~finished).sum())} of its rows have a status other than ok"


def _numbers(rows: DataFrame, column: str, source: str) -> Series[float]:
    import pandas

    values = pandas.to_numeric(rows[column], errors="coerce").astype(float)
    wrong = rows.index[values.isna() & rows[column].notna()]
    if len(wrong):
        text = rows.loc[wrong[0], column]
        raise IdimError(f"{_place(source, wrong)}{column}: {text!r} is not a number")
    return values


def _check_values(rows: DataFrame, direct: Series[bool], source: str) -> None:
    import numpy as np

    value, d = rows[Columns.performance], rows.loc[~direct, Columns.d]
    native = rows[Columns.D].dropna() if Columns.D in rows else value[:0]
    unscored = rows.index[~np.isfinite(value)]
    if len(unscored):
        raise IdimError(f"{_place(source, unscored)}performance is empty or not finite", _leave_out(rows))
    faults: list[tuple[Any, str]] = [
        (d.index[~np.isfinite(d)], "d is empty or not finite"),
        (d.index[d < 1], "d is below 1"),
        (d.index[d % 1 != 0], "d is not a whole number"),
        (d.index[d > _LARGEST], "d is too large"),
        (native.index[~(native <= _LARGEST)], "D is too large"),
    ]
    for wrong, message in faults:
        if len(wrong):
            raise IdimError(_place(source, wrong) + message)


def _leave_out(rows: DataFrame) -> str:
    if Columns.status in rows:
        return "a row whose status is not ok is left out"
    return "take the row out, or add a column status: a row that says failed there is left out"


def _place(source: str, wrong: Index) -> str:
    """``file:line: `` of the first wrong row of a CSV, whose header is line 1."""
    first = wrong[0]
    if source.lower().endswith(".csv") and isinstance(first, int):
        return f"{source}:{first + 2}: "
    return f"{source or 'table'}: row {first}: "
