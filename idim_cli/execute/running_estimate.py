"""d_int during a sweep: read again after runs, limited to a small share of the time."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli.core.errors import IdimError
from idim_cli.recipe.schema import Recipe
from idim_cli.runs import results
from idim_cli.runs.plan import Run

if TYPE_CHECKING:
    from idim_cli.thresholds import Estimate, Options

#: Minimum of seconds between two readings, and the maximum share of the time for them.
REST_SECONDS, TIME_SHARE = 1.0, 0.03


class Running:
    """The estimates of a running sweep; `over` are the recipe keys in which they differ.

    A search prints its own estimates, so there are none here: one of two numbers would be outdated.

    Args:
        recipe: with a sweep.
        folder: of its results.
        clock: seconds.

    Attributes:
        plan: of this sweep, as another one may replace the file; None until it is known.
    """

    def __init__(self, recipe: Recipe, folder: Path, clock: Callable[[], float] = time.perf_counter) -> None:
        self.recipe, self.folder, self.clock = recipe, folder, clock
        self.over = tuple(recipe.sweep.over) if recipe.sweep else ()
        self.known: results.Known = {}
        self.plan: results.Plan | None = None
        self.found: list[Estimate] = []
        self.due, self.warm = clock(), False
        self.silent = recipe.sweep is not None and recipe.sweep.search.name != "grid"

    @functools.cached_property
    def options(self) -> Options:
        """How d_int is read. Imports numpy, so it must not be called before the first line of a sweep."""
        from idim_cli.thresholds import Options

        return Options(**self.recipe.reading())

    def estimates(self) -> list[Estimate]:
        """Of all groups, from the last reading, or from a new one if it is due."""
        began = self.clock()
        if began >= self.due and not self.silent:
            from idim_cli.thresholds import threshold

            with contextlib.suppress(IdimError, OSError):  # there are no results yet
                table = results.table(self.folder, self.known, self.plan)
                self.found = threshold(table, self.options)
            ended = self.clock()
            # The time of the first reading does not count: most of it is imports that the sweep needs anyway.
            cost = ended - began if self.warm else 0.0
            self.warm, self.due = True, ended + max(REST_SECONDS, cost / TIME_SHARE)
        return self.found

    def catch_up(self) -> None:
        """Make a new reading due."""
        self.due = self.clock()

    def level(self, run: Run) -> float | None:
        """The performance that a run should reach; None for direct runs and without a baseline."""
        if run.direct:
            return None
        # A search gives each run its level; a grid derives it from the direct runs so far.
        if run.goal is not None:
            return run.goal.level
        with contextlib.suppress(IdimError):  # no level can be computed from this baseline
            return self._level(run)
        return None

    def _level(self, run: Run) -> float | None:
        direct = [
            one
            for one in self.known.values()
            if one.get("config") == run.baseline and one["status"] == results.OK
        ]
        chances = [one["chance"] for one in direct if one.get("chance") is not None]
        scale = self.options.scale([one["performance"] for one in direct], chances)
        return scale[1] if scale else None
