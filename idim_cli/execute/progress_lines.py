"""Progress of a sweep that is called from Python: one line a finished run, where somebody reads along."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from idim_cli.execute.base import Result, Silent, Watcher
from idim_cli.runs.plan import Run


class ProgressLines(Silent):
    """A `Watcher` that prints what a search decides, and each run as it ends.

    Args:
        stream: that is written to; None is stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream
        self.runs = self.done = 0

    def planned(self, runs: Sequence[Run], pending: int) -> None:
        """Count."""
        self.runs, self.done = len(runs), len(runs) - pending

    def finished(self, run: Run, result: Result) -> None:
        """Print what came of a run."""
        self.done += 1
        score = result.get("performance")
        told = result["status"] if score is None else f"{score:.4f}"
        self.say(f"[{self.done}/{self.runs}] {run.run_id.rpartition('-')[0]}  {told}")

    def waiting(self, runs: int) -> None:
        """Print what is waited for."""
        self.say(f"waiting for {runs} runs of another process")

    def say(self, line: str) -> None:
        """Print it."""
        print(line, file=self.stream or sys.stderr, flush=True)


def usual() -> Watcher:
    """`ProgressLines` where stderr is a terminal and in notebooks; silence in scripts and jobs."""
    seen = (sys.stderr is not None and sys.stderr.isatty()) or "ipykernel" in sys.modules
    return ProgressLines() if seen else Silent()
