"""Work that is due after each of many events, and done as seldom as it takes to cost next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Share of the time that may go into it.
SHARE = 0.01


class Seldom:
    """Does something at the first event, and then again when it has rested for long enough.

    Args:
        do: what is to be done; its cost may grow with the number of events.
        clock: seconds.
    """

    def __init__(self, do: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.do, self.clock = do, clock
        self.due, self.stale = clock(), False

    def event(self) -> None:
        """Something has happened."""
        self.stale = True
        if self.clock() >= self.due:
            self.catch_up()

    def catch_up(self) -> None:
        """Do it now if anything has happened since the last time."""
        if not self.stale:
            return
        began = self.clock()
        self.do()
        self.stale, self.due = False, self.clock() + (self.clock() - began) / SHARE
