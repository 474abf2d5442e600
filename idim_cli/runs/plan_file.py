"""plan.json: the runs of a results folder, each with its purpose."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

from idim_cli.core import bounded_io, untrusted_text
from idim_cli.core.errors import FileError
from idim_cli.runs.names import PLAN, RESULT, RUNS, Plan

# The keys of each run in plan.json and their types; plans of version 0.1 have no floor.
_PLANNED: dict[str, Any] = {
    "run_id": str, "over": dict | None, "baseline_config": str | None, "floor": int | float | str | None,
}  # fmt: skip
_MOST = 48 * 2**20  # bytes: a plan of MAX_RUNS runs is about half as large
_NAME = 250  # letters of a folder's name: file systems take 255 bytes
_log = logging.getLogger(__name__)


def planned(folder: Path) -> list[dict[str, Any]]:
    """The runs of the plan; without a readable plan all runs of the folder, without a purpose."""
    try:
        if (plan := _plan(folder)) is not None:
            return plan
    except FileError as error:
        _log.warning("%s; all runs of the folder are read instead (%s)", error.message, error.hint)
    names = sorted(path.name for path in (folder / RUNS).glob("*") if path.is_dir())
    return [{"run_id": name, "baseline_config": None} for name in names]


def swept(folder: Path) -> list[str] | None:
    """The recipe keys that the plan of a folder sweeps over; None without a readable plan."""
    try:
        plan = _plan(folder)
    except FileError:
        return None
    return None if plan is None else list(dict.fromkeys(key for run in plan for key in run["over"] or {}))


def unplanned(folder: Path, plan: Plan) -> list[str]:
    """The run_ids of the runs below `folder` that have a result but are not in the plan."""
    planned = {run["run_id"] for run in plan}
    names = (path.parent.name for path in (folder / RUNS).glob(f"*/{RESULT}"))
    return sorted(name for name in names if name not in planned)


def progress(folder: Path, ended: Collection[str]) -> tuple[int, int]:
    """How many runs of the plan have `ended`, and how many there are; 0 of 0 without a plan."""
    try:
        planned = {run["run_id"] for run in _plan(folder) or ()}
    except FileError:  # `planned` warns of it
        planned = set()
    return len(planned.intersection(ended)), len(planned)


def plan_text(recipe: str, runs: Plan) -> str:
    """The content of plan.json."""
    return json.dumps({"recipe": recipe, "runs": [dict(run) for run in runs]}, indent=1) + "\n"


def _plan(folder: Path) -> list[dict[str, Any]] | None:
    """The runs of plan.json; None if it does not exist, FileError if it is damaged."""
    try:
        plan = untrusted_text.loads(bounded_io.read_bytes(folder / PLAN, _MOST))
        runs = plan.get("runs") if isinstance(plan, dict) else None
        if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
            raise ValueError("it holds no list of runs")
        found = [_purpose({"floor": None, **run}) for run in runs]
        return [run for run in found if _is_inside(run["run_id"])]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, FileError) as error:
        again = "run the same `idim sweep` again: it trains nothing twice, and writes a new plan"
        raise FileError(f"{folder / PLAN} is damaged: {error}", again) from error


def _is_inside(run_id: str) -> bool:
    """Whether a run_id names a folder below ``runs``."""
    # A plan may be untrusted and must not make idim read or write elsewhere.
    fits = len(run_id) <= _NAME and not set(run_id) & {"/", "\\", "\0"}
    if fits and run_id not in ("", ".", ".."):
        return True
    _log.warning("%s names a run %r, which is not the name of a folder; it is left out", PLAN, run_id)
    return False


def _purpose(run: dict[str, Any]) -> dict[str, Any]:
    """The purpose of one run of a plan; ValueError for a key of a wrong type, KeyError for a missing one."""
    for name, kind in _PLANNED.items():
        if not isinstance(run[name], kind):
            raise ValueError(f"{name} is a {type(run[name]).__name__}")
    return {name: run[name] for name in _PLANNED}
