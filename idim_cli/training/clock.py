"""A clock that divides the elapsed time among the runs of a pack."""

from __future__ import annotations

import time


class Clock:
    """Seconds attributed to one run: while R runs share the process, each is charged 1/R of the time."""

    # Thus the seconds in the results of a sweep add up to the time that has passed.
    def __init__(self) -> None:
        self.sharing, self._charged, self._since = 1, 0.0, time.monotonic()

    def __call__(self) -> float:
        """Seconds since an arbitrary start."""
        return self._charged + (time.monotonic() - self._since) / self.sharing

    def share(self, runs: int) -> None:
        """From now on `runs` runs share the time."""
        self._charged, self._since = self(), time.monotonic()
        self.sharing = max(runs, 1)  # 0 between two runs
