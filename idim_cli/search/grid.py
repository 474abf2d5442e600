"""The grid: every d with every seed, asked for at once."""

from __future__ import annotations

from collections.abc import Mapping

from idim_cli.recipe.schema import Recipe
from idim_cli.runs.plan import SweepGroup, plan
from idim_cli.search.base import Ask, Native, Result


class Grid:
    """All runs of `sweep.d` x `sweep.seeds`, each trained to its end."""

    def __init__(self, recipe: Recipe, native: Native) -> None:
        # D is not needed, and asking for it would build the model.
        self.recipe, self.asked = recipe, False

    def ask(self, results: Mapping[str, Result]) -> Ask | None:
        """Everything, once."""
        if self.asked:
            return None
        self.asked = True
        return Ask(plan(self.recipe), [])

    def most(self) -> list[tuple[SweepGroup, int]]:
        """Nothing beyond what was asked for."""
        return []
