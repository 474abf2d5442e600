"""From a run to the smallest file that does what is asked of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from idim_cli.compression import from_checkpoint
from idim_cli.compression.baseline import beside, direct_runs
from idim_cli.compression.compare import compare, zstandard
from idim_cli.compression.format import files, guard
from idim_cli.compression.rebuild import refuse_edited
from idim_cli.compression.search import record
from idim_cli.compression.search.choose import choose
from idim_cli.compression.search.missed import NotReachedError
from idim_cli.compression.search.options import CompressOptions
from idim_cli.compression.search.record import Compressed
from idim_cli.compression.search.target import Target, goal_of
from idim_cli.compression.search.trial import Trial, Trials, home
from idim_cli.core.errors import DataError
from idim_cli.execute.base import Executor, Silent, Watcher
from idim_cli.execute.inline import Inline
from idim_cli.runs import origin, results
from idim_cli.tasks import base as tasks
from idim_cli.training.prepare import Where


def compress(
    run: str | Path,
    out: str | Path | None = None,
    wish: CompressOptions | None = None,
    *,
    where: Where | None = None,
    executor: Executor | None = None,
    watcher: Watcher | None = None,
    trust_code: bool = False,
) -> Compressed:
    """Write the `.idim` file of a run, as small as the wish allows; the test split has no part in it.

    Args:
        run: a run folder, or its checkpoint.safetensors.
        out: the file to write; beside the checkpoint by default.
        wish: what it is to be.
        where: device and data.
        executor: carries out trainings with few values; one after the other by default. They lie in
            ``compressed/`` of the run's results folder, and are not made twice.
        watcher: told of them.
        trust_code: whether code that the checkpoint names may run although a stranger made it.

    Raises:
        FileError: not a checkpoint, or one whose coordinates are not finite, or that names a stranger's code.
        DataError: the data that decide are absent.
        NotReachedError: no choice does what is asked. Of a `frontier` the nearest is written before.
        StoppedError: a signal asked to stop; the same call goes on.
    """
    wish = wish or CompressOptions()
    path = results.checkpoint_of(results.as_path(run))
    found = from_checkpoint.read(path)
    refuse_edited(found)
    found = guard.permit(found, trust_code, origin.NEEDED)
    target = results.as_path(out) if out else path.with_suffix(results.COMPRESSED)
    files.check(target, path)
    assert found.recipe is not None
    wish.check(found.recipe.projector.name == "identity", tasks.build(found.recipe.task).metric, found.D)
    watcher = watcher or Silent()
    if (path.parent / results.RUN_RECIPE).is_file() and results.read_result(path.parent) is None:
        watcher.say("the run has not ended: its file holds how far it came")
    if wish.compare:
        zstandard()  # before any training
    try:
        trials = Trials(found, path, wish, where or Where(), executor or Inline(), watcher, trust_code)
    except DataError as error:
        if not wish.lossless:
            raise DataError(error.message, f"{error.hint}; or keep every bit with --lossless") from error
        return record.note(record.save(Trial.unscored(found), target, path, recipe=found.recipe.name))
    trials.own()
    if wish.lossless or (wish == CompressOptions() and found.stored.levels):
        return record.note(_saved(trials, trials.made[0], target))
    return _wished(trials, wish, target)


def _wished(trials: Trials, wish: CompressOptions, target: Path) -> Compressed:
    """Find the file that was wished for, and write it."""
    run_id, baseline = trials.path.absolute().parent.name, wish.baseline
    if baseline is None and wish.target is not None:
        baseline = beside(home(trials.path), run_id, trials.found.spec)
    metric = tasks.build(trials.found.recipe.task).metric if trials.found.recipe else ""
    goal = goal_of(trials.made[0].performance, wish.target, baseline, wish.max_bytes, wish.prove, metric)
    trials.watcher.say(f"wanted: {goal.says}")
    best, missed = _best(trials, goal, wish)
    known = {**goal.known, "goal": f"{goal.says}; not reached"} if missed else goal.known
    done = record.note(replace(_saved(trials, best, target), baseline=baseline, **known))
    if missed:
        raise missed.but(done)
    if wish.compare and not direct_runs(trials.out, run_id, trials.found.spec):
        trials.watcher.say("no direct runs lie beside this run: there is none to prune")
    if wish.compare:
        done = record.note(replace(done, compared=compare(trials, best.performance, run_id)))
    return done


def _best(trials: Trials, goal: Target, wish: CompressOptions) -> tuple[Trial, NotReachedError | None]:
    """The file to write. Of a frontier, which draws all that was tried, the nearest does, with the error."""
    try:
        return choose(trials, goal, wish), None
    except NotReachedError as error:
        if not wish.frontier:
            raise
        return error.nearest, error


def _saved(trials: Trials, best: Trial, target: Path) -> Compressed:
    """Write a file with its score, and with what its size proves."""
    return record.save(
        best,
        target,
        trials.path,
        recipe=trials.recipe.name,
        performance=best.performance,
        own=trials.made[0].performance,
        metric=trials.task.metric,
        score_on=trials.task.score_on,
        bound=trials.bound(best),
        tried=[trial.as_dict() for trial in trials.made],
    )
