"""d_int while a sweep is under way: read again as runs end, as seldom as it takes to cost next to nothing."""

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

#: Seconds between two readings at least, and the share of the time that may go into them.
REST_SECONDS, TIME_SHARE = 1.0, 0.03


class Running:
    """The estimates of a sweep that goes on; `over` are the recipe keys that tell them apart.

    A search says itself what it has found so far, and has none: of two numbers at a time one would be stale.

    Args:
        recipe: with a sweep.
        folder: where its results lie.
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
        """How d_int is read; with numpy, which a sweep loads after its first line."""
        from idim_cli.thresholds import Options

        return Options(**self.recipe.reading())

    def estimates(self) -> list[Estimate]:
        """Of all groups, as of the last reading; reads anew if the last one is long enough ago."""
        began = self.clock()
        if began >= self.due and not self.silent:
            from idim_cli.thresholds import threshold

            with contextlib.suppress(IdimError, OSError):  # nothing to be read yet
                table = results.table(self.folder, self.known, self.plan)
                self.found = threshold(table, self.options)
            ended = self.clock()
            # The first reading imports what it needs, which the sweep would do at its end.
            cost = ended - began if self.warm else 0.0
            self.warm, self.due = True, ended + max(REST_SECONDS, cost / TIME_SHARE)
        return self.found

    def catch_up(self) -> None:
        """Have the next look read anew, however soon."""
        self.due = self.clock()

    def level(self, run: Run) -> float | None:
        """The performance that a run is to reach; None for direct runs, and while the baseline is unknown."""
        if run.direct:
            return None
        if run.goal is not None:
            return run.goal.level
        with contextlib.suppress(IdimError):  # a baseline of which no fraction can be taken
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
