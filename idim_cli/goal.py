"""Why a run may end before its budget: it has reached the level, or its learning curve says it will not."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["solved", "unsolved"]
SOLVED: Verdict = "solved"
UNSOLVED: Verdict = "unsolved"

#: Version of the rule by which runs end early: of a run that another rule stopped, nothing is taken over.
RULE = 1

# Chosen on full learning curves; docs/adaptive.md has the rate of false stops that they lead to.
_MARGIN = 0.015  # of the level, by which the forecast must miss it
_EARLIEST = 0.2  # share of the budget, before which no run is given up
FEWEST = 3  # evaluations that make a learning curve
_NORMAL_MEDIAN = 0.6745  # of the size of a standard normal


@dataclass(frozen=True)
class Goal:
    """A level of performance that a run is to reach.

    Attributes:
        level: a run that reaches it at any evaluation has solved the problem.
    """

    level: float

    @property
    def identity(self) -> str:
        """What tells a run that may end early for this goal from a run that may for another, or for none."""
        return f"rule {RULE}, {self!r}"

    def verdict(self, curve: Sequence[float], of: int) -> Verdict | None:
        """Whether a run is decided by its performance at its evaluations so far, `of` of them in all.

        A run is given up as unsolved when not even its `forecast` comes near the level.
        """
        if max(curve) >= self.level:
            return SOLVED
        if len(curve) < _EARLIEST * of:
            return None
        return UNSOLVED if forecast(curve, of) < self.level * (1 - _MARGIN) else None

    def holds(self, result: Mapping[str, Any]) -> bool:
        """Whether what stopped an earlier run would stop it for this goal too."""
        if result["status"] == SOLVED:
            return bool(result["peak"] >= self.level)
        return bool(result["stop_level"] <= self.level)


def jitter(curve: Sequence[float]) -> float | None:
    """Standard deviation of one evaluation about a smooth learning curve; None for fewer than four.

    From the second differences, of which a smooth curve has hardly any; their median, as they are largest in
    the first epochs.
    """
    seconds = [abs(a - 2 * b + c) for a, b, c in zip(curve, curve[1:], curve[2:], strict=False)]
    if len(seconds) < 2:
        return None
    return statistics.median(seconds) / (_NORMAL_MEDIAN * math.sqrt(6))


def forecast(curve: Sequence[float], of: int) -> float:
    """The best that a run can be expected to come to, an optimist's extrapolation of its learning curve.

    Learning curves flatten when drawn against the logarithm of time. So each doubling of the time to come is
    granted the gain of the last doubling, or half of that of the one before where noise hid the last one.
    Infinite before there is a curve to speak of.
    """
    now = len(curve)
    if now < FEWEST:
        return math.inf
    half, quarter = (now + 1) // 2, ((now + 1) // 2 + 1) // 2
    best, before, long_before = max(curve), max(curve[:half]), max(curve[:quarter])
    gain = max(best - before, (before - long_before) / 2)
    return best + gain * math.log2(of / now)
