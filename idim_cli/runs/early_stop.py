"""Ending a run before its budget, when its final performance is known to be above or below the level."""

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
        """Part of the run_id: runs with another goal, or none, are other runs."""
        return repr(self)

    def verdict(self, curve: Sequence[float]) -> StopVerdict | None:
        """Whether a run is decided by its performance at its evaluations so far.

        It is solved when it has reached the level and will not fall below it again, and unsolved when even
        the largest gain would leave it below.
        """
        low, high = self.final(curve)
        # The lower bound alone is an estimate; a level that no evaluation reached is not called reached.
        if max(curve) >= self.level and low >= self.level:
            return SOLVED
        return UNSOLVED if high < self.level else None

    def final(self, curve: Sequence[float]) -> tuple[float, float]:
        """Bounds on the final performance of a run, by its performance at its evaluations so far."""
        least, most = self.gains[len(curve) - 1]
        return max(curve) + least, max(curve) + most
