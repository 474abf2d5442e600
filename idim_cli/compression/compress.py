"""`compress`: from a run to the smallest file that meets the requested target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from idim_cli.compression import from_checkpoint, write
from idim_cli.compression.baseline import direct_runs, mean_of_direct_runs
from idim_cli.compression.compare import compare, zstandard
from idim_cli.compression.format import container, files, guard
from idim_cli.compression.rebuild import refuse_edited
from idim_cli.compression.record import Compressed
from idim_cli.compression.search.choose import choose
from idim_cli.compression.search.missed import NotReachedError
from idim_cli.compression.search.options import CompressOptions
from idim_cli.compression.search.target import Target, target_of
from idim_cli.compression.search.trial import Trial, Trials, results_folder
from idim_cli.core.errors import DataError
from idim_cli.execute.base import Executor, Silent, Watcher
from idim_cli.execute.inline import Inline
from idim_cli.runs import origin, results
from idim_cli.tasks import base as tasks
from idim_cli.training.prepare import Where


def compress(
    run: str | Path,
    out: str | Path | None = None,
    options: CompressOptions | None = None,
    *,
    where: Where | None = None,
    executor: Executor | None = None,
    watcher: Watcher | None = None,
    trust_code: bool = False,
) -> Compressed:
    """Write the `.idim` file of a run, as small as the options allow; the test split is not used.

    Args:
        run: a run folder, or its checkpoint.safetensors.
        out: the file to write; next to the checkpoint by default.
        options: what is requested of the file.
        where: device and data.
        executor: carries out trainings with few values; one after the other by default. Their folders are in
            ``compressed/`` of the run's results folder, and none is trained twice.
        watcher: receives their progress.
        trust_code: whether code named by a checkpoint of somebody else may run.

    Raises:
        FileError: not a checkpoint, or one whose coordinates are not finite, or that names untrusted code.
        DataError: the data for scoring are missing.
        NotReachedError: no choice meets the target. Of a `frontier` the nearest is written before.
        StoppedError: a signal asked to stop; the same call continues.
    """
    options = options or CompressOptions()
    path = results.checkpoint_of(results.as_path(run))
    found = from_checkpoint.read(path)
    # All refusals come before the first training: edited code, a file that cannot be written, options.
    refuse_edited(found)
    found = guard.permit(found, trust_code, origin.NEEDED)
    file = results.as_path(out) if out else path.with_suffix(results.COMPRESSED)
    files.check(file, path)
    assert found.recipe is not None
    options.check(found.recipe.projector.name == "identity", tasks.build(found.recipe.task).metric, found.D)
    watcher = watcher or Silent()
    if (path.parent / results.RUN_RECIPE).is_file() and results.read_result(path.parent) is None:
        watcher.say("the run has not ended; compressing its latest checkpoint")
    if options.compare:
        zstandard()  # raises if it is not installed
    try:
        trials = Trials(found, path, options, where or Where(), executor or Inline(), watcher, trust_code)
    except DataError as error:
        if not options.lossless:
            raise DataError(error.message, f"{error.hint}; or keep every bit with --lossless") from error
        return _write(Trial.unscored(found), file, path, recipe=found.recipe.name).save()
    # First, because `made[0]` must be the run itself, to which all others are compared.
    trials.own()
    # A run trained with few values is packed as it is, unless more is requested.
    if options.lossless or (options == CompressOptions() and found.stored.levels):
        return _scored(trials, trials.made[0], file).save()
    return _search(trials, options, file)


def _search(trials: Trials, options: CompressOptions, file: Path) -> Compressed:
    """Find the file that meets the target, and write it."""
    run_id, baseline = trials.path.absolute().parent.name, options.baseline
    if baseline is None and options.target is not None:
        # Only --target refers to a baseline; the other goals need no table of the folder.
        baseline = mean_of_direct_runs(results_folder(trials.path), run_id, trials.found.spec)
    metric = tasks.build(trials.found.recipe.task).metric if trials.found.recipe else ""
    own = trials.made[0].performance
    target = target_of(own, options.target, baseline, options.max_bytes, options.prove, metric)
    # Before the search, so that a wrong target is noticed before hours of training.
    trials.watcher.say(f"target: {target.text}")
    best, missed = _best(trials, target, options)
    # The record says so, as the file does not show that it misses its target.
    known = {**target.known, "goal": f"{target.text}; not reached"} if missed else target.known
    # Saved before the comparison, which takes long and may be interrupted.
    done = replace(_scored(trials, best, file), baseline=baseline, **known).save()
    if missed:
        raise missed.but(done)
    if options.compare and not direct_runs(trials.out, run_id, trials.found.spec):
        trials.watcher.say("no direct runs next to this run: none is pruned for comparison")
    if options.compare:
        done = replace(done, compared=compare(trials, best.performance, run_id)).save()
    return done


def _best(trials: Trials, target: Target, options: CompressOptions) -> tuple[Trial, NotReachedError | None]:
    """The file to write. A frontier shows all trials, so the nearest is written too, with the error."""
    try:
        return choose(trials, target, options), None
    except NotReachedError as error:
        if not options.frontier:
            raise
        return error.nearest, error


def _scored(trials: Trials, best: Trial, file: Path) -> Compressed:
    """Write a file with its score, and with what its size proves."""
    return _write(
        best,
        file,
        trials.path,
        recipe=trials.recipe.name,
        performance=best.performance,
        own=trials.made[0].performance,
        metric=trials.task.metric,
        score_on=trials.task.score_on,
        bound=trials.bound(best),
        tried=[trial.record() for trial in trials.made],
    )


def _write(trial: Trial, file: Path, source: Path, **known: Any) -> Compressed:
    """Write the file of a trial, never over its source; `known` are further fields of the record."""
    content, spec = trial.content, trial.solution.spec
    size = files.save(file, container.pack(content), source)
    return Compressed(
        path=file,
        dataset=spec.dataset.name,
        model=spec.model.name,
        projector=spec.projector.name,
        D=content.D,
        d=content.coords.d,
        levels=content.coords.levels or None,
        how=trial.how,
        bytes=size,
        digest=files.digest(file),
        parts=container.sizes(content),
        metrics=dict(trial.metrics),
        origin=trial.solution.origin,
        warning=write.warning(trial.solution),
        **known,
    )
