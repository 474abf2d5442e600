"""A recipe to the runs that it asks for, each with an identity of its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from idim_cli import outside
from idim_cli.errors import IdimError
from idim_cli.recipe.components import is_code
from idim_cli.recipe.dump import dump, filled
from idim_cli.recipe.load import with_values
from idim_cli.recipe.schema import COMPONENTS, Recipe, SeedLists, Seeds

# Which runs are made, and where: not what one run is. d and seeds stand apart.
_NOT_CONFIG = ("name", "sweep", "threshold", "device", "data_root", "d", "seeds")


@dataclass(frozen=True)
class Run:
    """One training at one (recipe, d, seeds).

    Attributes:
        recipe: no sweep; components with all their parameters; `seeds` set; `d` set, but None for direct
            training.
        group: the recipe keys of `sweep.over` and their values here. A direct run leaves out keys that do
            not touch it (the projector's, those that `baseline.set` fixes).
        direct: all D parameters are trained (projector `identity`).
        run_id: unique within a recipe, the same whenever the run is the same.
        config: name of all that the run is but for its d and seeds: every parameter, whether written or a
            default, the code that it names, and the version of the random stream.
        baseline: the config of the direct runs that are its 100 %; None if the sweep has none.
    """

    recipe: Recipe
    group: Mapping[str, Any]
    direct: bool
    run_id: str
    config: str
    baseline: str | None = None


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
    return next(_runs(recipe, {}, [(recipe.d, recipe.seeds)]))


def _groups(recipe: Recipe) -> Iterator[dict[str, Any]]:
    assert recipe.sweep is not None
    for values in product(*recipe.sweep.over.values()):
        yield dict(zip(recipe.sweep.over, values, strict=True))


def _group(recipe: Recipe, group: dict[str, Any]) -> Iterator[Run]:
    assert recipe.sweep is not None
    here = with_values(recipe.model_copy(update={"sweep": None}), group)
    direct = _baseline(recipe, here, group)
    yield from direct
    points = product(recipe.sweep.d, _seeds(recipe.sweep.seeds))
    yield from _runs(here, group, points, direct[0].config if direct else None)


def _baseline(recipe: Recipe, here: Recipe, group: dict[str, Any]) -> list[Run]:
    assert recipe.sweep is not None
    baseline = recipe.sweep.baseline
    if baseline is None:
        return []
    direct = with_values(here, {**baseline.set, "projector": "identity"})
    kept = {key: value for key, value in group.items() if not _covered(key, baseline.set)}
    return list(_runs(direct, kept, ((None, seeds) for seeds in _seeds(baseline.seeds))))


def _shared(first: Run, again: Run) -> Run:
    """One run that two groups ask for; a direct run keeps what its groups have in common."""
    if not first.direct:
        return first
    agreed = {key: value for key, value in first.group.items() if again.group.get(key) == value}
    return replace(first, group=agreed)


def _covered(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether `settings` fix `key`, by itself or together with what it belongs to."""
    return any(key == fixed or key.startswith(f"{fixed}.") for fixed in settings)


def _runs(
    recipe: Recipe,
    group: Mapping[str, Any],
    points: Iterable[tuple[int | None, Seeds]],
    baseline: str | None = None,
) -> Iterator[Run]:
    """Runs that differ in nothing but d and seeds."""
    whole = filled(recipe.model_copy(update={"sweep": None}))
    content, direct = _content(whole), recipe.projector.name == "identity"
    kind = "direct" if direct else re.sub(r"[^A-Za-z0-9_]", "_", recipe.projector.name)
    config = f"{kind}-{_digest(content)}"
    if direct:
        group = {key: value for key, value in group.items() if key.partition(".")[0] != "projector"}
    for d, seeds in points:
        if direct:
            d, seeds, baseline = None, seeds.model_copy(update={"projector": 0}), None
        one = whole.model_copy(update={"d": d, "seeds": seeds})
        run_id = f"{kind}-{_point(one)}-{_digest(content, _point(one))}"
        yield Run(one, group, direct, run_id, config, baseline)


def _point(recipe: Recipe) -> str:
    """d and seeds, as far as they touch the run."""
    d, seeds = recipe.d, recipe.seeds
    if recipe.projector.name == "identity":
        return f"s{seeds.theta0}.{seeds.data}"
    return f"d{d}-s{seeds.theta0}.{seeds.projector}.{seeds.data}"


def _content(recipe: Recipe) -> str:
    """All that decides what comes of a run, but for d and seeds, as canonical text."""
    from idim_cli.rng import VERSION  # brings numpy along

    plain = dump(recipe, defaults=True)
    content = {key: value for key, value in plain.items() if key not in _NOT_CONFIG}
    return json.dumps({**content, "code": _code(recipe), "rng": VERSION}, sort_keys=True)


def _code(recipe: Recipe) -> dict[str, str]:
    """Digests of the source files of components that are named by their code."""
    named = {kind: getattr(recipe, path[0]) for path, kind in COMPONENTS.items() if len(path) == 1}
    return {kind: outside.digest(c.name) for kind, c in named.items() if is_code(c.name, kind)}


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def _seeds(spec: int | list[int] | SeedLists) -> Iterator[Seeds]:
    if isinstance(spec, SeedLists):
        for theta0, projector, data in product(spec.theta0, spec.projector, spec.data):
            yield Seeds(theta0=theta0, projector=projector, data=data)
    else:
        for seed in range(spec) if isinstance(spec, int) else spec:
            yield Seeds(theta0=seed, projector=seed, data=seed)
