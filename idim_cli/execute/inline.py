"""One run after the other, in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from idim_cli.execute.base import Result, Watcher
from idim_cli.plan import Run
from idim_cli.results import HeldError
from idim_cli.training.prepare import Where
from idim_cli.training.run import run as train_one
from idim_cli.training.run import run_folder

#: Seconds between two looks at runs that other processes are at work on.
WAIT_SECONDS = 1.0


class Inline:
    """An `Executor` without a queue; data that runs share are loaded once."""

    def map(
        self, runs: Sequence[Run], out: Path, where: Where, watcher: Watcher
    ) -> Iterator[tuple[Run, Result]]:
        """See `Executor.map`."""
        left, told = list(runs), 0
        while left:
            held = []
            for run in left:
                result = _result(run, out, where, watcher)
                if result is None:
                    held.append(run)
                else:
                    yield run, result
            if held == left:
                if told != len(held):
                    watcher.waiting(told := len(held))
                time.sleep(WAIT_SECONDS)
            left = held


def _result(run: Run, out: Path, where: Where, watcher: Watcher) -> Result | None:
    """What came of a run; None while another process is at work on it."""
    try:
        return train_one(run, run_folder(out, run), where=where, on_step=partial(watcher.progress, run))
    except HeldError:
        return None
