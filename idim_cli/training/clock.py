"""Whose time is it: a clock that shares out the seconds among runs that are trained side by side."""

from __future__ import annotations

import time


class Clock:
    """Seconds as one of several runs counts them: while R share the machine, each has 1/R of the time.

    So the seconds of all runs add up to the time that passed.
    """

    def __init__(self) -> None:
        self.sharing, self._shown, self._at = 1, 0.0, time.monotonic()

    def __call__(self) -> float:
        """Seconds since some moment in the past."""
        return self._shown + (time.monotonic() - self._at) / self.sharing

    def share(self, runs: int) -> None:
        """From now on `runs` of them share the time."""
        self._shown, self._at = self(), time.monotonic()
        self.sharing = max(runs, 1)
