"""Several learning rates that race for the lowest threshold of one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from idim_cli.runs.plan import Run
from idim_cli.search.base import Ask, Result
from idim_cli.search.group_search import GroupSearch

# A rival is dropped when this share of what is plausible for it lies above this share for the leader.
_SURE = 0.9


class LearningRateSelection:
    """Rivals that differ in nothing but the learning rate; one alone has nothing to race for.

    With the rate tuned at each d, performance at d is the best of all rates there, and the smallest d at
    which that best reaches the level is the smallest of the rivals' own thresholds. So each rival hunts for
    its own, and is dropped when it is surely behind; the race ends when the leader is known well enough.

    Args:
        rivals: one search for each learning rate.
    """

    def __init__(self, rivals: Sequence[GroupSearch]) -> None:
        self.rivals, self.left = list(rivals), list(rivals)

    def ask(self, told: Mapping[str, Result]) -> Ask:
        """The next runs of all that are left; none when the race is over."""
        self._look(told)
        why, runs = self._drop(), list[Run]()
        leader = self._leader()
        # The leader first: when it has ended, so has the race, and the others need not be asked.
        for rival in sorted(self.left, key=lambda one: one is not leader):
            if not rival.over and not (leader is not None and leader.over):
                ask = rival.ask(told)
                why, runs = [*why, *ask.why], [*runs, *ask.runs]
        if not runs and leader is not None and len(self.rivals) > 1:
            why = [*why, f"best learning rate: {leader.summary}"]
        return Ask(runs, why)

    def ended(self, told: Mapping[str, Result], why: str) -> list[str]:
        """What is known, the last results included, when it must end now."""
        self._look(told)
        return [line for rival in self.left if not rival.over for line in rival.ended(why).why]

    def _look(self, told: Mapping[str, Result]) -> None:
        for rival in self.left:
            rival.look(told)

    def _drop(self) -> list[str]:
        leader = self._leader()
        if leader is None:
            return []
        limit = _threshold(leader, _SURE)
        behind = [r for r in self.left if r is not leader and r.found and _threshold(r, 1 - _SURE) > limit]
        self.left = [rival for rival in self.left if rival not in behind]
        return [f"{rival.summary}: dropped: its d_int is above that of {leader.name}" for rival in behind]

    def _leader(self) -> GroupSearch | None:
        known = [rival for rival in self.left if rival.found is not None]
        return min(known, key=lambda rival: _threshold(rival, 0.5)) if known else None


def _threshold(rival: GroupSearch, share: float) -> float:
    assert rival.found is not None
    return float(rival.found.quantiles(np.array([share]))[0])
