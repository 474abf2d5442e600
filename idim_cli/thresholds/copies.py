"""Rows of a table that are no runs of their own: copies, which would make an interval too narrow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from idim_cli.thresholds.rows import SEEDS, Columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

_SEED = re.compile(r"(?i)(^|[^a-z])(seed|rng|random_state)s?([^a-z]|$)")
_NAMES = ("run_id", "run", "name", "id", "uuid")  # of a run


def seed_columns(table: DataFrame) -> list[str]:
    """The columns that tell the seeds of runs, or whose names sound like it."""
    return [str(name) for name in table.columns if str(name) in SEEDS or _SEED.search(str(name))]


def copies(table: DataFrame) -> NDArray[np.bool_]:
    """Which rows say in all columns what a row before them says, where that tells a run from others.

    Without a seed or a name, equal rows may be runs that came to the same performance.
    """
    import numpy as np

    names = [column for column in table.columns if str(column).strip().lower() in _NAMES]
    telling = [column for column in {*names, *seed_columns(table)} if table[column].nunique() > 1]
    if not telling or any(table[column].is_unique for column in names):
        return np.zeros(len(table), dtype=np.bool_)
    told = table[telling].notna().any(axis=1)
    try:
        again = table.duplicated()
    except TypeError:  # cells such as lists
        again = table.astype(str).duplicated()
    return np.asarray(again & told, dtype=np.bool_)


def clashes(runs: DataFrame) -> int:
    """How many runs have the d and the seeds of another one, where seeds vary."""
    seeds = seed_columns(runs)
    if not seeds or not any(runs[column].nunique() > 1 for column in seeds):
        return 0
    return int(runs.duplicated([Columns.d, *seeds]).sum())
