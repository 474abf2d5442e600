"""Why a run may end before its budget: its final performance is known to lie above the level, or below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

StopVerdict = Literal["solved", "unsolved"]
SOLVED: StopVerdict = "solved"
UNSOLVED: StopVerdict = "unsolved"


@dataclass(frozen=True)
class Goal:
    """A level of performance that a run is to reach, and what remains to be gained at each evaluation.

    Attributes:
        level: the performance to reach.
        gains: at each evaluation of the whole budget, the least and the most by which the final performance
            exceeds the best one so far; see `idim_cli.search.remaining_gain`.
    """

    level: float
    gains: tuple[tuple[float, float], ...]

    @property
    def identity(self) -> str:
        """What tells a run that may end early for this goal from a run that may for another, or for none."""
        return repr(self)

    def verdict(self, curve: Sequence[float]) -> StopVerdict | None:
        """Whether a run is decided by its performance at its evaluations so far.

        It has solved the problem when it has reached the level and will not fall below it again, and has not
        when even the largest gain would leave it below.
        """
        low, high = self.final(curve)
        if max(curve) >= self.level and low >= self.level:
            return SOLVED
        return UNSOLVED if high < self.level else None

    def final(self, curve: Sequence[float]) -> tuple[float, float]:
        """Bounds on the final performance of a run, by its performance at its evaluations so far."""
        least, most = self.gains[len(curve) - 1]
        return max(curve) + least, max(curve) + most
