"""One run from its recipe to its folder: run.yaml, metrics.csv, checkpoint, log.txt and result.json."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from idim_cli.core.errors import FOREIGN, IdimError
from idim_cli.recipe import trust
from idim_cli.recipe.dump import to_yaml
from idim_cli.recipe.load import Loaded, as_loaded
from idim_cli.runs import results
from idim_cli.runs.plan import Run, single
from idim_cli.trackers.tracking import Tracking
from idim_cli.training import result
from idim_cli.training.clock import Clock
from idim_cli.training.finished import done as done
from idim_cli.training.finished import pending as pending
from idim_cli.training.finished import put_away, results_folder, run_folder
from idim_cli.training.loop import TrainingSteps, finish
from idim_cli.training.preflight import preflight
from idim_cli.training.prepare import Problem, problem
from idim_cli.training.prepare import Where as Where
from idim_cli.training.run_log import RunLog
from idim_cli.training.session import OnStep, Progress, TrainingSession
from idim_cli.training.stop import StoppedError
from idim_cli.training.unchanged import Unchanged
from idim_cli.training.where import as_where

_log = logging.getLogger(__name__)


def train(
    loaded: Loaded | str | Path,
    out: str | Path = "results",
    *,
    where: Where | None = None,
    on_step: OnStep | None = None,
    trust_code: bool = False,
) -> dict[str, Any]:
    """Train the one run that a recipe describes by its own `d` and `seeds`.

    Args:
        loaded: from `recipe.load`, or what that takes.
        out: folder of all results; the run goes to ``out/RECIPE/runs/RUN_ID``.
        where: device and data.
        on_step: told the progress about five times a second.
        trust_code: whether code that the recipe names may run although it is a stranger's (`recipe.trust`).

    Returns:
        The content of result.json. The same call goes on after an interruption; after the end it only reads.

    Raises:
        RecipeError: the recipe cannot be run here; each fault with its place.
        MissingExtraError: a tracker's library is not installed.
        StoppedError: as for `run`.
    """
    loaded, where = as_loaded(loaded), as_where(where)
    loaded = replace(loaded, recipe=loaded.recipe.model_copy(update={"sweep": None}))
    trust.permit(loaded, trust_code)
    one = single(loaded.recipe)
    folder = run_folder(out, one)
    with Tracking(loaded.recipe.trackers, results_folder(out, loaded.recipe)) as tracking:
        new = pending(one, folder) or _is_stale(one, folder, where)
        if new:
            put_away(one, folder)
            preflight([one], where, loaded.source)

        def tell(progress: Progress) -> None:
            tracking.going(one, progress.D)
            if on_step is not None:
                on_step(progress)

        result = run(one, folder, where=where, on_step=tell)
        if new:
            tracking.ended(one, result)
    return result


def _is_stale(run: Run, folder: Path, where: Where) -> bool:
    """Whether a finished run is not what it would be now; it is then named, and its result put away."""
    result = done(run, folder)
    if result is None or not (why := Unchanged(where).other(run, result)):
        return False
    _log.warning("%s: %s; the run is made again", run.run_id, why)
    results.discard(folder)
    return True


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
        and its traceback in log.txt; it raises nothing. One that its goal ended early has the status
        ``solved`` or ``unsolved``.

    Raises:
        StoppedError: a signal came; the state is saved and the same call goes on.
        HeldError: another process is training this run.
    """
    return finish(course(run, folder, where or Where(), on_step))


def course(
    run: Run, folder: Path, where: Where, on_step: OnStep | None = None, clock: Clock | None = None
) -> TrainingSteps[dict[str, Any]]:
    """As `run`, waiting at each step. `clock` tells the time that counts as this run's."""
    result = done(run, folder)
    if result is not None:
        return result
    with results.sole_writer(folder):
        # Whoever held the folder until now may have brought the run to its end.
        result = done(run, folder)
        if result is None:
            recipe = trust.signed(to_yaml(run.recipe, defaults=True), run.recipe)
            results.write_atomic(folder / results.RUN_RECIPE, recipe, durable=False)
            result = yield from _attempt(run, RunLog(folder), where, on_step, clock)
            results.write_result(folder, result)
    return result


def _attempt(
    run: Run, record: RunLog, where: Where, on_step: OnStep | None, clock: Clock | None
) -> TrainingSteps[dict[str, Any]]:
    """Train, and turn every error into a result."""
    here: Problem | None = None
    try:
        here = problem(run, where)
        return (yield from TrainingSession(run, here, record, on_step, clock).course())
    except StoppedError:
        raise
    except FOREIGN as error:
        record.log(f"failed: {error}" if isinstance(error, IdimError) else traceback.format_exc())
        return result.failed(run, error, here, where.device or run.recipe.device)
