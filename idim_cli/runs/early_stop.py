"""Early stopping: a run may end when its final performance is known to be above the level, or below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

StopVerdict = Literal["solved", "unsolved"]
SOLVED: StopVerdict = "solved"
UNSOLVED: StopVerdict = "unsolved"


@dataclass(frozen=True)
class Goal:
    """A level of performance to reach, and bounds on the remaining gain at each evaluation.

    Attributes:
        level: the performance to reach.
        gains: at each evaluation of the whole budget, the least and the most by which the final performance
            exceeds the best one so far; see `idim_cli.search.remaining_gain`.
    """

    level: float
    gains: tuple[tuple[float, float], ...]

    @property
    def identity(self) -> str:
        """Distinguishes a run with this goal from runs with another one, or none."""
        return repr(self)

    def verdict(self, curve: Sequence[float]) -> StopVerdict | None:
        """The outcome of a run by its performance at its evaluations so far; None while it is open.

        `SOLVED` once it has reached the level and will not fall below it again, `UNSOLVED` once even the
        largest gain would leave it below.
        """
        low, high = self.final(curve)
        if max(curve) >= self.level and low >= self.level:
            return SOLVED
        return UNSOLVED if high < self.level else None

    def final(self, curve: Sequence[float]) -> tuple[float, float]:
        """Bounds on the final performance of a run, by its performance at its evaluations so far."""
        least, most = self.gains[len(curve) - 1]
        return max(curve) + least, max(curve) + most
