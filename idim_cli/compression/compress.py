"""From a checkpoint to the smallest file that does what is asked of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from idim_cli import results
from idim_cli.codec import bounds, checkpoint, container, files, write
from idim_cli.codec.bounds import Bound
from idim_cli.compression import goal as goals
from idim_cli.compression.baseline import beside
from idim_cli.compression.goal import Goal, Size
from idim_cli.compression.trial import Trial, Trials, home
from idim_cli.errors import NOT_REACHED, DataError, IdimError
from idim_cli.execute.base import Executor, Silent, Watcher
from idim_cli.execute.inline import Inline
from idim_cli.quantiser import Codebook
from idim_cli.training.prepare import Where


class NotReachedError(IdimError):
    """No file does what is asked."""

    exit_code = NOT_REACHED


@dataclass(frozen=True)
class Wish:
    """What a file is to be.

    Attributes:
        target: share of the baseline that it reaches, and then it is the smallest; None keeps 99 % of what
            the checkpoint itself reaches.
        baseline: the target's 100 %; None takes the direct runs beside the run.
        max_bytes: its size at most, and then it is the best.
        levels: numbers of values that are tried; None tries some from 2 to 256.
        codebook: ``uniform`` or ``kmeans``.
        d: dimensions that are tried; None is that of the run, ``auto`` from half to two and a half times it,
            as is None for a `frontier`.
        epochs: budget of a training with few values; None is the recipe's own, 0 rounds only.
        lossless: float32, as the checkpoint has it.
        frontier: try every choice of d and levels, for a picture of bytes against performance.
    """

    target: float | None = None
    baseline: float | None = None
    max_bytes: int | None = None
    levels: Sequence[int] | None = None
    codebook: Codebook = "uniform"
    d: Sequence[int] | Literal["auto"] | None = None
    epochs: int | None = None
    lossless: bool = False
    frontier: bool = False

    @property
    def plain(self) -> bool:
        """Whether a run that was trained with few values does as it is."""
        return self == Wish()


@dataclass(frozen=True)
class Compressed:
    """A file that was written; the same is in FILE.json beside it.

    Attributes:
        path: the file.
        bytes: its size on disk.
        D, d: native parameters and coordinates.
        levels: values that a coordinate takes; None if they are float32.
        how: ``exact``, ``rounded`` or ``trained`` coordinates.
        ratio: D x 4 bytes over `bytes`.
        parts: bytes of header, book, coords, buffers, checks and checksum; they add up to `bytes`.
        performance: of the decoded network, in `metric`, on the split `score_on`; None without the data.
        own: performance of the checkpoint.
        goal: what was asked, in words.
        level: performance that the smallest file was wanted for.
        max_bytes: size that the best file was wanted for.
        baseline: performance that the target refers to.
        bound: what the size proves about errors on new data; None where performance is not accuracy.
        tried: all files that were looked at.
        dataset, model, projector, recipe: names.
        warning: why the file may not expand elsewhere, or "".
    """

    path: Path
    bytes: int
    D: int
    d: int
    levels: int | None
    how: str
    ratio: float
    parts: dict[str, int]
    dataset: str
    model: str
    projector: str
    recipe: str
    performance: float | None = None
    own: float | None = None
    metric: str | None = None
    score_on: str | None = None
    goal: str = ""
    level: float | None = None
    max_bytes: int | None = None
    baseline: float | None = None
    bound: Bound | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)
    warning: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "path": str(self.path), "native_bytes": 4 * self.D}


def compress(
    run: str | Path,
    out: str | Path | None = None,
    wish: Wish | None = None,
    *,
    where: Where | None = None,
    executor: Executor | None = None,
    watcher: Watcher | None = None,
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

    Raises:
        FileError: not a checkpoint, or one whose coordinates are not finite.
        DataError: the data that decide are absent.
        NotReachedError: no choice reaches the target.
        StoppedError: a signal asked to stop; the same call goes on.
    """
    wish = wish or Wish()
    path = results.checkpoint_of(Path(run))
    found = checkpoint.read(path)
    target = Path(out) if out else path.with_suffix(results.COMPRESSED)
    try:
        trials = Trials(
            found,
            path,
            wish.codebook,
            wish.epochs,
            where or Where(),
            executor or Inline(),
            watcher or Silent(),
        )
    except DataError as error:
        if wish.lossless:
            return _written(target, path, Trial.unscored(found), None, None, None)
        raise DataError(str(error), f"{error.hint}; or keep every bit with --lossless") from error
    own = trials.own()
    if wish.lossless or (wish.plain and found.stored.levels):
        return _written(target, path, own, trials, None, None)
    baseline = wish.baseline
    if baseline is None and wish.target is not None:
        baseline = beside(home(path), path.absolute().parent.name)
    goal = goals.goal_of(own.performance, wish.target, baseline, wish.max_bytes)
    trials.watcher.say(f"wanted: {goal.says}")
    best = _best(trials, goal, wish)
    return _written(target, path, best, trials, goal, baseline)


def _best(trials: Trials, goal: Goal, wish: Wish) -> Trial:
    """The best of all files that are tried."""
    d, D = trials.found.d, trials.found.D
    wanted = wish.d or ("auto" if wish.frontier else [d])
    ds = goals.dimensions(d, D) if wanted == "auto" else list(wanted)
    levels = list(wish.levels or goals.LEVELS)
    if d in ds:
        for many in levels:
            trials.rounded(many)
    few = [many for many in levels if wish.levels or many <= goals.TRAINED]
    if wish.epochs != 0:
        sizes = [Size(one, many) for one in ds for many in few]
        for _ in trials.all_trained(sizes) if wish.frontier else _trainings(trials, goal, ds, few):
            pass
    allowed = [trial for trial in trials.made if wish.d is None or trial.content.coords.d in ds]
    if wish.levels:
        allowed = [trial for trial in allowed if trial.how != "exact"]
    met = [trial for trial in allowed if goal.met(trial.performance, trial.size)]
    if not met:
        raise _not_reached(goal, allowed or trials.made)
    return max(met, key=lambda trial: goal.better(trial.performance, trial.size))


def _trainings(trials: Trials, goal: Goal, ds: Sequence[int], levels: Sequence[int]) -> Iterator[Any]:
    if goal.most_bytes is not None:
        overhead = trials.own().size - 4 * trials.found.d
        yield from trials.all_trained(goals.fitting(ds, levels, 8 * (goal.most_bytes - max(overhead, 0))))
        return

    def reached(size: Size) -> bool:
        trial = trials.trained(size)
        return trial is not None and goal.met(trial.performance, trial.size)

    # Rounding alone may have done it with more values.
    done = [
        trial for trial in trials.made if trial.how == "rounded" and goal.met(trial.performance, trial.size)
    ]
    least = min(
        (Size(trial.content.coords.d, trial.content.coords.levels).bits for trial in done), default=None
    )
    yield from goals.descent(ds, levels, reached, least)


def _not_reached(goal: Goal, tried: Sequence[Trial]) -> NotReachedError:
    if goal.level is None:
        least = min(tried, key=lambda trial: trial.size)
        return NotReachedError(
            f"{goal.says}: the smallest file has {least.size:,} bytes", "fewer --levels, or a smaller --d"
        )
    best = max(tried, key=lambda trial: trial.performance)
    return NotReachedError(
        f"no file reaches {goal.says}: the best has {best.performance:.4f} at d = {best.content.coords.d:,}",
        "more dimensions (--d 800,1200 or --d auto), more --levels, or a longer training (--epochs)",
    )


def _written(
    out: Path, source: Path, best: Trial, trials: Trials | None, goal: Goal | None, baseline: float | None
) -> Compressed:
    """Write the file of a trial, and what is known of it."""
    content, found = best.content, best.solution
    data = container.pack(content)
    size = files.save(out, data, source)
    scored = {} if trials is None else _figures(trials, best, data)
    done = Compressed(
        path=out,
        bytes=size,
        D=content.D,
        d=content.coords.d,
        levels=content.coords.levels or None,
        how=best.how,
        ratio=4 * content.D / size,
        parts=container.sizes(content),
        dataset=found.spec.dataset.name,
        model=found.spec.model.name,
        projector=found.spec.projector.name,
        recipe=trials.found.recipe.name if trials and trials.found.recipe else "",
        goal=goal.says if goal else "",
        level=goal.level if goal else None,
        max_bytes=goal.most_bytes if goal else None,
        baseline=baseline,
        warning=write.warning(found),
        **scored,
    )
    text = json.dumps(done.as_dict(), indent=2, allow_nan=False)
    results.write_atomic(out.with_name(out.name + results.RECORD), text + "\n")
    return done


def _figures(trials: Trials, best: Trial, data: bytes) -> dict[str, Any]:
    """How well the file of a trial does, and what its size proves."""
    task, bound = trials.task, None
    if task.metric == "accuracy":
        train = trials.data.train
        wrong = round((1 - trials.score(data, train)["accuracy"]) * len(train))
        bound = bounds.bound(wrong, len(train), bounds.prefix_free_bits(container.naming_bytes(best.content)))
    return {
        "performance": best.performance,
        "own": trials.made[0].performance,
        "metric": task.metric,
        "score_on": task.score_on,
        "bound": bound,
        "tried": [trial.as_dict() for trial in trials.made],
    }
