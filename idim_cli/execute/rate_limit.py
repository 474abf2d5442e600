"""Work that is due after each of many events, limited to a small share of the time."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Share of the time: writing the table of thousands of runs takes seconds, and must not slow the sweep.
SHARE = 0.01


class RateLimited:
    """Calls a function at the first event, then again after a pause in proportion to the time it took.

    Args:
        do: the function; its cost may grow with the number of events.
        clock: seconds.
    """

    def __init__(self, do: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.do, self.clock = do, clock
        self.due, self.stale = clock(), False

    def event(self) -> None:
        """An event, after which the work is due."""
        self.stale = True
        if self.clock() >= self.due:
            self.catch_up()

    def catch_up(self) -> None:
        """Do the work now if there was an event since the last time."""
        if not self.stale:
            return
        began = self.clock()
        self.do()
        # In proportion to its own duration, so the share of time stays fixed as the work grows.
        self.stale, self.due = False, self.clock() + (self.clock() - began) / SHARE
