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
from idim_cli.training.finished import discard_invalid, done, results_folder, run_folder
from idim_cli.training.loop import TrainingSteps, finish
from idim_cli.training.preflight import preflight
from idim_cli.training.prepare import Problem, problem
from idim_cli.training.prepare import Where as Where
from idim_cli.training.run_log import RunLog
from idim_cli.training.session import OnStep, Progress, TrainingSession
from idim_cli.training.staleness import StalenessCheck
from idim_cli.training.stop import StoppedError
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
        loaded: from `recipe.load`, or an argument of it.
        out: folder of all results; the run is stored in ``out/RECIPE/runs/RUN_ID``.
        where: device and data.
        on_step: called with the progress about five times a second.
        trust_code: run code that the recipe names even if another user wrote it (`recipe.trust`).

    Returns:
        The content of result.json. The same call resumes an interrupted run, and only reads a finished one.

    Raises:
        RecipeError: the recipe cannot be run on this machine; each fault with its place.
        MissingExtraError: a tracker's library is not installed.
        StoppedError: as for `run`.
    """
    loaded, where = as_loaded(loaded), as_where(where)
    loaded = replace(loaded, recipe=loaded.recipe.model_copy(update={"sweep": None}))
    trust.permit(loaded, trust_code)
    one = single(loaded.recipe)
    folder = run_folder(out, one)
    # Trackers first: a missing library is an error before any data are loaded.
    with Tracking(loaded.recipe.trackers, results_folder(out, loaded.recipe)) as tracking:
        finished = done(one, folder)
        if finished and (why := StalenessCheck(where).reason(one, finished)):
            _log.warning("%s: %s; the run is made again", one.run_id, why)
            results.discard(folder)
            finished = None
        if not finished:
            discard_invalid(one, folder)
            preflight([one], where, loaded.source)

        def report(progress: Progress) -> None:
            tracking.going(one, progress.D)
            if on_step is not None:
                on_step(progress)

        result = run(one, folder, where=where, on_step=report)
        if not finished:
            tracking.ended(one, result)
    return result


def run(
    run: Run, folder: Path, *, where: Where | None = None, on_step: OnStep | None = None
) -> dict[str, Any]:
    """Train one run in its own folder, resuming from its checkpoint if there is one.

    Args:
        run: the run.
        folder: its folder; created if absent.
        where: device and data.
        on_step: called with the progress about five times a second.

    Returns:
        The content of result.json. A run that diverged or crashed has the status ``failed`` and a ``reason``,
        and its traceback in log.txt; no error is raised. The status of a run that its goal ended early is
        ``solved`` or ``unsolved``.

    Raises:
        StoppedError: a signal was received; the state is saved and the same call resumes.
        HeldError: another process is training this run.
    """
    return finish(stepwise(run, folder, where or Where(), on_step))


def stepwise(
    run: Run, folder: Path, where: Where, on_step: OnStep | None = None, clock: Clock | None = None
) -> TrainingSteps[dict[str, Any]]:
    """As `run`, yielding before each step. `clock` measures the seconds of the run."""
    result = done(run, folder)
    if result is not None:
        return result
    with results.sole_writer(folder):
        # Again: another process may have finished the run while this one waited for the folder.
        result = done(run, folder)
        if result is None:
            recipe = trust.signed(to_yaml(run.recipe, defaults=True), run.recipe)
            # Not durable: after a power failure the next attempt writes it again.
            results.write_atomic(folder / results.RUN_RECIPE, recipe, durable=False)
            result = yield from _attempt(run, RunLog(folder), where, on_step, clock)
            results.write_result(folder, result)
    return result


def _attempt(
    run: Run, record: RunLog, where: Where, on_step: OnStep | None, clock: Clock | None
) -> TrainingSteps[dict[str, Any]]:
    """Train; every error becomes a result, so that one failed run does not end a sweep."""
    prepared: Problem | None = None
    try:
        prepared = problem(run, where)
        return (yield from TrainingSession(run, prepared, record, on_step, clock).stepwise())
    except StoppedError:
        raise
    except FOREIGN as error:
        # An IdimError says all that a user can act on; any other may be a bug, which needs its traceback.
        record.log(f"failed: {error}" if isinstance(error, IdimError) else traceback.format_exc())
        return result.failed(run, error, prepared, where.device or run.recipe.device)
