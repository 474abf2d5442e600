"""The adaptive search: d_int of each group to a wanted precision, with as few epochs as it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from idim_cli.core.errors import ComponentError
from idim_cli.recipe.schema import Recipe
from idim_cli.runs.plan import SweepGroup, groups, merged
from idim_cli.search.base import RATE, Ask, Native, Result

if TYPE_CHECKING:
    from idim_cli.search.learning_rates import LearningRateSelection


class Adaptive:
    """Brackets the threshold on a log scale, then places runs where the crossing most likely is.

    Each group of `sweep.over` is searched separately: its direct runs first, then batches of runs in
    subspaces, each run with different seeds. `sweep.d` and `sweep.seeds` are not used.

    Args:
        precision: stop when the interval reaches no further than this share below and above the value.
        max_runs: of each group, direct ones included.
        max_epochs: of each group, direct runs included; null is no limit.
        max_time: seconds after the start of the command until no more runs are started; null is no limit.
        batch: runs at a time. A large batch keeps many workers busy, a small one needs fewer runs.
        early_stop: end runs that have reached the level, or that will not reach it by their learning curve.
        seed: added to the seeds of all runs, to repeat the search with other seeds.
        lr: learning rates to choose from; each is searched until it is surely worse than another.
    """

    def __init__(
        self,
        recipe: Recipe,
        native: Native,
        *,
        precision: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        max_runs: Annotated[int, Field(gt=0, le=100_000)] = 100,
        max_epochs: Annotated[int, Field(gt=0)] | None = None,
        max_time: Annotated[float, Field(gt=0)] | None = None,
        batch: Annotated[int, Field(gt=0, le=1000)] = 4,
        early_stop: bool = True,
        seed: Annotated[int, Field(ge=0, lt=2**62)] = 0,
        lr: Annotated[Sequence[float], Field(min_length=2)] | None = None,
    ) -> None:
        _check(recipe, early_stop, bool(lr))
        # From here on, so that loading torch and the data counts too: the user waits for all of it.
        self.end = None if max_time is None else time.monotonic() + max_time
        sizes = [(group, native(group)) for group in groups(_with_rates(recipe, lr or ()))]
        # They import numpy, which takes a while: only after `native` has reported what is loaded.
        from idim_cli.search.group_search import GroupSearch, Limits
        from idim_cli.search.learning_rates import LearningRateSelection

        limits = Limits(precision, max_runs, max_epochs, batch, early_stop, seed)
        searches = [GroupSearch(recipe, group, D, limits) for group, D in sizes]
        # The rate is the fastest key, so that the searches of one group are next to each other.
        rates = len(lr) if lr else 1
        self.left: list[LearningRateSelection] = [
            LearningRateSelection(searches[i : i + rates]) for i in range(0, len(searches), rates)
        ]

    def ask(self, results: Mapping[str, Result]) -> Ask | None:
        """A batch for every group whose threshold is not known well enough yet."""
        if self.left and self.end is not None and time.monotonic() > self.end:
            ended = [line for one in self.left for line in one.ended(results, "time limit reached")]
            self.left = []
            return Ask([], ended)
        # All groups in one batch: workers stay busy although each group waits for its own results.
        asked = [(one, one.ask(results)) for one in self.left]
        self.left = [one for one, ask in asked if ask.runs]
        if not asked:
            return None
        runs = merged(run for _, ask in asked for run in ask.runs)
        return Ask(runs, [line for _, ask in asked for line in ask.why])

    def most(self) -> list[tuple[SweepGroup, int]]:
        """What the limits leave to each group, and to each of its learning rates."""
        return [(search.group, search.left) for one in self.left for search in one.left if not search.over]


def _check(recipe: Recipe, early_stop: bool, rates: bool) -> None:
    """ComponentError for a recipe whose reading would fail after all runs."""
    assert recipe.sweep is not None
    reading, direct, fault, hint = recipe.threshold, recipe.sweep.baseline, "", ""
    if reading.baseline == "best":
        fault, hint = "the best of the sweep is not known beforehand", "threshold.baseline=model, or a number"
    elif reading.floor == "min":
        fault, hint = (
            "the minimum of the sweep is not known beforehand",
            "threshold.floor=chance, or a number",
        )
    elif reading.baseline == "model" and direct is None:
        fault, hint = "there are no direct runs to be the baseline", "sweep.baseline.seeds=3"
    # Only the curve uses bounds of a final performance; the other rules need its value.
    elif reading.rule not in (None, "curve") and early_stop:
        fault = f"the rule {reading.rule!r} cannot read runs that were stopped early"
        hint = "leave threshold.rule out, or sweep.search.early_stop=false"
    elif recipe.projector.name == "identity":
        fault, hint = "direct training has no d to search for", "take another projector"
    elif rates and reading.baseline == "model" and RATE not in (direct.set if direct else ()):
        fault = "learning rates can only be compared by one level, but each has a baseline of its own"
        hint = f"sweep.baseline.set.{RATE}=0.001, or another that suits direct training"
    if fault:
        raise ComponentError(f"sweep.search adaptive: {fault}", hint)


def _with_rates(recipe: Recipe, rates: Sequence[float]) -> Recipe:
    """The recipe with the learning rates to choose from as its last, fastest key of `sweep.over`."""
    assert recipe.sweep is not None
    if not rates:
        return recipe
    if RATE in recipe.sweep.over:
        raise ComponentError(
            f"sweep.over sets {RATE}, which sweep.search.lr chooses", "leave one of them out"
        )
    over = {**recipe.sweep.over, RATE: sorted(set(rates))}
    return recipe.model_copy(update={"sweep": recipe.sweep.model_copy(update={"over": over})})
