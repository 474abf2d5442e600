"""Names of files and runs, and the statuses of runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from idim_cli.core.errors import FileError
from idim_cli.runs.consistency import prefix
from idim_cli.runs.early_stop import SOLVED as SOLVED
from idim_cli.runs.early_stop import UNSOLVED as UNSOLVED

Known = MutableMapping[str, dict[str, Any]]
#: The purpose of each run of a sweep: `run_id`, `over`, `baseline_config` and `floor`.
Plan = Sequence[Mapping[str, Any]]

OK, FAILED, CANCELLED, TIMEOUT = "ok", "failed", "cancelled", "timeout"
PLAN, TABLE, SUMMARY, RECIPE = "plan.json", "results.csv", "summary.json", "recipe.yaml"
SEARCH = "search.log"  # decisions of an adaptive search
RUNS, RESULT, METRICS, CHECKPOINT, LOG, RUN_RECIPE = (
    "runs", "result.json", "metrics.csv", "checkpoint.safetensors", "log.txt", "run.yaml",
)  # fmt: skip
TRAININGS = "compressed"  # folder in a results folder with the trainings of `idim compress`
COMPRESSED, RECORD = ".idim", ".json"  # suffixes of a compressed file, and after it of its record

# A run_id, as `plan` makes it: projector, d unless it is direct, seeds, digest.
_RUN_ID = re.compile(r"(?P<prefix>\w+?)-(?:d(?P<d>\d+)-)?s(?P<seeds>\d+(?:\.\d+)+)-[0-9a-f]{8}")


def misplaced(result: Mapping[str, Any], run_id: str) -> str:
    """Why a result cannot be that of the run `run_id`, in words; empty if it can."""
    named = _RUN_ID.fullmatch(run_id)
    if named is None:  # a folder that the user renamed, such as a copy
        return ""
    if result["run_id"] != run_id:
        return f"is the result of another run, {result['run_id']}"
    seeds = (result.get(f"seed_{name}") for name in ("theta0", "projector", "data"))
    if named["seeds"] != ".".join(str(seed) for seed in seeds if seed is not None):
        return "has other seeds than its run"
    if (projector := result.get("projector")) is not None and prefix(projector) != named["prefix"]:
        return "has another projector than its run"
    return "" if named["d"] in (None, str(result.get("d"))) else f"has d = {result.get('d')}, unlike its run"


def is_run_id(name: str) -> bool:
    """Whether a name has the form of a run_id; a copied folder may have any name."""
    return _RUN_ID.fullmatch(name) is not None


def checkpoint_of(run: Path) -> Path:
    """The checkpoint of a run folder, or the file itself; FileError if there is none."""
    path = run / CHECKPOINT if run.is_dir() else run
    if not path.is_file():
        raise FileError(f"no checkpoint at {run}", "give a run folder, or its checkpoint.safetensors")
    return path


def as_path(path: object) -> Path:
    """A str or PathLike as a Path; FileError for other types."""
    if not isinstance(path, str | os.PathLike):
        hint = "give the name of a file or folder, or a Path"
        raise FileError(f"a path must be text or a Path, got a {type(path).__name__}", hint)
    return Path(path)


def as_folder(path: str | Path) -> Path:
    """The path of a folder, which need not exist; FileError if it is something else."""
    folder = as_path(path)
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is not a folder")
    return folder
