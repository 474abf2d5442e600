"""One run from its recipe to its folder: run.yaml, metrics.csv, checkpoint, log.txt and result.json."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

from idim_cli import results
from idim_cli.errors import IdimError
from idim_cli.plan import Run, single
from idim_cli.recipe.dump import to_yaml
from idim_cli.recipe.load import Loaded
from idim_cli.training import outcome
from idim_cli.training.preflight import preflight
from idim_cli.training.prepare import Where, problem
from idim_cli.training.record import Record
from idim_cli.training.sitting import OnStep, Sitting
from idim_cli.training.stop import StoppedError


def train(
    loaded: Loaded,
    out: str | Path = "results",
    *,
    where: Where | None = None,
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Train the one run that a recipe describes by its own `d` and `seeds`.

    Args:
        loaded: from `recipe.load`.
        out: folder of all results; the run goes to ``out/RECIPE/runs/RUN_ID``.
        where: device and data.
        on_step: told the progress about five times a second.

    Returns:
        The content of result.json. The same call goes on after an interruption; after the end it only reads.

    Raises:
        RecipeError: the recipe cannot be run here; each fault with its place.
        StoppedError: as for `run`.
    """
    one = single(loaded.recipe)
    folder = run_folder(out, one)
    if pending(folder):
        preflight([one], where or Where(), loaded.source)
    return run(one, folder, where=where, on_step=on_step)


def run_folder(out: str | Path, run: Run) -> Path:
    """The folder of `run` below the folder `out` of all results."""
    return Path(out) / run.recipe.name / results.RUNS / run.run_id


def pending(folder: Path) -> bool:
    """Whether the run of this folder has not come to its outcome yet."""
    return done(folder) is None


def done(folder: Path) -> dict[str, Any] | None:
    """The outcome of the run of this folder; None while it has none that stands."""
    result = results.read_result(folder)
    return None if result is None or result.get("again") else result


def run(
    run: Run, folder: Path, *, where: Where | None = None, on_step: OnStep | None = None
) -> dict[str, Any]:
    """Train one run in its own folder, going on from a checkpoint that is there.

    Args:
        run: what to train.
        folder: the run's own; made when absent.
        where: device and data.
        on_step: told the progress about five times a second.

    Returns:
        The content of result.json. A run that diverged or crashed has the status ``failed`` and a ``reason``,
        and its traceback in log.txt; it raises nothing.

    Raises:
        StoppedError: SIGINT or SIGTERM came; the state is saved and the same call goes on.
        HeldError: another process is training this run.
    """
    result = done(folder)
    if result is not None:
        return result
    with results.sole_writer(folder):
        # Whoever held the folder until now may have brought the run to its end.
        return done(folder) or _carried_out(run, folder, where or Where(), on_step)


def _carried_out(run: Run, folder: Path, where: Where, on_step: OnStep | None) -> dict[str, Any]:
    """Train, with all files of the folder but the checkpoint's."""
    results.write_atomic(folder / results.RUN_RECIPE, to_yaml(run.recipe, defaults=True))
    result = _attempt(run, Record(folder), where, on_step)
    results.write_atomic(folder / results.RESULT, json.dumps(result, indent=2, allow_nan=False) + "\n")
    return result


def _attempt(run: Run, record: Record, where: Where, on_step: OnStep | None) -> dict[str, Any]:
    """Train, and turn every error into a result."""
    D: int | None = None
    try:
        here = problem(run, where)
        D = here.subspace.D
        return Sitting(run, here, record, on_step).train()
    except StoppedError:
        raise
    except Exception as error:
        record.log(f"failed: {error}" if isinstance(error, IdimError) else traceback.format_exc())
        return outcome.failed(run, error, D, where.device or run.recipe.device)
