"""The 100 % of a run: the direct runs that lie beside it."""

from __future__ import annotations

from pathlib import Path

from idim_cli import results
from idim_cli.errors import FileError


def beside(folder: Path, run_id: str) -> float | None:
    """Mean performance of the direct runs in a results folder that are a run's baseline; None if unknown.

    A run that no sweep asked for takes those of the folder, if they are all of one kind.
    """
    try:
        table = results.table(folder)
    except FileError:
        return None
    direct = table[(table["direct"] == True) & (table["status"] == results.OK)]  # noqa: E712
    own = table.loc[table["run_id"] == run_id, "baseline_config"].dropna().unique()
    wanted = own if len(own) else direct["config"].unique()
    if len(wanted) != 1:
        return None
    performances = direct.loc[direct["config"] == wanted[0], "performance"].dropna()
    return float(performances.mean()) if len(performances) else None
