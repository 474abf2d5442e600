"""Searches of one group with several learning rates: the rate with the lowest threshold is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from idim_cli.runs.plan import Run
from idim_cli.search.base import Ask, Result
from idim_cli.search.group_search import GroupSearch

# A rate is dropped when its threshold lies, with this probability, above a bound that the threshold of the
# best rate lies below with the same probability. Both at once are wrong in about 1 % of the cases.
_SURE = 0.9


# With the rate tuned at each d, performance at d is the best of all rates there, and the smallest d at which
# that best reaches the level is the smallest of the rates' own thresholds: no search over pairs of d and rate
# is needed.
class LearningRateSelection:
    """Searches that differ in the learning rate alone, or a single one.

    Each rate is searched until its threshold is surely above that of the best rate; all end with the search
    of the best one.

    Args:
        searches: one for each learning rate.

    Attributes:
        left: those that have not been dropped.
    """

    def __init__(self, searches: Sequence[GroupSearch]) -> None:
        self.several, self.left = len(searches) > 1, list(searches)

    def ask(self, results: Mapping[str, Result]) -> Ask:
        """The next runs of all rates that are left; none at the end."""
        self._update(results)
        why, runs = self._drop(), list[Run]()
        best = self._best()
        # The best rate first: when its search has ended, the others need not be asked.
        for search in sorted(self.left, key=lambda one: one is not best):
            if not search.over and not (best is not None and best.over):
                ask = search.ask()
                why, runs = [*why, *ask.why], [*runs, *ask.runs]
        if not runs and best is not None and self.several:
            why = [*why, f"best learning rate: {best.summary}"]
        return Ask(runs, why)

    def ended(self, results: Mapping[str, Result], why: str) -> list[str]:
        """The final messages where the selection has to end now."""
        self._update(results)
        return [line for search in self.left if not search.over for line in search.ended(why).why]

    def _update(self, results: Mapping[str, Result]) -> None:
        for search in self.left:
            search.update(results)

    def _drop(self) -> list[str]:
        best = self._best()
        if best is None:
            return []
        bound = _threshold(best, _SURE)
        known = [search for search in self.left if search is not best and search.crossing]
        dropped = [search for search in known if _threshold(search, 1 - _SURE) > bound]
        self.left = [search for search in self.left if search not in dropped]
        return [f"{search.summary}: dropped: its d_int is above that of {best.name}" for search in dropped]

    def _best(self) -> GroupSearch | None:
        known = [search for search in self.left if search.crossing is not None]
        return min(known, key=lambda search: _threshold(search, 0.5)) if known else None


def _threshold(search: GroupSearch, share: float) -> float:
    assert search.crossing is not None
    return float(search.crossing.quantiles(np.array([share]))[0])
