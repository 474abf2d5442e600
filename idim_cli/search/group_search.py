"""The search for the threshold of one group: direct runs, a bracket, then runs near the likely crossing."""

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
from idim_cli.search.placement import initial_d, next_d
from idim_cli.thresholds import Options, label, sample

if TYPE_CHECKING:
    from idim_cli.runs.early_stop import Goal
    from idim_cli.thresholds.curve import Crossing

# With fewer runs in subspaces, runs that agree by chance would end a search (docs/adaptive.md).
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
    """One group's search. Call `update` before `ask`.

    Args:
        recipe: with its sweep.
        group: whose threshold is wanted.
        D: number of its native parameters, the largest d.
        limits: when to stop.

    Attributes:
        crossing: where the runs so far pass the level; None as long as that is unknown.
        over: whether the search has ended.
        left: how many runs the limits leave.
    """

    def __init__(self, recipe: Recipe, group: SweepGroup, D: int, limits: Limits) -> None:
        assert recipe.sweep is not None
        self.group, self.D, self.limits = group, D, limits
        # Whatever rule the recipe reads by in the end: only the curve needs no repeats at one d.
        self.options = Options(**{**recipe.reading(), "rule": "curve"})
        self.name = label(group.values)
        baseline = recipe.sweep.baseline
        self.seeds = [
            Seeds(**{name: seed + limits.seed for name, seed in one.model_dump().items()})
            for one in (seeds_of(baseline.seeds) if baseline else ())
        ]
        self.direct: list[Run] = []
        self.swept: list[Run] = []
        self.results: Mapping[str, Result] = {}
        self.scale: tuple[float, float] | None = None  # floor and level
        self.crossing: Crossing | None = None
        self.over, self.left = False, limits.max_runs

    def update(self, results: Mapping[str, Result]) -> None:
        """Take in the results, by run_id, of the runs asked for so far."""
        self.results = results
        self.left = self._left()
        direct, every = self._of(self.direct), self._of([*self.direct, *self.swept])
        chances = [one["chance"] for one in every if one.get("chance") is not None]
        self.scale = self.options.scale([one["performance"] for one in direct if _ok(one)], chances)
        if self.scale is not None and any(not one["direct"] and one["status"] != FAILED for one in every):
            import pandas as pd

            from idim_cli.thresholds.curve import crossing

            floor, level = self.scale
            runs = sample(pd.DataFrame([row(result) for result in every]))
            self.crossing = crossing(runs.above(floor), self.options, level - floor)

    def ask(self) -> Ask:
        """The next runs, and why; no runs at the end of the search."""
        # The baseline first: without a level no run in a subspace says on which side of it d lies.
        if self.seeds and not self.direct and self.left > 0:
            self.direct = self.group.direct(self.seeds[: self.left])
            some = f"{len(self.direct)} direct run{'s' * (len(self.direct) > 1)}"
            return self._ask(f"training {some} to establish the baseline", self.direct)
        if self.direct and not any(map(_ok, self._of(self.direct))):
            return self._end("search ended: no direct run succeeded")
        if self.scale is None and any(map(_ok, self._of([*self.direct, *self.swept]))):
            return self._end("search ended: chance is not recorded; set threshold.floor to a number")
        if not self.swept and self.left > 0:
            # Without a goal: nothing is known of the learning curves yet.
            d = initial_d(self.D, min(self.limits.batch, self.left))
            return self._ask(f"d = {_listed(d)}: initial bracket", self._at(d, None))
        if self.swept and self.crossing is None:
            return self._end("search ended: all runs in subspaces failed")
        return self._next()

    def ended(self, why: str) -> Ask:
        """No more runs, and the result so far."""
        return self._end(f"search ended ({why}): {self._reading}")

    @property
    def summary(self) -> str:
        """The group, and its threshold as far as it is known."""
        return f"{self.name}: {self._reading}" if self.name else self._reading

    @property
    def _reading(self) -> str:
        if self.crossing is None:
            return f"{self.options.name} is unknown"
        ends = (self.crossing.value, *self.crossing.draws.interval(self.options.confidence))
        value, low, high = (_whole(end, self.crossing.tried) for end in ends)
        return f"{self.options.name} {value} ({low} .. {high})"

    def _next(self) -> Ask:
        crossing = self.crossing
        if crossing is not None and self._precise(crossing):
            return self.ended(self._why_enough(crossing))
        if self.left <= 0 or crossing is None:
            return self.ended("limit of runs or epochs reached")
        # Of the last run left, one in a subspace says more: it also narrows the curve.
        again = self._one_more_direct() if self.left > 1 and self._baseline_dominates(crossing) else []
        d = next_d(crossing, self.D, max(1, min(self.limits.batch, self.left) - len(again)))
        why = f"{self._reading} so far; next d = {_listed(d)}" + (", and 1 more direct run" if again else "")
        return self._ask(why, [*again, *self._at(d, self._goal())])

    def _of(self, runs: Sequence[Run]) -> list[Result]:
        return [self.results[run.run_id] for run in runs]

    def _precise(self, crossing: Crossing) -> bool:
        value, share = crossing.value, self.limits.precision
        low, high = crossing.draws.interval(self.options.confidence)
        if len(self.swept) < _FEWEST:
            return False
        if math.isinf(value):  # outside 1 .. D: only once an end was tried, and the whole interval agrees
            end = 1 if value < 0 else self.D
            return end in crossing.tried and low == high
        # As whole d, which the reading states: at a small d rounding is a large part of the interval.
        low, high = (math.ceil(end) if math.isfinite(end) else end for end in (low, high))
        return bool(low >= value * (1 - share) and high <= value * (1 + share))

    def _why_enough(self, crossing: Crossing) -> str:
        if math.isfinite(crossing.value):
            return f"requested precision reached (±{100 * self.limits.precision:.3g} %)"
        if crossing.value < 0:
            return "level reached at d = 1 already"
        return f"level not reached even at d = D = {self.D:,}"

    def _left(self) -> int:
        """How many runs the limits leave, counted as runs of full length."""
        results = self._of([*self.direct, *self.swept])
        left = self.limits.max_runs - len(results)
        if self.limits.max_epochs is None:
            return left
        # `epoch` of a finished run may be that of its best evaluation.
        spent = sum(int(one.get("epochs" if _ok(one) else "epoch") or 0) for one in results)
        full = max([*(one.get("epochs") or 1 for one in results), self.group.recipe.training.epochs or 1])
        return min(left, (self.limits.max_epochs - spent) // full)

    def _baseline_dominates(self, crossing: Crossing) -> bool:
        """Whether the direct runs leave more doubt about the threshold than those in subspaces."""
        if crossing.error is None:
            return False
        # An end of a 95 % interval is two standard deviations away. A baseline whose part is far below what
        # is wanted is good enough, even if the other part is smaller still.
        wanted = math.log1p(self.limits.precision) / 2
        return crossing.posterior.level_blur(crossing.error) > max(crossing.posterior.sd, wanted / 2)

    def _one_more_direct(self) -> list[Run]:
        made = self.group.direct([_same(1 + max(run.recipe.seeds.theta0 for run in self.direct))])
        self.direct = [*self.direct, *made]
        return made

    def _goal(self) -> Goal | None:
        """When the next runs may end early; never before enough runs without a goal have ended."""
        if not self.limits.early_stop or self.scale is None:
            return None
        floor, level = self.scale
        return remaining_gain.goal(level, self._of([run for run in self.swept if run.goal is None]), floor)

    def _at(self, dimensions: Sequence[int], goal: Goal | None) -> list[Run]:
        # A new seed for each run, of theta0, P and data order: repeats with one P would hide its noise.
        first = self.limits.seed + len(self.swept)
        made = self.group.at([(d, _same(first + i)) for i, d in enumerate(dimensions)], goal)
        self.swept += made
        return made

    def _end(self, why: str) -> Ask:
        self.over = True
        return self._ask(why)

    def _ask(self, why: str, runs: Sequence[Run] = ()) -> Ask:
        self.left -= len(runs)  # at once, for `most`; `update` counts again when they have ended
        return Ask(list(runs), [f"{self.name}: {why}" if self.name else why])


def _ok(result: Result) -> bool:
    return bool(result["status"] == OK)


def _same(seed: int) -> Seeds:
    return Seeds(theta0=seed, projector=seed, data=seed)


def _whole(d: float, tried: tuple[int, int]) -> str:
    if math.isinf(d):
        return f"<= {tried[0]:,}" if d < 0 else f"> {tried[1]:,}"
    return f"{math.ceil(d):,}"


def _listed(dimensions: Sequence[int]) -> str:
    return ", ".join(f"{d:,}" for d in dimensions)
