"""The 100 % of a run: the direct runs that lie beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli import results
from idim_cli.errors import FileError

if TYPE_CHECKING:
    import pandas as pd


def beside(folder: Path, run_id: str) -> float | None:
    """Mean performance of the direct runs in a results folder that are a run's baseline; None if unknown."""
    direct = _direct(folder, run_id)
    return None if direct is None else float(direct["performance"].mean())


def direct_runs(folder: Path, run_id: str) -> list[Path]:
    """Checkpoints of the direct runs in a results folder that are a run's baseline; none if unknown."""
    direct = _direct(folder, run_id)
    found = [] if direct is None else [folder / results.RUNS / one for one in direct["run_id"]]
    return [run / results.CHECKPOINT for run in found if (run / results.CHECKPOINT).is_file()]


def _direct(folder: Path, run_id: str) -> pd.DataFrame | None:
    """The rows of the direct runs; a run that no sweep asked for takes the folder's, if of one kind."""
    try:
        table = results.table(folder)
    except FileError:
        return None
    direct = table[(table["direct"] == True) & (table["status"] == results.OK)]  # noqa: E712
    own = table.loc[table["run_id"] == run_id, "baseline_config"].dropna().unique()
    wanted = own if len(own) else direct["config"].unique()
    direct = direct[direct["config"].isin(wanted)].dropna(subset=["performance"])
    return direct if len(wanted) == 1 and len(direct) else None
