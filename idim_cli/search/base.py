"""The interface of a search: it is asked for runs, given their results, until it has enough of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from idim_cli.core import user_code
from idim_cli.core.errors import ComponentError
from idim_cli.recipe.schema import Recipe
from idim_cli.runs.plan import Run, SweepGroup
from idim_cli.search import REGISTRY

#: The recipe key that an adaptive search may choose.
RATE = "training.optimizer.lr"
Result = Mapping[str, Any]  # the content of a result.json
#: D of the model of a group.
Native = Callable[[SweepGroup], int]


@dataclass(frozen=True)
class Ask:
    """What a search wants next.

    Attributes:
        runs: to be trained, in any order; none when the search has only messages.
        why: the reasons for them, one line each.
    """

    runs: list[Run]
    why: list[str]


class Search(Protocol):
    """Chooses runs.

    Decisions depend on the recipe and on results alone, and on time only if that is limited.
    """

    # So the same search asks for the same runs again: that is how a sweep resumes, without a file of its own.

    def ask(self, results: Mapping[str, Result]) -> Ask | None:
        """What to do next, given the results by run_id of all runs asked for so far; None at the end."""

    def most(self) -> list[tuple[SweepGroup, int]]:
        """The groups that may need more runs, and how many at most, counted as full ones."""


def build(recipe: Recipe, native: Native) -> Search:
    """The search of a recipe's sweep; ComponentError for parameters that do not fit."""
    assert recipe.sweep is not None
    component = recipe.sweep.search
    made = cast(Search, REGISTRY.make(component.name, component.params, recipe, native))
    # Only the user's code is guarded: a bug of a built-in search must keep its traceback.
    return _Foreign(component.name, made) if REGISTRY.is_code(component.name) else made


class _Foreign:
    """A search of the user's own: what it raises or returns instead of an answer is a ComponentError."""

    def __init__(self, name: str, search: Search) -> None:
        self.name, self.search = name, search

    def ask(self, results: Mapping[str, Result]) -> Ask | None:
        answer = user_code.guarded(self.name, lambda: self.search.ask(results))
        if answer is None or isinstance(answer, Ask):
            return answer
        hint = "see idim_cli.search.base.Search"
        raise ComponentError(f"{self.name}: ask returned a {type(answer).__name__}, not an Ask or None", hint)

    def most(self) -> list[tuple[SweepGroup, int]]:
        groups: list[tuple[SweepGroup, int]] = user_code.guarded(self.name, lambda: self.search.most())
        return groups
