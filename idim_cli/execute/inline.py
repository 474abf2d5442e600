"""One run after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from idim_cli.execute.base import Result, Watcher
from idim_cli.plan import Run
from idim_cli.training.prepare import Where
from idim_cli.training.run import run as train_one
from idim_cli.training.run import run_folder


class Inline:
    """An `Executor` without a queue; data that runs share are loaded once."""

    def map(
        self, runs: Sequence[Run], out: Path, where: Where, watcher: Watcher
    ) -> Iterator[tuple[Run, Result]]:
        """See `Executor.map`."""
        for run in runs:
            tell = partial(watcher.progress, run)
            yield run, train_one(run, run_folder(out, run), where=where, on_step=tell)
