"""Checks of a sweep's values: every key must be a recipe's, and every value valid there."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from math import prod
from typing import Any, NamedTuple

from idim_cli.core.errors import IdimError
from idim_cli.core.registry import did_you_mean
from idim_cli.recipe.override import assign, assign_all, split
from idim_cli.recipe.schema import MAX_RUNS, Recipe, SeedLists, Sweep
from idim_cli.recipe.source import KeyFault, KeyPath

Tree = dict[str, Any]
Examine = Callable[[Tree], tuple[Recipe | None, list[KeyFault]]]

# Combinations checked for each part of the recipe, to bound the time; `plan` checks all of them.
MAX_COMBINATIONS = 5000
_OVER = ("dataset", "method", "model", "projector", "quantise", "task", "trainable", "training")
_SET = tuple(part for part in _OVER if part != "projector")
_INSTEAD = {"d": "use sweep.d", "seeds": "use sweep.seeds", "projector": "direct runs have none"}


class SweepSetting(NamedTuple):
    """One value of a sweep for a recipe key, and its path in the sweep."""

    key: str
    value: Any
    path: KeyPath


def sweep_problems(tree: Tree, recipe: Recipe | None, examine: Examine) -> list[KeyFault]:
    """The faults of `sweep.over`, `sweep.baseline.set` and the number of runs."""
    over, settings = _mapping(tree, "over"), _mapping(tree, "baseline", "set")
    problems = list(_unknown(over, ("sweep", "over"), _OVER))
    problems += _unknown(settings, ("sweep", "baseline", "set"), _SET)
    base = {key: value for key, value in tree.items() if key != "sweep"}
    # Faults of the recipe itself come up in every combination and are reported already.
    known = {_essence(problem) for problem in examine(base)[1]} if over or settings else set()
    # Part by part: keys of different parts do not depend on each other, and all combinations are too many.
    for head in _OVER:
        for combination in islice(_combinations(head, over, settings), MAX_COMBINATIONS):
            problems += [p for p in _tried(base, combination, examine, known) if p not in problems]
    return problems + (_too_many(recipe.sweep) if recipe and recipe.sweep else [])


def _mapping(tree: Any, *path: str) -> Tree:
    for part in ("sweep", *path):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def _unknown(settings: Iterable[str], path: KeyPath, heads: tuple[str, ...]) -> Iterator[KeyFault]:
    for key in settings:
        head = key.partition(".")[0]
        if head not in heads:
            hint = _INSTEAD.get(head) or did_you_mean(head, heads)
            yield KeyFault((*path, key), "not a recipe key that may be set here", hint, at_key=True)


def _combinations(head: str, over: Tree, settings: Tree) -> Iterator[list[SweepSetting]]:
    """The values of each group of runs, then of its baseline, within one part of the recipe."""
    lists = [
        [
            SweepSetting(key, value, ("sweep", "over", key, at))
            for at, value in (values.items() if isinstance(values, dict) else enumerate(values))
        ]
        for key, values in over.items()
        if split(key)[0] == head and isinstance(values, list | dict)
    ]
    direct = [
        SweepSetting(key, value, ("sweep", "baseline", "set", key))
        for key, value in settings.items()
        if split(key)[0] == head
    ]
    for combination in product(*lists):
        if combination:
            yield list(combination)
        if direct:
            yield [*combination, *direct]


def _tried(
    base: Tree, settings: list[SweepSetting], examine: Examine, known: set[KeyFault]
) -> list[KeyFault]:
    tree = copy.deepcopy(base)
    try:
        assign_all(tree, {setting.key: setting.value for setting in settings})
    except IdimError:  # each alone, to find the one that fails
        return [problem for setting in settings for problem in _unassignable(base, setting)]
    return [_blamed(problem, settings) for problem in examine(tree)[1] if _essence(problem) not in known]


def _essence(problem: KeyFault) -> KeyFault:
    """The problem with the same path for a component's short and long form."""
    path = problem.path[:-1] if problem.path[-1:] == ("name",) else problem.path
    return problem._replace(path=path)


def _unassignable(base: Tree, setting: SweepSetting) -> Iterator[KeyFault]:
    try:
        assign(copy.deepcopy(base), setting.key, setting.value)
    except IdimError as error:
        yield KeyFault(setting.path, error.message, error.hint)


def _blamed(problem: KeyFault, settings: list[SweepSetting]) -> KeyFault:
    """The problem at the setting that is nearest to its path."""

    def overlap(setting: SweepSetting) -> int:
        pairs = zip(split(setting.key), problem.path, strict=False)
        return sum(1 for mine, theirs in pairs if mine == theirs)

    # Of several the last: a baseline's setting replaces that of its group.
    setting = max(reversed(settings), key=overlap)
    keys = split(setting.key)
    if problem.path == keys:
        return problem._replace(path=setting.path, at_key=False)
    # Inside a mapping or list, the fault has a place of its own in the sweep.
    if problem.path[: len(keys)] == keys and isinstance(setting.value, dict | list):
        return problem._replace(path=setting.path + problem.path[len(keys) :])
    message = f"{'.'.join(map(str, problem.path))}: {problem.message}"
    return problem._replace(path=setting.path, message=message, at_key=False)


def _too_many(sweep: Sweep) -> list[KeyFault]:
    seeds = sweep.seeds
    if isinstance(seeds, SeedLists):
        each = len(seeds.theta0) * len(seeds.projector) * len(seeds.data)
    else:
        each = seeds if isinstance(seeds, int) else len(seeds)
    # Baselines are not counted: they are a few for each group.
    runs = len(sweep.d) * each * prod(len(values) for values in sweep.over.values())
    if runs <= MAX_RUNS:
        return []
    return [KeyFault(("sweep",), f"asks for {runs} runs, more than {MAX_RUNS}")]
