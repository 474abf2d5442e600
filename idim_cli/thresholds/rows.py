"""Rows of a table of runs: which columns are read, and which rows are direct, finished, stopped or copies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.core.csv_io import line_of
from idim_cli.core.errors import IdimError
from idim_cli.core.number_formats import as_floats
from idim_cli.core.registry import did_you_mean
from idim_cli.runs.early_stop import SOLVED, UNSOLVED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame, Series


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
    final_low = "final_low"
    final_high = "final_high"
    chance = "chance"
    start = "performance_start"


#: Only tables that `idim` wrote have this column.
RUN_ID = "run_id"
#: How exports of MLflow and W&B begin the names of what the user logged.
PREFIXES = ("params.", "metrics.", "config.", "summary.")
#: Columns with the seeds of a run, and what each is the seed of.
SEEDS = {"seed_theta0": "theta0", "seed_projector": "P", "seed_data": "data order"}
#: Columns for which a column of another name can be read, by `rename`.
READ = (
    Columns.d, Columns.performance, Columns.direct, Columns.projector, Columns.D, Columns.status, *SEEDS,
    Columns.chance, Columns.start,
)  # fmt: skip
# As other programs write them; 1.0 where pandas has made floats of a column with empty cells.
_TRUE, _FALSE = {"true", "1", "1.0", "yes"}, {"false", "0", "0.0", "no"}
_DONE = ("ok", "finished", "completed", "success", "succeeded", "done")  # also MLflow's and W&B's words
_COORDS = ("quantise", "start")  # recipe keys that make coordinates other than free ones that start at zero
# A word of its own in a name: `rng_seed` and `Seed`, but not `seedling`.
_SEED = re.compile(r"(?i)(^|[^a-z])(seed|rng|random_state)s?([^a-z]|$)")
_NAMES = ("run_id", "run", "name", "id", "uuid")  # of a run


def rows_are_direct(rows: DataFrame) -> Series[bool]:
    """Which rows are direct training, see `idim_cli.thresholds.run_table.RunTable.clean`."""
    d = as_floats(rows[Columns.d])
    guess = d == 0
    if Columns.projector in rows:
        guess |= rows[Columns.projector].astype(str) == "identity"
    if Columns.D in rows:
        guess |= d == as_floats(rows[Columns.D])
    if Columns.direct not in rows:
        return guess
    # What a row states wins over the guess; an empty cell states nothing.
    stated = lowered(rows[Columns.direct])
    return stated.isin(_TRUE) | (guess & ~stated.isin(_FALSE))


def lowered(cells: Series[Any]) -> Series[str]:
    """Cells as words without spaces around them, in lower case."""
    return cells.astype(str).str.strip().str.lower()


def is_finished(table: DataFrame) -> Series[bool]:
    """Which rows have the status ok, or another program's word for it, or none."""
    import pandas

    if Columns.status not in table:
        return pandas.Series(True, index=table.index)
    return table[Columns.status].isna() | lowered(table[Columns.status]).isin(_DONE)


def is_stopped(table: DataFrame) -> Series[bool]:
    """Which rows are runs that ended early, at a level that is known."""
    import pandas

    if Columns.status not in table or Columns.stop_level not in table:
        return pandas.Series(False, index=table.index)
    return lowered(table[Columns.status]).isin((SOLVED, UNSOLVED)) & table[Columns.stop_level].notna()


def seed_columns(table: DataFrame) -> list[str]:
    """The columns with seeds of runs, by their names."""
    return [str(name) for name in table.columns if str(name) in SEEDS or _SEED.search(str(name))]


def copies(table: DataFrame) -> NDArray[np.bool_]:
    """Which rows equal an earlier row in all columns, where seeds or names identify runs."""
    # Copies would make an interval too narrow. Without a seed or a name, equal rows may be runs that happen
    # to have the same performance.
    import numpy as np

    names = [column for column in table.columns if str(column).strip().lower() in _NAMES]
    identifying = [column for column in {*names, *seed_columns(table)} if table[column].nunique() > 1]
    if not identifying or any(table[column].is_unique for column in names):
        return np.zeros(len(table), dtype=np.bool_)
    try:
        again = table.duplicated()
    except TypeError:  # cells such as lists
        again = table.astype(str).duplicated()
    return np.asarray(again & table[identifying].notna().any(axis=1), dtype=np.bool_)


def clashes(runs: DataFrame) -> int:
    """How many runs have the d and the seeds of another one, where seeds vary."""
    seeds = seed_columns(runs)
    if not any(runs[column].nunique() > 1 for column in seeds):
        return 0
    return int(runs.duplicated([Columns.d, *seeds]).sum())


def coords_columns(table: DataFrame) -> list[str]:
    """The columns, of a table that `idim` wrote, that restrict the coordinates."""
    return [str(name) for name in table.columns if is_of_coords(str(name))] if RUN_ID in table else []


def is_of_coords(key: str) -> bool:
    """Whether a recipe key restricts the coordinates: to few values, or to another start than zero."""
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
    if theirs not in table:  # as it is called in the program that exported it
        theirs = next((prefix + theirs for prefix in PREFIXES if prefix + theirs in table), theirs)
    require_columns(table, [theirs], source)
    kept = table.drop(columns=[ours]) if ours in table and ours != theirs else table
    return kept.rename(columns={theirs: ours}) if theirs in kept else kept.assign(**{ours: table[theirs]})


def place(source: str, row: object) -> str:
    """``file:line: `` of a row of a CSV; `row` is its label in the table."""
    if source.lower().endswith(".csv") and isinstance(row, Integral):
        return f"{source}:{line_of(Path(source), int(row))}: "
    return f"{source or 'table'}: row {row}: "
