"""The queue of runs: which one is next, which are held by other processes, which killed their process."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, MutableMapping
from typing import NamedTuple

from idim_cli.execute.base import Watcher
from idim_cli.runs.plan import Run, kind

#: Seconds between two checks of runs that other processes train: reading their folders costs little.
WAIT_SECONDS = 1.0


class QueuedRun(NamedTuple):
    """A run for a worker, and the size of its kind.

    Attributes:
        run: to be carried out.
        alike: how many runs of its kind the worker may get, including this one.
        widest: the run of its kind with the largest d, which takes most memory.
    """

    run: Run
    alike: int
    widest: Run


class Queue:
    """The runs of a sweep that have not ended, distributed in order and in equal shares.

    Args:
        runs: all that are to be done.
        workers: number of workers.
    """

    def __init__(self, runs: Iterable[Run], workers: int = 1) -> None:
        self.waiting, self.workers = list(runs), workers
        self.held: list[Run] = []  # by other processes
        self.open = len(self.waiting)  # waiting or in training
        self.deaths = Counter[str]()
        # Held runs that were announced, and whether a run has ended since they were last tried.
        self._announced, self._fresh = 0, False

    @property
    def left(self) -> bool:
        """Whether there are runs that have not ended."""
        return bool(self.open or self.held)

    def next(self, wanted: str | None, mine: MutableMapping[str, Run]) -> QueuedRun | None:
        """A run of the kind `wanted` (None: any) for a worker that trains `mine`.

        None if there is none, and if the worker has its share. A run that has killed its process is trained
        alone, so that it is known which run does.
        """
        # Equal shares, so that no worker takes a large pack while others have nothing to do.
        room = math.ceil(self.open / self.workers) - len(mine)
        if room < 1 or any(self.deaths[run_id] for run_id in mine):
            return None
        fit = (
            run for run in self.waiting if wanted in (None, kind(run)) and not (mine and self._deadly(run))
        )
        run = next(fit, None)
        if run is None:
            return None
        # Only a first run decides the size of a pack; the others join one.
        alike = self._alike(run)[:room] if wanted is None else [run]
        self.waiting.remove(run)
        mine[run.run_id] = run
        return QueuedRun(run, len(alike), max(alike, key=lambda one: one.recipe.d or 0))

    def ended(self, run: Run) -> None:
        """A run in training has its result."""
        self.open -= 1
        self._fresh = True

    def hold(self, run: Run) -> None:
        """A run from the queue is trained by another process."""
        self.open -= 1
        self.held.append(run)

    def died(self, run: Run) -> int:
        """The process that trained a run was killed, and the run waits again; how often that has happened."""
        self.deaths[run.run_id] += 1
        # First, as its checkpoint is further than runs that have not started.
        self.waiting.insert(0, run)
        return self.deaths[run.run_id]

    def give_up(self, run: Run) -> None:
        """Remove a waiting run from the queue, as if it were in training."""
        self.waiting.remove(run)

    def retry_held(self, watcher: Watcher) -> None:
        """Once all others have ended, held runs wait again; after a pause if none has ended."""
        if not self.held or self.open:
            return
        if not self._fresh:
            # Once for each number, because this is repeated every second.
            if self._announced != len(self.held):
                watcher.waiting(len(self.held))
                self._announced = len(self.held)
            time.sleep(WAIT_SECONDS)
        self.waiting, self.held, self._fresh = self.held, [], False
        self.open = len(self.waiting)

    def _alike(self, run: Run) -> list[Run]:
        """A waiting run, and those that may be in the same pack."""
        if self._deadly(run):
            return [run]
        return [one for one in self.waiting if kind(one) == kind(run) and not self._deadly(one)]

    def _deadly(self, run: Run) -> bool:
        return self.deaths[run.run_id] > 0
