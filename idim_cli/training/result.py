"""The content of result.json: identity, settings and outcome of a run."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import torch

from idim_cli.core import machine
from idim_cli.core.errors import IdimError, RunError, described
from idim_cli.runs import results
from idim_cli.runs.plan import Run, protocol
from idim_cli.tasks.base import chance
from idim_cli.training.loop import Loop
from idim_cli.training.prepare import Problem

_NOT_FIGURES = ("epoch", "step", "lr", "seconds")


def succeeded(run: Run, problem: Problem, loop: Loop, solution: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a run that reached its end or its goal; `solution` is the row of the reported epoch."""
    columns, task, device, verdict = problem.columns, problem.task, problem.device, loop.verdict()
    figures = {name: value for name, value in solution.items() if name not in _NOT_FIGURES}
    return {
        **_identity(run),
        "status": verdict or results.OK,
        "D": problem.subspace.D,
        "d": problem.subspace.d,
        "performance": solution[loop.key],
        "metric": task.metric,
        "score_on": task.score_on,
        "chance": chance(task, loop.scored),
        "performance_start": loop.state.start,
        "epoch": solution["epoch"],
        "epochs": loop.epochs,
        "steps": loop.steps,
        **_stop(loop),
        "curve": loop.curve,
        "metrics": figures,
        "column_norm_min": columns.norm_min,
        "column_norm_max": columns.norm_max,
        # JSON has no NaN and no infinity: both are unknown there.
        "coherence": columns.coherence if math.isfinite(columns.coherence or 0.0) else None,
        "columns_sampled": columns.sampled,
        "layer_share": columns.layer_share,
        "data": list(problem.data.notes),
        "origin": problem.origin(run.recipe),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def failed(run: Run, error: BaseException, problem: Problem | None, device: str) -> dict[str, Any]:
    """The result of a run without a performance."""
    D = None if problem is None else problem.subspace.D
    return {
        **_identity(run),
        "status": results.FAILED,
        "reason": error.message if isinstance(error, IdimError) else described(error),
        "hint": getattr(error, "hint", f"the traceback is in {results.LOG} of the run's folder"),
        # Divergence is an outcome, which would repeat itself. Any other cause (memory, a disk, a bug) may be
        # gone the next time, so the same command tries again.
        "again": not isinstance(error, RunError),
        "D": D,
        "d": D if run.direct else run.recipe.d,
        "device": device,
        "origin": None if problem is None else problem.origin(run.recipe),
    }


def _identity(run: Run) -> dict[str, Any]:
    """The part that is known before training."""
    recipe, seeds = run.recipe, run.recipe.seeds
    lr = recipe.training.optimizer.params.get("lr")
    return {
        "run_id": run.run_id,
        "recipe": recipe.name,
        "status": None,  # reserves the place, so that the file keeps its order of keys
        "direct": run.direct,
        "dataset": recipe.dataset.name,
        "model": recipe.model.name,
        "projector": recipe.projector.name,
        "task": recipe.task.name,
        "method": recipe.method.name,
        "optimizer": recipe.training.optimizer.name,
        "lr": float(lr) if isinstance(lr, int | float) else None,  # the user's own optimizer may have none
        "schedule": recipe.training.schedule.name,
        "seed_theta0": seeds.theta0,
        "seed_projector": None if run.direct else seeds.projector,  # the identity draws nothing
        "seed_data": seeds.data,
        "performance_is": recipe.training.performance,
        "config": run.config,
        "coords": protocol(recipe),
        "idim": machine.version(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }


def _stop(loop: Loop) -> dict[str, Any]:
    """The level for which a run was stopped early, and bounds of the performance it would have reached."""
    if loop.goal is None or not loop.verdict():
        return {"stop_level": None, "final_low": None, "final_high": None}
    low, high = loop.goal.final(loop.curve)
    return {"stop_level": loop.goal.level, "final_low": low, "final_high": high}
