"""Telling trackers about runs: their settings, their learning curves, their results, and the d_int read."""

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

#: Seconds between two looks at a run's learning curve.
LOOK_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Tracking:
    """The trackers of a recipe, told of what one process sees of its runs; never in the way of a run.

    A run's curve is read from its metrics.csv, so that no evaluation is missed, whoever trains it. Runs that
    another process trains are left to that one. A tracker that fails is left out from then on, which is
    logged once.

    Args:
        components: the `trackers` of a recipe.
        folder: of the recipe's results.

    Raises:
        MissingExtraError: the library of a tracker is not installed.
        IdimError: a tracker cannot be had with its parameters.
    """

    def __init__(self, components: Sequence[Component], folder: Path) -> None:
        self.folder = folder
        self.trackers: list[tuple[str, Tracker]] = [(one.name, build(one, folder)) for one in components]
        self.steps: dict[str, int] = {}  # of the runs that are under way: the last one told
        self.due: dict[str, float] = {}  # when to look at them again

    def __enter__(self) -> Tracking:
        return self

    def __exit__(self, *_: object) -> None:
        self._tell(methodcaller("close"))

    def going(self, run: Run, D: int | None) -> None:
        """A run of this process goes on: now and then, tell what its curve has more than before."""
        if not self.trackers:
            return
        if run.run_id not in self.steps:
            self.steps[run.run_id] = -1
            self._tell(methodcaller("begin", run.run_id, records.settings_of(run, D)))
        if time.monotonic() >= self.due.get(run.run_id, 0.0):
            self.due[run.run_id] = time.monotonic() + LOOK_SECONDS
            self._curve(run.run_id)

    def ended(self, run: Run, result: Mapping[str, Any]) -> None:
        """A run has its result; one that was never seen going failed at once, or is another's."""
        name, failed = run.run_id, result["status"] == results.FAILED
        if name not in self.steps and failed and not self._rows(name):
            self.going(run, result.get("D"))
        if name in self.steps:
            self._curve(name)
            self._tell(methodcaller("end", name, records.figures_of(result), result["status"]))
            del self.steps[name], self.due[name]

    def read(self, estimates: Sequence[Estimate]) -> None:
        """d_int was read from all runs: one record for each group."""
        for one in estimates:
            name = records.name_of(one, alone=len(estimates) == 1)
            self._tell(methodcaller("begin", name, records.protocol_of(one)))
            self._tell(methodcaller("end", name, *records.reading_of(one)))

    def _curve(self, name: str) -> None:
        for row in self._rows(name):
            step = int(row.pop("step", -1))
            if step > self.steps[name]:
                self.steps[name] = step
                self._tell(methodcaller("row", name, step, records.numbers(row)))

    def _rows(self, name: str) -> list[dict[str, float]]:
        with contextlib.suppress(OSError, ValueError):  # a damaged file is no reason to stop a training
            return results.metrics(self.folder / results.RUNS / name)
        return []

    def _tell(self, action: Callable[[Tracker], object]) -> None:
        for told in list(self.trackers):
            name, tracker = told
            try:
                action(tracker)
            except Exception as error:
                self.trackers.remove(told)
                _log.warning("tracker %s failed, and is left out from here on: %s", name, error)
                with contextlib.suppress(Exception):
                    tracker.close()
