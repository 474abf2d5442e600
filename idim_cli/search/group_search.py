"""The search for the threshold of one group: direct runs, a bracket, then runs where they tell most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from idim_cli.recipe.schema import Recipe, Seeds
from idim_cli.runs.plan import Run, SweepGroup, seeds_of
from idim_cli.runs.results import FAILED, OK, row
from idim_cli.search import remaining_gain
from idim_cli.search.base import Ask, Result
from idim_cli.search.placement import bracket, places
from idim_cli.thresholds import Options, Sample, label, sample

if TYPE_CHECKING:
    from idim_cli.runs.early_stop import Goal
    from idim_cli.thresholds.curve import Crossing

# No interval is believed before so many runs in subspaces.
_FEWEST = 6


@dataclass(frozen=True)
class Limits:
    """When to stop, and how many runs to ask for at a time; see `Adaptive`."""

    precision: float
    max_runs: int
    max_epochs: int | None
    batch: int
    early_stop: bool
    seed: int


class GroupSearch:
    """One group's search.

    Args:
        recipe: with its sweep.
        group: whose threshold is wanted.
        D: number of its native parameters, the largest d.
        limits: when to stop.
    """

    def __init__(self, recipe: Recipe, group: SweepGroup, D: int, limits: Limits) -> None:
        assert recipe.sweep is not None
        self.group, self.D, self.limits = group, D, limits
        self.options = Options(**{**recipe.reading(), "rule": "curve"})
        self.name = label(group.values)
        baseline = recipe.sweep.baseline
        self.seeds = [_moved(one, limits.seed) for one in seeds_of(baseline.seeds)] if baseline else []
        self.direct: list[Run] = []
        self.swept: list[Run] = []
        self.level: float | None = None
        self.floor: float | None = None
        self.found: Crossing | None = None
        self.over, self.left = False, limits.max_runs

    def look(self, told: Mapping[str, Result]) -> None:
        """Take in what came of the runs asked for so far."""
        self.left = self._left(told)
        self.floor = self._floor(told)
        self.level = self._level(told)
        runs = self._sample(told)
        if runs is not None and self.level is not None and self.floor is not None:
            from idim_cli.thresholds.curve import crossing

            self.found = crossing(runs.above(self.floor), self.options, self.level - self.floor)

    def ask(self, told: Mapping[str, Result]) -> Ask:
        """The next runs, and why; no runs when the search has come to its end. Call `look` before."""
        if self.seeds and not self.direct and self.left > 0:
            self.direct = self.group.direct(self.seeds[: self.left])
            return self._say(f"training {_runs(len(self.direct))} to establish the baseline", self.direct)
        if self.direct and not any(_ok(told[run.run_id]) for run in self.direct):
            return self._end("search ended: no direct run succeeded")
        if self.floor is None and any(_ok(told[run.run_id]) for run in (*self.direct, *self.swept)):
            return self._end("search ended: chance is not recorded; set threshold.floor to a number")
        if not self.swept and self.left > 0:
            d = bracket(self.D, min(self.limits.batch, self.left))
            return self._say(f"d = {_listed(d)}: initial bracket", self._at(d, None))
        if self.swept and self.found is None:
            return self._end("search ended: all runs in subspaces failed")
        return self._next(told)

    def ended(self, why: str) -> Ask:
        """Nothing more, and what is known."""
        return self._end(f"search ended ({why}): {self._reading}")

    @property
    def summary(self) -> str:
        """The group, and its threshold as far as it is known."""
        return f"{self.name}: {self._reading}" if self.name else self._reading

    @property
    def _reading(self) -> str:
        if self.found is None:
            return f"{self.options.name} is unknown"
        ends = (self.found.value, *self.found.draws.interval(self.options.confidence))
        value, low, high = (_whole(end, self.found.tried) for end in ends)
        return f"{self.options.name} {value} ({low} .. {high})"

    def _next(self, told: Mapping[str, Result]) -> Ask:
        found, level, left = self.found, self.level, self.left
        if found is not None and self._precise(found):
            return self.ended(self._why_enough(found))
        if left <= 0 or found is None or level is None:
            return self.ended("limit of runs or epochs reached")
        again = self._one_more_direct() if left > 1 and self._baseline_is_the_doubt(found) else []
        assert self.floor is not None
        d = places(found, self.D, max(1, min(self.limits.batch, left) - len(again)))
        why = f"{self._reading} so far; next d = {_listed(d)}" + (", and 1 more direct run" if again else "")
        return self._say(why, [*again, *self._at(d, self._goal(told, level, self.floor))])

    def _floor(self, told: Mapping[str, Result]) -> float | None:
        """The performance that counts as 0 %; None as long as no run has recorded what chance is."""
        if self.options.floor != "chance":
            return float(self.options.floor)
        known = [told[run.run_id].get("chance") for run in (*self.direct, *self.swept)]
        return max((chance for chance in known if chance is not None), default=None)

    def _level(self, told: Mapping[str, Result]) -> float | None:
        """The performance to reach; None as long as no run tells the baseline, or the floor."""
        if self.floor is None:
            return None
        if isinstance(self.options.baseline, float):
            return self.options.level(self.options.baseline, self.floor)
        known = [told[run.run_id]["performance"] for run in self.direct if _ok(told[run.run_id])]
        return self.options.level(sum(known) / len(known), self.floor) if known else None

    def _sample(self, told: Mapping[str, Result]) -> Sample | None:
        import pandas as pd

        results = [told[run.run_id] for run in (*self.direct, *self.swept)]
        if all(result["direct"] or result["status"] == FAILED for result in results):
            return None
        return sample(pd.DataFrame([row(result) for result in results]))

    def _precise(self, found: Crossing) -> bool:
        value, share = found.value, self.limits.precision
        low, high = (_up(end) for end in found.draws.interval(self.options.confidence))
        if len(self.swept) < _FEWEST:
            return False
        if math.isinf(value):  # beyond 1 .. D, and sure of it
            end = 1 if value < 0 else self.D
            return end in found.tried and low == high
        return bool(low >= value * (1 - share) and high <= value * (1 + share))

    def _why_enough(self, found: Crossing) -> str:
        if math.isinf(found.value):
            return (
                "level reached at d = 1 already"
                if found.value < 0
                else f"level not reached even at d = D = {self.D:,}"
            )
        return f"requested precision reached (±{100 * self.limits.precision:.3g} %)"

    def _left(self, told: Mapping[str, Result]) -> int:
        """How many runs the limits leave."""
        runs = [*self.direct, *self.swept]
        left = self.limits.max_runs - len(runs)
        if self.limits.max_epochs is None:
            return left
        spent = sum(_epochs(told[run.run_id]) for run in runs)
        known = [told[run.run_id].get("epochs") or 1 for run in runs]
        full = max([*known, self.group.recipe.training.epochs or 1])
        return min(left, (self.limits.max_epochs - spent) // full)

    def _baseline_is_the_doubt(self, found: Crossing) -> bool:
        """Whether the direct runs leave more doubt about the threshold than those in subspaces."""
        if found.error is None:
            return False
        wanted = math.log1p(self.limits.precision) / 2
        return found.posterior.shift(found.error) > max(found.posterior.sd, wanted / 2)

    def _one_more_direct(self) -> list[Run]:
        made = self.group.direct([_same(1 + max(run.recipe.seeds.theta0 for run in self.direct))])
        self.direct = [*self.direct, *made]
        return made

    def _goal(self, told: Mapping[str, Result], level: float, floor: float) -> Goal | None:
        """When the next runs may end early; never before runs without a goal have taught what is gained."""
        if not self.limits.early_stop:
            return None
        free = [told[run.run_id] for run in self.swept if run.goal is None]
        return remaining_gain.goal(level, free, floor)

    def _at(self, dimensions: Sequence[int], goal: Goal | None) -> list[Run]:
        first = self.limits.seed + len(self.swept)
        points = [(d, _same(first + i)) for i, d in enumerate(dimensions)]
        made = self.group.at(points, goal)
        self.swept += made
        return made

    def _end(self, why: str) -> Ask:
        self.over = True
        return self._say(why)

    def _say(self, why: str, runs: Sequence[Run] = ()) -> Ask:
        self.left -= len(runs)
        return Ask(list(runs), [f"{self.name}: {why}" if self.name else why])


def _ok(result: Result) -> bool:
    return bool(result["status"] == OK)


def _runs(number: int) -> str:
    return "1 direct run" if number == 1 else f"{number} direct runs"


def _epochs(result: Result) -> int:
    """How many a run was trained for: that of its best evaluation may be reported."""
    return int(result.get("epochs" if _ok(result) else "epoch") or 0)


def _same(seed: int) -> Seeds:
    return Seeds(theta0=seed, projector=seed, data=seed)


def _moved(seeds: Seeds, by: int) -> Seeds:
    return Seeds(theta0=seeds.theta0 + by, projector=seeds.projector + by, data=seeds.data + by)


def _up(d: float) -> float:
    return math.ceil(d) if math.isfinite(d) else d


def _whole(d: float, tried: tuple[int, int]) -> str:
    if math.isinf(d):
        return f"<= {tried[0]:,}" if d < 0 else f"> {tried[1]:,}"
    return f"{math.ceil(d):,}"


def _listed(dimensions: Sequence[int]) -> str:
    return ", ".join(f"{d:,}" for d in dimensions)
