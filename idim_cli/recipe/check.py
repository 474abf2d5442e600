"""From plain values to a `Recipe`, or to all their faults together."""

from __future__ import annotations

from typing import Any

import pydantic

from idim_cli.core.errors import Fault, RecipeError
from idim_cli.core.registry import did_you_mean
from idim_cli.recipe import components, wording
from idim_cli.recipe.find import published
from idim_cli.recipe.schema import (
    COMPONENTS,
    EPOCHS_OR_STEPS,
    TRACKER,
    TRACKERS,
    DimensionRange,
    Recipe,
    Seeds,
)
from idim_cli.recipe.source import KeyFault, SourceMap
from idim_cli.recipe.sweep import sweep_problems

Tree = dict[str, Any]


def validate(tree: Any, source: SourceMap, faults: list[Fault] | None = None) -> Recipe:
    """The recipe in `tree`; RecipeError with all its faults and the given ones."""
    if not isinstance(tree, dict):
        message = "the file is empty" if tree is None else "should hold 'key: value' lines"
        raise RecipeError([*(faults or []), source.fault("", message, "see: idim recipes show quickstart")])
    recipe, problems = examine(tree)
    problems += sweep_problems(tree, recipe, examine)
    # A set: a fault of the recipe comes up again in every combination of its sweep.
    found = {*(faults or []), *map(source.locate, problems)}
    if recipe is None or found:
        raise RecipeError(list(found))
    return recipe


def examine(tree: Tree) -> tuple[Recipe | None, list[KeyFault]]:
    """Check `tree` without the values of its sweep; the recipe is None when there are problems."""
    problems: list[KeyFault] = []
    normal = _normalise(tree, problems)
    problems += _published(tree.get("published"))
    try:
        recipe = Recipe.model_validate(normal)
    except pydantic.ValidationError as error:
        found = wording.problems(error, Recipe)
        # `_normalise` reports this one with a better place; pydantic stops before it at other faults.
        return None, problems + [problem for problem in found if problem.message != EPOCHS_OR_STEPS]
    return (None if problems else recipe), problems


def _normalise(tree: Tree, problems: list[KeyFault]) -> Tree:
    """The tree with the short forms written out: components, grids of d, seeds, one tracker."""
    training, sweep = tree.get("training"), tree.get("sweep")
    # Copies of what changes: the caller's tree still has what the user wrote.
    normal = dict(tree)
    if isinstance(training, dict):
        normal["training"] = dict(training)
        if (training.get("epochs") is None) == (training.get("steps") is None):
            problems.append(KeyFault(("training",), EPOCHS_OR_STEPS, at_key=True))
    if isinstance(sweep, dict):
        normal["sweep"] = dict(sweep)
        if isinstance(sweep.get("d"), dict):
            normal["sweep"]["d"] = _grid(sweep["d"], problems)
    if type(tree.get("seeds")) is int:  # not bool
        normal["seeds"] = _seeds(tree["seeds"], problems)
    _normalise_components(normal, problems)
    return normal


def _published(name: Any) -> list[KeyFault]:
    """The fault of an unknown name of published points."""
    known = published()
    # A report reads the path of a CSV: a sweep on another machine may do without it.
    if not isinstance(name, str) or name in known or name.endswith(".csv"):
        return []
    hint = f"{did_you_mean(name, known)}; or a CSV file"
    return [KeyFault(("published",), f"no published points {name!r} come with idim", hint)]


def _normalise_components(normal: Tree, problems: list[KeyFault]) -> None:
    for path, kind in COMPONENTS.items():
        holder: Any = normal
        for part in path[:-1]:
            holder = holder.get(part)
        # `holder` is a copy that `_normalise` made, so the user's tree stays.
        if isinstance(holder, dict) and path[-1] in holder:
            holder[path[-1]] = components.resolve(holder[path[-1]], kind, path, problems)
    given = normal.get(TRACKERS)
    if isinstance(given, list):
        each = [((TRACKERS, at), spec) for at, spec in enumerate(given)]
        normal[TRACKERS] = [components.resolve(spec, TRACKER, path, problems) for path, spec in each]
    elif given is not None:
        normal[TRACKERS] = [components.resolve(given, TRACKER, (TRACKERS,), problems)]


def _seeds(seed: int, problems: list[KeyFault]) -> Tree:
    if not 0 <= seed < 2**63:
        problems.append(KeyFault(("seeds",), f"should be a whole number from 0 to 2**63 - 1, not {seed}"))
        return {}
    return dict.fromkeys(Seeds.model_fields, seed)


def _grid(spec: Tree, problems: list[KeyFault]) -> list[int]:
    path = ("sweep", "d")
    try:
        grid = DimensionRange.model_validate(spec)
    except pydantic.ValidationError as error:
        found = wording.problems(error, DimensionRange)
        problems += [problem._replace(path=path + problem.path) for problem in found]
        return [1]  # any valid grid, so that the rest of the recipe is checked too
    if grid.to < grid.start:
        problems.append(KeyFault((*path, "to"), f"should be at least {grid.start} (from)"))
        return [1]
    return grid.values()
