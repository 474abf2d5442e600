"""Sending runs to trackers: their settings, learning curves and results, and the readings of d_int."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.recipe.schema import Component
from idim_cli.runs import results
from idim_cli.runs.plan import Run
from idim_cli.trackers import records
from idim_cli.trackers.base import Tracker, build

if TYPE_CHECKING:
    from idim_cli.thresholds import Estimate

#: Seconds between two updates of a run's learning curve: about as often as people look, and cheap to read.
UPDATE_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Tracking:
    """The trackers of a recipe, which receive the runs of one process; they never stop a run.

    A run's curve is read from its metrics.csv, so that no evaluation is missed, whichever process trains it.
    Runs of another process are left to that process. A tracker that fails is dropped, with one warning.

    Args:
        components: the `trackers` of a recipe.
        folder: of the recipe's results.

    Raises:
        MissingExtraError: the library of a tracker is not installed.
        IdimError: a tracker does not work with its parameters.
    """

    def __init__(self, components: Sequence[Component], folder: Path) -> None:
        self.folder = folder
        self.trackers: list[tuple[str, Tracker]] = [(one.name, build(one, folder)) for one in components]
        self.steps: dict[str, int] = {}  # the last one sent, of the open runs
        self.due: dict[str, float] = {}  # when to update them again

    def __enter__(self) -> Tracking:
        return self

    def __exit__(self, *_: object) -> None:
        self._send(methodcaller("close"))

    def going(self, run: Run, D: int | None) -> None:
        """A run of this process is training: every `UPDATE_SECONDS`, send the new part of its curve."""
        if not self.trackers:
            return
        if run.run_id not in self.steps:
            self.steps[run.run_id] = -1
            self._send(methodcaller("begin", run.run_id, records.settings_of(run, D)))
        if time.monotonic() >= self.due.get(run.run_id, 0.0):
            self.due[run.run_id] = time.monotonic() + UPDATE_SECONDS
            self._curve(run.run_id)

    def ended(self, run: Run, result: Mapping[str, Any]) -> None:
        """A run has its result. One that never trained here failed at its start, or is of another process."""
        name, failed = run.run_id, result["status"] == results.FAILED
        # A run that failed before its first step is shown too, with its settings.
        if name not in self.steps and failed and not self._rows(name):
            self.going(run, result.get("D"))
        if name in self.steps:
            self._curve(name)
            self._send(methodcaller("end", name, records.figures_of(result), result["status"]))
            del self.steps[name], self.due[name]

    def read(self, estimates: Sequence[Estimate]) -> None:
        """d_int was read from all runs: one record for each group."""
        for one in estimates:
            name = records.name_of(one, alone=len(estimates) == 1)
            self._send(methodcaller("begin", name, records.protocol_of(one)))
            self._send(methodcaller("end", name, *records.reading_of(one)))

    def _curve(self, name: str) -> None:
        for row in self._rows(name):
            step = int(row.pop("step", -1))
            if step > self.steps[name]:
                self.steps[name] = step
                self._send(methodcaller("row", name, step, records.numbers(row)))

    def _rows(self, name: str) -> list[dict[str, float]]:
        with contextlib.suppress(OSError, ValueError):  # a damaged file must not stop a training
            return results.metrics(self.folder / results.RUNS / name)
        return []

    def _send(self, action: Callable[[Tracker], object]) -> None:
        # A copy, because a tracker that fails is removed on the way.
        for entry in list(self.trackers):
            name, tracker = entry
            try:
                action(tracker)
            except Exception as error:
                self.trackers.remove(entry)
                _log.warning("tracker %s failed and is disabled: %s", name, error)
                # Best effort: what it has received so far may still be written.
                with contextlib.suppress(Exception):
                    tracker.close()
