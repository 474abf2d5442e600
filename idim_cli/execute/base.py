"""What an executor is: something that brings runs to their results, in whatever order and place."""

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
    """Told how a sweep goes on."""

    def planned(self, runs: Sequence[Run], pending: int) -> None:
        """These runs are in the plan, and so many of those added last are still to be done."""

    def progress(self, run: Run, progress: Progress) -> None:
        """A run has come so far; about five times a second."""

    def finished(self, run: Run, result: Result) -> None:
        """A run has ended, with or without success."""

    def waiting(self, runs: int) -> None:
        """So many runs are left, and other processes are at work on all of them."""

    def say(self, line: str) -> None:
        """Something worth a line: what a search has decided, why runs are not packed."""


class Silent:
    """A `Watcher` that tells nobody."""

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

    Processes may share the folder: what another is at work on is left to it, and its result is passed on.
    If it ends without one, the run is taken over.
    """

    def map(
        self, runs: Sequence[Run], out: Path, where: Where, watcher: Watcher
    ) -> Iterator[tuple[Run, Result]]:
        """Carry out `runs` below the folder `out` of all results; yields each as it ends.

        Raises:
            StoppedError: a signal asked to stop; what was begun is saved.
        """
