"""The choice among files: which sizes are tried, and which of the files is the best."""

from __future__ import annotations

import math
from collections.abc import Sequence

from idim_cli.compression.search.missed import missed
from idim_cli.compression.search.options import CompressOptions
from idim_cli.compression.search.sizes import LEVELS, TRAINED, Size, descent, fill, fitting, steps
from idim_cli.compression.search.target import Target
from idim_cli.compression.search.trial import Trial, Trials
from idim_cli.core.errors import IdimError


def choose(trials: Trials, target: Target, options: CompressOptions) -> Trial:
    """The best file for a target; NotReachedError if no file reaches it.

    Rounding is tried at every number of values, as it costs one evaluation; training at up to `TRAINED`.
    """
    ds = options.dimensions(trials.found.d, trials.found.D)
    levels = options.levels or LEVELS
    if trials.found.d in ds:
        for many in levels:
            trials.rounded(many)
    if options.epochs != 0:
        _train(trials, target, options, ds, [many for many in levels if options.levels or many <= TRAINED])
    allowed = [trial for trial in trials.made if _allowed(trial, options, ds)]
    if not allowed:
        raise IdimError(
            f"nothing could be tried at d = {', '.join(map(str, ds))}: the run has d = {trials.found.d:,}",
            "without training (--epochs 0), or where all trainings fail, only the run's own d can be tried",
        )
    met = [trial for trial in allowed if target.met(trial.performance, trial.size)]
    if not met:
        raise missed(trials, target, options, allowed, ds, levels)
    return max(met, key=lambda trial: _merit(target, trial, trials))


def _train(
    trials: Trials, target: Target, options: CompressOptions, ds: Sequence[int], levels: Sequence[int]
) -> None:
    """Make the trainings that the target needs."""
    listed = options.codebook == "kmeans"
    every = [Size(d, many, listed) for d in ds for many in levels]

    def met(sizes: Sequence[Size]) -> set[Size]:
        made = trials.trained(sizes).items()
        return {size for size, trial in made if target.met(trial.performance, trial.size)}

    # The bound depends on training errors, so no size can be excluded beforehand.
    if target.prove or options.frontier:
        trials.expect(every)
        trials.trained(every)
    # At a fixed size the best file is wanted, so each number of values gets as many dimensions as fit.
    elif target.most_bytes is not None:
        ladders = fitting(ds, levels, 8 * (target.most_bytes - trials.frame), listed)
        trials.expect([size for ladder in ladders for size in ladder])
        fill(ladders, met)
    else:
        least = _rounded(trials, target, listed)
        # Trainings of an earlier call cost nothing, and may be smaller than what the descent finds.
        trials.trained(trials.finished(every))
        trials.expect([size for size in every if size.bits < least], steps(ds, levels))
        descent(ds, levels, lambda size: bool(met([size])), least, listed)


def _rounded(trials: Trials, target: Target, listed: bool) -> float:
    """Bits of the smallest size that reaches the target by rounding alone, perhaps with more values."""
    done = [one for one in trials.made if one.how == "rounded" and target.met(one.performance, one.size)]
    coords = (one.content.coords for one in done)
    return min((Size(each.d, each.levels, listed).bits for each in coords), default=math.inf)


def _allowed(trial: Trial, options: CompressOptions, ds: Sequence[int]) -> bool:
    """Whether a file has a requested size; the unchanged checkpoint does not if levels are requested."""
    # It has the levels of the run, which were not requested.
    unchanged = trial.how != "rounded" and not trial.run_id
    return trial.content.coords.d in ds and not (options.levels and unchanged)


def _merit(target: Target, trial: Trial, trials: Trials) -> tuple[float, float]:
    """What is maximised among the files that meet the target; ties are decided by the second number."""
    if target.prove:
        bound = trials.bound(trial)
        return (-bound.binomial if bound else trial.performance), -trial.size
    return (-trial.size, trial.performance) if target.level is not None else (trial.performance, -trial.size)
