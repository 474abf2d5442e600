"""The interfaces of executors, which carry out runs, and of watchers, which receive their progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from idim_cli.runs.plan import Run

if TYPE_CHECKING:
    from idim_cli.training.session import Progress
    from idim_cli.training.where import Where

Result = Mapping[str, Any]  # the content of a result.json


class Watcher(Protocol):
    """Receives the progress of a sweep."""

    def planned(self, runs: Sequence[Run], pending: int) -> None:
        """These runs are in the plan; `pending` of those added last are still to be done."""

    def progress(self, run: Run, progress: Progress) -> None:
        """The progress of a run, about five times a second."""

    def finished(self, run: Run, result: Result) -> None:
        """A run has ended, with or without success."""

    def waiting(self, runs: int) -> None:
        """This many runs are left, and other processes train all of them."""

    def say(self, line: str) -> None:
        """A message: what a search has decided, why runs are not packed."""


class Silent:
    """A `Watcher` that ignores everything."""

    def planned(self, runs: Sequence[Run], pending: int) -> None:
        """Nothing."""

    def progress(self, run: Run, progress: Progress) -> None:
        """Nothing."""

    def finished(self, run: Run, result: Result) -> None:
        """Nothing."""

    def waiting(self, runs: int) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""


class Executor(Protocol):
    """Carries out runs. Each has its own folder and one writer; a run that fails does not stop the others.

    Processes may share the folder: a run of another process is left to it, and its result is used. If that
    process ends without a result, the run is taken over.
    """

    def map(
        self, runs: Sequence[Run], out: Path, where: Where, watcher: Watcher
    ) -> Iterator[tuple[Run, Result]]:
        """Carry out `runs` below the folder `out` of all results; yields each as it ends.

        Raises:
            StoppedError: a signal asked to stop; unfinished runs are saved.
        """
