"""The choice among files: which sizes are tried, and which of them is the best."""

from __future__ import annotations

import math
from collections.abc import Sequence

from idim_cli.compression.goal import Goal
from idim_cli.compression.sizes import LEVELS, TRAINED, Size, descent, fitting
from idim_cli.compression.trial import Trial, Trials
from idim_cli.compression.wish import Wish
from idim_cli.errors import NOT_REACHED, IdimError


class NotReachedError(IdimError):
    """No file does what is asked."""

    exit_code = NOT_REACHED


def choose(trials: Trials, goal: Goal, wish: Wish) -> Trial:
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
        raise _not_reached(goal, allowed)
    return max(met, key=lambda trial: _merit(goal, trial, trials))


def _train(trials: Trials, goal: Goal, wish: Wish, ds: Sequence[int], levels: Sequence[int]) -> None:
    """Make the trainings that the goal asks for."""
    every = [Size(d, many) for d in ds for many in levels]
    if goal.level is None and goal.most_bytes is not None and not wish.frontier:
        every = fitting(ds, levels, 8 * (goal.most_bytes - trials.made[0].overhead))
    if goal.level is None or wish.frontier:
        trials.trained(every)
        return

    def reached(size: Size) -> bool:
        return any(goal.met(trial.performance, trial.size) for trial in trials.trained([size]))

    # Rounding alone may have done it, with more values.
    done = [trial for trial in trials.made if trial.how == "rounded"]
    bits = [trial.bits for trial in done if goal.met(trial.performance, trial.size)]
    descent(ds, levels, reached, min(bits, default=math.inf))


def _allowed(trial: Trial, wish: Wish, ds: Sequence[int]) -> bool:
    """Whether a file is of a size that was asked for."""
    return trial.content.coords.d in ds and not (wish.levels and trial.how == "exact")


def _merit(goal: Goal, trial: Trial, trials: Trials) -> tuple[float, float]:
    """What is maximised among the files that meet the goal."""
    if goal.prove:
        bound = trials.bound(trial)
        return (-bound.binomial if bound else trial.performance), -trial.size
    return (-trial.size, trial.performance) if goal.level is not None else (trial.performance, -trial.size)


def _not_reached(goal: Goal, tried: Sequence[Trial]) -> NotReachedError:
    if goal.level is None:
        least = min(tried, key=lambda trial: trial.size)
        return NotReachedError(
            f"{goal.says}: the smallest file has {least.size:,} bytes", "fewer --levels, or a smaller --d"
        )
    best = max(tried, key=lambda trial: trial.performance)
    return NotReachedError(
        f"no file reaches {goal.says}: the best has {best.performance:.4f} at d = {best.content.coords.d:,}",
        "more dimensions (--d auto or a list), more --levels, or a longer training (--epochs)",
    )
