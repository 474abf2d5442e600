"""A watcher that also sends progress to the trackers of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idim_cli.execute.base import Result, Watcher
from idim_cli.runs.plan import Run
from idim_cli.trackers.tracking import Tracking

if TYPE_CHECKING:
    from idim_cli.training.session import Progress


class Tracked:
    """A `Watcher` in front of another one.

    Args:
        watcher: receives everything first.
        tracking: receives progress and results.
    """

    def __init__(self, watcher: Watcher, tracking: Tracking) -> None:
        self.watcher, self.tracking = watcher, tracking
        # Trackers have no use for these, so they go to the watcher directly.
        self.planned, self.waiting, self.say = watcher.planned, watcher.waiting, watcher.say

    def progress(self, run: Run, progress: Progress) -> None:
        """The progress of a run."""
        # First, because a tracker may wait for its server.
        self.watcher.progress(run, progress)
        self.tracking.going(run, progress.D)

    def finished(self, run: Run, result: Result) -> None:
        """A run has ended."""
        self.watcher.finished(run, result)
        self.tracking.ended(run, result)
