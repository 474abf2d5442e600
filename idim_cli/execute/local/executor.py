"""The executor for this machine, which chooses the number of processes and the size of packs."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli.core.errors import IdimError
from idim_cli.core.machine import free_bytes, pick_device, resident_bytes
from idim_cli.execute.base import Result, Watcher
from idim_cli.runs.plan import Run
from idim_cli.training.where import Where

if TYPE_CHECKING:
    from idim_cli.execute.local.pool import Pool
    from idim_cli.execute.local.worker_process import WorkerSlot

#: Time to start workers, each importing torch. They are started if they save more than that.
START_SECONDS = 8.0
_MEMORY_SHARE = 0.8  # of the free memory that workers may take: estimates are not exact
_log = logging.getLogger(__name__)


class Local:
    """An `Executor` that trains in this process, or in a `Pool` if that is faster.

    Args:
        jobs: number of processes; None decides by timing a few steps of each kind of run: one for each GPU,
            or for each core that the memory suffices for, if that saves time.
        pack: as for `Inline`.
    """

    def __init__(self, jobs: int | None = None, pack: int | None = None) -> None:
        for name, value in (("jobs", jobs), ("pack", pack)):
            # `type`, because True is an instance of int.
            if value is not None and (type(value) is not int or value < 1):
                raise IdimError(f"{name} must be a positive whole number or None, got {value!r}")
        self.jobs, self.pack = jobs, pack
        self.pool: Pool | None = None
        self.spent = 0.0  # seconds of work so far

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.close()

    def map(
        self, runs: Sequence[Run], out: Path, where: Where, watcher: Watcher
    ) -> Iterator[tuple[Run, Result]]:
        """See `Executor.map`."""
        from idim_cli.execute.inline import Inline
        from idim_cli.execute.local.pool import Pool

        began = time.monotonic()
        # Workers that have been started cost nothing more, so there is nothing to decide.
        number = 1 if self.pool else workers(runs, where, self.jobs, self.pack, self.spent)
        if number > 1:
            # As large as possible: a search may request more runs at a time later.
            self.pool = Pool(self.jobs or _capacity(runs, where), pack=self.pack)
            watcher.say(f"{number} worker processes")
        yield from (self.pool or Inline(self.pack)).map(runs, out, where, watcher)
        self.spent += time.monotonic() - began


def workers(
    runs: Sequence[Run], where: Where, jobs: int | None = None, pack: int | None = None, spent: float = 0.0
) -> int:
    """How many processes `Local` uses for these runs; 1 is this process.

    Args:
        runs: still to be done.
        where: device and data.
        jobs, pack: as for `Local`.
        spent: seconds of work already done in one process: a long search is likely to take longer still.
    """
    # Workers inherit connections by file descriptor, which Windows cannot.
    if os.name != "posix" or not runs:
        return 1
    if jobs is not None:
        return min(jobs, len(runs))
    # More workers than runs would have nothing to do.
    number = min(len(_slots(runs, where)), len(runs))
    if number == 1 or not _worth_it(runs, where, pack, number, spent):
        return 1
    return min(number, _capacity(runs, where))


def kinds(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by their configuration without d and seeds."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.config, []).append(run)
    return found


def widest(runs: Sequence[Run]) -> Run:
    """The run with the largest d."""
    return max(runs, key=lambda run: run.recipe.d or 0)


def _worth_it(runs: Sequence[Run], where: Where, pack: int | None, number: int, spent: float) -> bool:
    """Whether this many processes save more time than they take to start."""
    from idim_cli.training.batched.pack_size import packing

    # n processes save the share (n - 1) / n of the work, which must exceed the start.
    enough, seconds = START_SECONDS * number / (number - 1), spent
    for alike in kinds(runs).values():
        with contextlib.suppress(Exception):  # the run itself reports the error
            seconds += len(alike) * packing(widest(alike), where, pack or len(alike)).seconds
        # Measuring the other kinds would not change the answer.
        if seconds > enough:
            break
    _log.debug("%.1f s of work or more; %d processes save time from %.1f s on", seconds, number, enough)
    return seconds > enough


def _slots(runs: Sequence[Run], where: Where) -> list[WorkerSlot]:
    from idim_cli.execute.local.worker_process import slots

    return slots(pick_device(where.device or runs[0].recipe.device), None)


def _capacity(runs: Sequence[Run], where: Where) -> int:
    """One process for each GPU; on the CPU one for each core, limited by the main memory."""
    from idim_cli.training.batched.pack_size import packing

    places = _slots(runs, where)
    if places[0].gpu is not None:
        return len(places)
    each = resident_bytes()  # of this process, with the data
    with contextlib.suppress(Exception):
        each += packing(widest(runs), where, 1).probe.memory_bytes
    return max(1, min(len(places), int(_MEMORY_SHARE * free_bytes() / each)))
