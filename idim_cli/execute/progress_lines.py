"""Progress of a sweep that is called from Python: a line for each finished run on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from idim_cli.execute.base import Result, Silent, Watcher
from idim_cli.runs.plan import Run


class ProgressLines(Silent):
    """A `Watcher` that prints what a search decides, and each run as it ends.

    Args:
        stream: to write to; None is stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream
        self.runs = self.done = 0

    def planned(self, runs: Sequence[Run], pending: int) -> None:
        """Count."""
        self.runs, self.done = len(runs), len(runs) - pending

    def finished(self, run: Run, result: Result) -> None:
        """Print the result of a run."""
        self.done += 1
        score = result.get("performance")
        outcome = result["status"] if score is None else f"{score:.4f}"
        self.say(f"[{self.done}/{self.runs}] {run.run_id.rpartition('-')[0]}  {outcome}")

    def waiting(self, runs: int) -> None:
        """Print what it waits for."""
        self.say(f"waiting for {runs} runs of another process")

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, file=self.stream or sys.stderr, flush=True)


def usual() -> Watcher:
    """`ProgressLines` on a terminal and in notebooks; nothing in scripts and jobs."""
    # stderr of a notebook is shown, but is no terminal; under pythonw there is none.
    visible = (sys.stderr is not None and sys.stderr.isatty()) or "ipykernel" in sys.modules
    return ProgressLines() if visible else Silent()
