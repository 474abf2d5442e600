"""A recipe to the runs that it asks for, each with an identity of its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from idim_cli.errors import IdimError
from idim_cli.recipe.dump import dump
from idim_cli.recipe.load import with_values
from idim_cli.recipe.schema import Recipe, SeedLists, Seeds

# Which runs are made, and where: not what one run is.
_NOT_IDENTITY = ("name", "sweep", "threshold", "device", "data_root")


@dataclass(frozen=True)
class Run:
    """One training at one (recipe, d, seeds).

    Attributes:
        recipe: no sweep; `seeds` set; `d` set, but None for direct training.
        group: the recipe keys of `sweep.over` and their values here. A direct run leaves out keys that do
            not touch it (the projector's, those that `baseline.set` fixes): it serves all their values.
        direct: all D parameters are trained (projector `identity`).
        run_id: unique within a recipe, the same whenever the run is the same.
    """

    recipe: Recipe
    group: Mapping[str, Any]
    direct: bool
    run_id: str


def plan(recipe: Recipe) -> list[Run]:
    """All runs of a recipe's sweep, or its one run without a sweep.

    Group by group; in each the direct runs first, then d ascending, and for each d the seeds.
    """
    if recipe.sweep is None:
        return [single(recipe)]
    runs: dict[str, Run] = {}
    for values in _groups(recipe):
        for run in _group(recipe, values):
            same = runs.get(run.run_id)
            runs[run.run_id] = _shared(same, run) if same else run
    return list(runs.values())


def single(recipe: Recipe) -> Run:
    """The one run that a recipe describes by its own `d` and `seeds`; IdimError if d is missing."""
    if recipe.d is None and recipe.projector.name != "identity":
        raise IdimError(
            "the recipe does not say d", "add d=500, the subspace dimension, or projector=identity"
        )
    return _run(recipe, {}, recipe.d, recipe.seeds)


def config(recipe: Recipe) -> str:
    """Eight hex digits for all that a run is but for its d and seeds."""
    return _hash(recipe, (*_NOT_IDENTITY, "d", "seeds"))


def cell(value: Any) -> Any:
    """A value of `sweep.over` for one cell of a table: plain values as they are, others as JSON text."""
    return json.dumps(value) if isinstance(value, dict | list) else value


def _groups(recipe: Recipe) -> Iterator[dict[str, Any]]:
    assert recipe.sweep is not None
    for values in product(*recipe.sweep.over.values()):
        yield dict(zip(recipe.sweep.over, values, strict=True))


def _group(recipe: Recipe, group: dict[str, Any]) -> Iterator[Run]:
    assert recipe.sweep is not None
    here = with_values(recipe.model_copy(update={"sweep": None}), group)
    yield from _baseline(recipe, here, group)
    for d, seeds in product(recipe.sweep.d, _seeds(recipe.sweep.seeds)):
        yield _run(here, group, d, seeds)


def _baseline(recipe: Recipe, here: Recipe, group: dict[str, Any]) -> Iterator[Run]:
    assert recipe.sweep is not None
    baseline = recipe.sweep.baseline
    if baseline is None:
        return
    direct = with_values(here, {**baseline.set, "projector": "identity"})
    kept = {key: value for key, value in group.items() if not _covered(key, baseline.set)}
    for seeds in _seeds(baseline.seeds):
        yield _run(direct, kept, None, seeds)


def _shared(first: Run, again: Run) -> Run:
    """One run that two groups ask for; a direct run keeps what its groups have in common."""
    if not first.direct:
        return first
    agreed = {key: value for key, value in first.group.items() if again.group.get(key) == value}
    return replace(first, group=agreed)


def _covered(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether `settings` fix `key`, by itself or together with what it belongs to."""
    return any(key == fixed or key.startswith(f"{fixed}.") for fixed in settings)


def _run(recipe: Recipe, group: Mapping[str, Any], d: int | None, seeds: Seeds) -> Run:
    direct = recipe.projector.name == "identity"
    if direct:
        d, seeds = None, seeds.model_copy(update={"projector": 0})
        group = {key: value for key, value in group.items() if key.partition(".")[0] != "projector"}
    one = recipe.model_copy(update={"sweep": None, "d": d, "seeds": seeds})
    return Run(one, group, direct, _run_id(one))


def _run_id(recipe: Recipe) -> str:
    seeds, digest = recipe.seeds, _hash(recipe, _NOT_IDENTITY)
    if recipe.projector.name == "identity":
        return f"direct-s{seeds.theta0}.{seeds.data}-{digest}"
    kind = re.sub(r"[^A-Za-z0-9_]", "_", recipe.projector.name)
    return f"{kind}-d{recipe.d}-s{seeds.theta0}.{seeds.projector}.{seeds.data}-{digest}"


def _hash(recipe: Recipe, without: tuple[str, ...]) -> str:
    content = {key: value for key, value in dump(recipe).items() if key not in without}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _seeds(spec: int | list[int] | SeedLists) -> Iterator[Seeds]:
    if isinstance(spec, SeedLists):
        for theta0, projector, data in product(spec.theta0, spec.projector, spec.data):
            yield Seeds(theta0=theta0, projector=projector, data=data)
    else:
        for seed in range(spec) if isinstance(spec, int) else spec:
            yield Seeds(theta0=seed, projector=seed, data=seed)
