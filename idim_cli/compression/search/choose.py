"""The choice among files: which sizes are tried, and which of them is the best."""

from __future__ import annotations

import math
from collections.abc import Sequence

from idim_cli.compression.search.missed import missed
from idim_cli.compression.search.options import CompressOptions
from idim_cli.compression.search.sizes import LEVELS, TRAINED, Size, descent, fill, fitting, steps
from idim_cli.compression.search.target import Target
from idim_cli.compression.search.trial import Trial, Trials
from idim_cli.core.errors import IdimError


def choose(trials: Trials, goal: Target, wish: CompressOptions) -> Trial:
    """The best file for a goal; NotReachedError if none that is tried reaches it.

    Rounding is tried at every number of values, training where fewer might do.
    """
    ds = wish.dimensions(trials.found.d, trials.found.D)
    levels = wish.levels or LEVELS
    if trials.found.d in ds:
        for many in levels:
            trials.rounded(many)
    if wish.epochs != 0:
        _train(trials, goal, wish, ds, [many for many in levels if wish.levels or many <= TRAINED])
    allowed = [trial for trial in trials.made if _allowed(trial, wish, ds)]
    if not allowed:
        raise IdimError(
            f"nothing could be tried at d = {', '.join(map(str, ds))}: the run has d = {trials.found.d:,}",
            "without training (--epochs 0), or where all trainings fail, only the run's own d is left",
        )
    met = [trial for trial in allowed if goal.met(trial.performance, trial.size)]
    if not met:
        raise missed(trials, goal, wish, allowed, ds, levels)
    return max(met, key=lambda trial: _merit(goal, trial, trials))


def _train(
    trials: Trials, goal: Target, wish: CompressOptions, ds: Sequence[int], levels: Sequence[int]
) -> None:
    """Make the trainings that the goal asks for."""
    listed = wish.codebook == "kmeans"
    every = [Size(d, many, listed) for d in ds for many in levels]

    def met(sizes: Sequence[Size]) -> set[Size]:
        made = trials.trained(sizes).items()
        return {size for size, trial in made if goal.met(trial.performance, trial.size)}

    if goal.prove or wish.frontier:
        trials.expect(every)
        trials.trained(every)
    elif goal.most_bytes is not None:
        ladders = fitting(ds, levels, 8 * (goal.most_bytes - trials.frame), listed)
        trials.expect([size for ladder in ladders for size in ladder])
        fill(ladders, met)
    else:
        least = _rounded(trials, goal, listed)
        trials.trained(trials.finished(every))  # they may be smaller than what the walk finds
        trials.expect([size for size in every if size.bits < least], steps(ds, levels))
        descent(ds, levels, lambda size: bool(met([size])), least, listed)


def _rounded(trials: Trials, goal: Target, listed: bool) -> float:
    """Bits of the least size that rounding alone does it with, perhaps with more values."""
    done = [one for one in trials.made if one.how == "rounded" and goal.met(one.performance, one.size)]
    coords = (one.content.coords for one in done)
    return min((Size(each.d, each.levels, listed).bits for each in coords), default=math.inf)


def _allowed(trial: Trial, wish: CompressOptions, ds: Sequence[int]) -> bool:
    """Whether a file is of a size that was asked for; the checkpoint as it is is not, where levels are."""
    as_it_was = trial.how != "rounded" and not trial.run_id
    return trial.content.coords.d in ds and not (wish.levels and as_it_was)


def _merit(goal: Target, trial: Trial, trials: Trials) -> tuple[float, float]:
    """What is maximised among the files that meet the goal."""
    if goal.prove:
        bound = trials.bound(trial)
        return (-bound.binomial if bound else trial.performance), -trial.size
    return (-trial.size, trial.performance) if goal.level is not None else (trial.performance, -trial.size)
