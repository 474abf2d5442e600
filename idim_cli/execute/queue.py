"""Which run comes next: of those that wait, that others hold, and that took their process along."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, MutableMapping
from typing import NamedTuple

from idim_cli.execute.base import Watcher
from idim_cli.runs.plan import Run, kind

#: Seconds between two looks at runs that other processes are at work on.
WAIT_SECONDS = 1.0


class QueuedRun(NamedTuple):
    """A run that is handed over, and what else there is of its kind.

    Attributes:
        run: to be carried out.
        alike: how many runs of its kind the same worker may get, this one included.
        widest: the run of its kind with the largest d, which takes the most memory.
    """

    run: Run
    alike: int
    widest: Run


class Queue:
    """The runs of a sweep that have not ended, handed out in order to workers of equal shares.

    Args:
        runs: all that are to be done.
        workers: how many share them.
    """

    def __init__(self, runs: Iterable[Run], workers: int = 1) -> None:
        self.waiting, self.workers = list(runs), workers
        self.held: list[Run] = []  # by other processes
        self.open = len(self.waiting)  # waiting or under way
        self.deaths = Counter[str]()
        self._told, self._fresh = 0, False

    @property
    def left(self) -> bool:
        """Whether there are runs that have not ended."""
        return bool(self.open or self.held)

    def next(self, wanted: str | None, mine: MutableMapping[str, Run]) -> QueuedRun | None:
        """Hand over a run of the kind `wanted` (None: any) to a worker that is at work on `mine`.

        None when there is no such run, when the worker has its share of all, and when a run that once took
        its process along would get company.
        """
        room = math.ceil(self.open / self.workers) - len(mine)
        if room < 1 or any(self.deaths[run_id] for run_id in mine):
            return None
        fit = (
            run for run in self.waiting if wanted in (None, kind(run)) and not (mine and self._deadly(run))
        )
        run = next(fit, None)
        if run is None:
            return None
        alike = self._alike(run)[:room] if wanted is None else [run]
        self.waiting.remove(run)
        mine[run.run_id] = run
        return QueuedRun(run, len(alike), max(alike, key=lambda one: one.recipe.d or 0))

    def ended(self, run: Run) -> None:
        """A run that was under way has its result."""
        self.open -= 1
        self._fresh = True

    def pass_by(self, run: Run) -> None:
        """A run that was handed over is another process's."""
        self.open -= 1
        self.held.append(run)

    def died(self, run: Run) -> int:
        """The process at work on a run was killed, and it waits again; how often that has happened to it."""
        self.deaths[run.run_id] += 1
        self.waiting.insert(0, run)
        return self.deaths[run.run_id]

    def give_up(self, run: Run) -> None:
        """A run that waits is not to be handed over any more: it is as if it were under way."""
        self.waiting.remove(run)

    def look_again(self, watcher: Watcher) -> None:
        """Once all others have ended, those that were held wait again; after a pause if none has ended."""
        if not self.held or self.open:
            return
        if not self._fresh:
            if self._told != len(self.held):
                watcher.waiting(len(self.held))
                self._told = len(self.held)
            time.sleep(WAIT_SECONDS)
        self.waiting, self.held, self._fresh = self.held, [], False
        self.open = len(self.waiting)

    def _alike(self, run: Run) -> list[Run]:
        """A run that waits, and those that may be trained beside it."""
        if self._deadly(run):
            return [run]
        return [one for one in self.waiting if kind(one) == kind(run) and not self._deadly(one)]

    def _deadly(self, run: Run) -> bool:
        return self.deaths[run.run_id] > 0
