"""The baseline of a run: the direct runs in its results folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli.compression import from_checkpoint
from idim_cli.compression.format.spec import Spec
from idim_cli.core.errors import FileError
from idim_cli.runs import results

if TYPE_CHECKING:
    import pandas as pd


def mean_of_direct_runs(folder: Path, run_id: str, spec: Spec) -> float | None:
    """Mean performance of the direct runs in a results folder that are a run's baseline; None if unknown."""
    direct = _direct(folder, run_id, spec)
    return None if direct is None else float(direct["performance"].mean())


def direct_runs(folder: Path, run_id: str, spec: Spec) -> list[Path]:
    """Checkpoints of the direct runs in a results folder that are a run's baseline; none if unknown."""
    direct = _direct(folder, run_id, spec)
    found = [] if direct is None else [folder / results.RUNS / one for one in direct["run_id"]]
    # The table may list runs whose checkpoints were deleted to save space.
    return [run / results.CHECKPOINT for run in found if (run / results.CHECKPOINT).is_file()]


def _direct(folder: Path, run_id: str, spec: Spec) -> pd.DataFrame | None:
    """The rows of the direct runs; a run that no sweep asked for takes the folder's, if of one kind."""
    try:
        # A checkpoint that was copied elsewhere has no results folder: no baseline, but no error.
        table = results.table(folder)
    except FileError:
        return None
    # `== True` as the column may hold missing values, on which `is` and `not` fail.
    direct = table[(table["direct"] == True) & (table["status"] == results.OK)]  # noqa: E712
    own = table.loc[table["run_id"] == run_id, "baseline_config"].dropna().unique()
    runs = folder / results.RUNS
    # A folder may hold direct runs of other data or networks, whose performance means something else.
    alike = [one for one in direct["run_id"] if _solves(runs / one / results.CHECKPOINT, spec)]
    direct = direct[direct["run_id"].isin(alike)].dropna(subset=["performance"])
    # A run outside a sweep has no baseline_config; the direct runs of the folder serve if they are of one
    # kind.
    wanted = own if len(own) else direct["config"].unique()
    direct = direct[direct["config"].isin(wanted)]
    # Among several kinds of direct runs none is known to be the baseline, so none is chosen.
    return direct if len(wanted) == 1 and len(direct) else None


def _solves(path: Path, spec: Spec) -> bool:
    """Whether a run is of the same network, data and task."""
    try:
        there = from_checkpoint.read(path).spec
        # Direct runs have the projector `identity`; everything else must be the same problem.
        return there.model_copy(update={"projector": spec.projector}) == spec
    except FileError:
        # A damaged checkpoint cannot serve as a baseline, and must not stop the compression.
        return False
