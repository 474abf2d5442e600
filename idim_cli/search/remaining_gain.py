"""How much a run still gains after each evaluation, estimated from runs that were trained to their end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from idim_cli.runs.early_stop import Goal
from idim_cli.runs.results import OK
from idim_cli.search.base import Result
from idim_cli.thresholds.rules import Floats

# Runs that have to end near the level before their learning curves are used: the spread of fewer is too
# uncertain.
FEWEST = 8
# Near: at most this share of the level away. Runs that end elsewhere learn at another pace.
_NEAR = 0.1
# Probability that a run's gain lies beyond its bound on one side at any of its evaluations, if gains are
# normal (Bonferroni). docs/adaptive.md has the measured rate of false stops on real problems.
_BEYOND = 0.003


def goal(level: float, results: Sequence[Result], floor: float = 0.0) -> Goal | None:
    """When a run at this level may end early, given the `results` of runs before it; None: not at all.

    `floor` is the performance from which the level is a share. The runs of `results` had no goal themselves.
    """
    # Runs with a goal are selected by their learning curves, so that the gains of the rest vary too little.
    curves = [curve for result in results if (curve := _curve(result)) is not None]
    near = [curve for curve in curves if abs(curve[-1] - level) <= _NEAR * (level - floor)]
    return Goal(level, _bounds(np.array(near))) if len(near) >= FEWEST else None


def _curve(result: Result) -> list[float] | None:
    """Performance at each evaluation, ending with the final performance; None unless it ran to its end."""
    curve = result.get("curve")
    return [*curve, result["performance"]] if result["status"] == OK and curve else None


def _bounds(curves: Floats) -> tuple[tuple[float, float], ...]:
    """Least and most gain after each evaluation, from `curves` [n, evaluations + 1]."""
    from scipy.special import stdtrit

    # A prediction interval for one more run (Student's t), extended to all gains that were seen. Gains count
    # from the best evaluation so far: a single one may be low by chance.
    n, evaluations = len(curves), curves.shape[1] - 1
    gains = curves[:, -1:] - np.maximum.accumulate(curves[:, :-1], axis=1)
    reach = stdtrit(n - 1, 1 - _BEYOND / evaluations) * math.sqrt(1 + 1 / n) * gains.std(axis=0, ddof=1)
    low = np.minimum(gains.mean(axis=0) - reach, gains.min(axis=0))
    high = np.maximum(gains.mean(axis=0) + reach, gains.max(axis=0))
    return tuple((_rounded(least), _rounded(most)) for least, most in zip(low, high, strict=True))


def _rounded(gain: float) -> float:
    # Six digits: goals are part of a run's identity, and processors differ in the last bits of a sum.
    return float(f"{gain:.6g}")
