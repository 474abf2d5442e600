"""From a recipe to its runs, each with an identity."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from idim_cli.core import rng_version
from idim_cli.core.errors import FileError, IdimError
from idim_cli.core.registry import short
from idim_cli.recipe.dump import dump, filled
from idim_cli.recipe.load import Loaded, as_loaded, with_values
from idim_cli.recipe.schema import GRADIENT, Recipe, SeedLists, Seeds, Sweep
from idim_cli.runs import fingerprint, results
from idim_cli.runs.consistency import prefix
from idim_cli.runs.early_stop import Goal
from idim_cli.runs.results import Plan

# Keys that say which runs are made, and where, but not what a run is; d and seeds are identified separately.
_NOT_CONFIG = (
    "name", "sweep", "threshold", "published", "device", "data_root", "data_workers", "trackers", "d", "seeds"
)  # fmt: skip
# Keys about P's coordinates, which do not affect direct runs.
_OF_COORDS: dict[str, Any] = {"projector": "identity", "quantise": None, "start": None}


@dataclass(frozen=True)
class Run:
    """One training at one (recipe, d, seeds).

    Attributes:
        recipe: without sweep and trackers; components with all their parameters; `seeds` set; `d` set, but
            None for direct training.
        group: the values of its group. A direct run leaves out keys that do not affect it (the projector's,
            those that `baseline.set` fixes).
        direct: all D parameters are trained (projector `identity`).
        run_id: unique within a recipe, the same whenever the run is the same.
        config: identifies everything but d and seeds: every parameter, also defaults, the code that it names,
            and the version of the random stream.
        baseline: the config of the direct runs that are its baseline; None if the sweep has none.
        goal: when it may end early; None trains to the end. Part of the identity, so that a search never uses
            runs that another one stopped, but not of `config`.
    """

    recipe: Recipe
    group: Mapping[str, Any]
    direct: bool
    run_id: str
    config: str
    baseline: str | None = None
    goal: Goal | None = None


@dataclass(frozen=True)
class SweepGroup:
    """Runs that get one estimate together: one combination of the values of `sweep.over`.

    Attributes:
        values: recipe keys of `sweep.over` with their values, or labels of these, and the keys that restrict
            the coordinates.
        recipe: with these values, and without a sweep.
        baseline: the recipe of its direct runs; None if the sweep has none.
        fixed: recipe keys that the baseline sets for itself.
    """

    values: Mapping[str, Any]
    recipe: Recipe
    baseline: Recipe | None
    fixed: Mapping[str, Any]

    def direct(self, seeds: Iterable[Seeds]) -> list[Run]:
        """Its direct runs on these seeds; none if the sweep has none."""
        if self.baseline is None:
            return []
        kept = {key: value for key, value in self.values.items() if not _covered(key, self.fixed)}
        return list(_runs(self.baseline, kept, ((None, seed) for seed in seeds)))

    def at(self, points: Iterable[tuple[int, Seeds]], goal: Goal | None = None) -> list[Run]:
        """Its runs in subspaces, at each (d, seeds)."""
        direct = self.direct([Seeds()])
        return list(_runs(self.recipe, self.values, points, direct[0].config if direct else None, goal))


def kind(run: Run) -> str:
    """A key of the runs that one batched network can train: everything but d, seeds and optimizer."""
    whole = run.recipe
    parts = (whole.dataset, whole.model, whole.task, whole.projector, whole.method)
    rest = (whole.trainable, whole.training.batch_size, whole.training.l2, whole.training.precision)
    where = (whole.device, whole.data_root)
    return json.dumps([*(part.model_dump() for part in parts), *rest, *where], sort_keys=True)


def plan(recipe: Recipe | Loaded | str | Path) -> list[Run]:
    """All runs of a recipe's grid, or its one run without a sweep, before anything is trained.

    Group by group; in each the direct runs first, then d ascending, and for each d the seeds. An adaptive
    search chooses d later.

    Args:
        recipe: a recipe, or what `recipe.load` takes.

    Raises:
        IdimError: there is no such recipe, it has errors, or it lacks d.
    """
    if not isinstance(recipe, Recipe):
        recipe = as_loaded(recipe).recipe
    if recipe.sweep is None:
        return [single(recipe)]
    if "sweep" not in recipe.usable:
        raise IdimError("sweep.d is missing", "set it, for example to [100, 200, 400], or take a search")
    return merged(run for group in groups(recipe) for run in _grid(recipe.sweep, group))


def groups(recipe: Recipe) -> list[SweepGroup]:
    """The groups of a recipe's sweep, in the order of the values in `sweep.over`."""
    assert recipe.sweep is not None
    over, baseline, made = recipe.sweep.choices(), recipe.sweep.baseline, []
    for combination in product(*over.values()):
        values = {key: value for key, (_, value) in zip(over, combination, strict=True)}
        here = with_values(recipe.model_copy(update={"sweep": None}), values)
        names = {key: name for key, (name, _) in zip(over, combination, strict=True)}
        fixed = baseline.set if baseline else {}
        direct = with_values(here, {**fixed, **_OF_COORDS}) if baseline else None
        made.append(SweepGroup({**protocol(here, over), **names}, here, direct, fixed))
    return made


def protocol(recipe: Recipe, over: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The keys that restrict the coordinates (not free, or not from zero), without those in `over`."""
    few = recipe.quantise.model_dump(exclude_defaults=True) if recipe.quantise else {}
    found = {f"quantise.{key}": value for key, value in few.items()}
    found |= {"start": recipe.start} if recipe.start else {}
    return {key: value for key, value in found.items() if not _covered(key, over or {})}


def merged(runs: Iterable[Run]) -> list[Run]:
    """Each run once; a direct run that several groups ask for keeps what they have in common."""
    found: dict[str, Run] = {}
    for run in runs:
        same = found.get(run.run_id)
        found[run.run_id] = _shared(same, run) if same else run
    return list(found.values())


def further(runs: Iterable[Run], results: Iterable[Mapping[str, Any]]) -> list[Run]:
    """Further runs, with the configurations of `runs`, that have these results: finished or diverged ones.

    A grid reads them, whatever they were made for, except for runs with a goal, whose run_id is different.
    """
    alike = {run.config: run for run in runs if run.goal is None}
    points: dict[str, dict[str, tuple[int | None, Seeds]]] = {}
    for result in results:
        if result.get("config") in alike:
            points.setdefault(result["config"], {})[result["run_id"]] = _point_of(result)
    made = (
        _runs(
            alike[config].recipe,
            alike[config].group,
            sorted(found.values(), key=_order),
            alike[config].baseline,
        )
        for config, found in points.items()
    )
    every = {run_id for found in points.values() for run_id in found}
    return [run for some in made for run in some if run.run_id in every]


def _point_of(result: Mapping[str, Any]) -> tuple[int | None, Seeds]:
    """d and seeds of a finished run."""
    seeds = {name: result[f"seed_{name}"] for name in Seeds.model_fields}
    return result["d"], Seeds(**{name: seed for name, seed in seeds.items() if seed is not None})


def _order(point: tuple[int | None, Seeds]) -> list[int]:
    d, seeds = point
    return [d or 0, *seeds.model_dump().values()]


def purposes(runs: Iterable[Run]) -> Plan:
    """The purposes of these runs, as plan.json has them."""
    return [
        {
            "run_id": run.run_id,
            "over": dict(run.group),
            "baseline_config": run.baseline,
            "floor": run.recipe.threshold.floor,
        }
        for run in runs
    ]


def single(recipe: Recipe) -> Run:
    """The one run that a recipe describes by its own `d` and `seeds`; IdimError if d is missing."""
    if recipe.d is None and recipe.projector.name != "identity":
        raise IdimError(
            "d is missing in the recipe", "add d=500, the subspace dimension, or projector=identity"
        )
    return next(_runs(recipe, {}, [(recipe.d, recipe.seeds)]))


def _grid(sweep: Sweep, group: SweepGroup) -> Iterator[Run]:
    if sweep.baseline is not None:
        yield from group.direct(seeds_of(sweep.baseline.seeds))
    yield from group.at(product(sweep.d, seeds_of(sweep.seeds)))


def _shared(first: Run, again: Run) -> Run:
    """One run that two groups ask for; a direct run keeps what its groups have in common."""
    if not first.direct:
        return first
    agreed = {key: value for key, value in first.group.items() if again.group.get(key) == value}
    return replace(first, group=agreed)


def _covered(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether `settings` set `key` or a part that it belongs to."""
    return any(key == fixed or key.startswith(f"{fixed}.") for fixed in settings)


def _runs(
    recipe: Recipe,
    group: Mapping[str, Any],
    points: Iterable[tuple[int | None, Seeds]],
    baseline: str | None = None,
    goal: Goal | None = None,
) -> Iterator[Run]:
    """Runs that differ in d and seeds alone."""
    whole = filled(recipe.model_copy(update={"sweep": None, "trackers": []}))
    content, direct = _content(whole), recipe.projector.name == "identity"
    kind = prefix(recipe.projector.name)
    config = f"{kind}-{_digest(content)}"
    if direct:
        group = {key: value for key, value in group.items() if key.partition(".")[0] not in _OF_COORDS}
    for d, seeds in points:
        if direct:
            d, seeds, baseline = None, seeds.model_copy(update={"projector": 0}), None
        one = whole.model_copy(update={"d": d, "seeds": seeds})
        parts = [content, _point(one), *([goal.identity] if goal else [])]
        yield Run(one, group, direct, f"{kind}-{_point(one)}-{_digest(*parts)}", config, baseline, goal)


def _point(recipe: Recipe) -> str:
    """d and seeds, as far as they affect the run."""
    d, seeds = recipe.d, recipe.seeds
    if recipe.projector.name == "identity":
        return f"s{seeds.theta0}.{seeds.data}"
    return f"d{d}-s{seeds.theta0}.{seeds.projector}.{seeds.data}"


def _content(recipe: Recipe) -> str:
    """Everything that determines the result of a run, except for d and seeds, as canonical text."""
    prints = fingerprint.of_recipe(recipe)
    plain = dump(recipe, defaults=True)
    for path, one in prints.items():
        holder = functools.reduce(dict.__getitem__, path[:-1], plain)
        holder[path[-1]] = short(one.component.name, dict(one.component.params))
    content = {key: value for key, value in plain.items() if key not in (*_NOT_CONFIG, *_OF_COORDS)}
    content |= {"projector": plain["projector"]}
    if recipe.method == GRADIENT:  # runs of recipes from before there were methods keep their identity
        del content["method"]
    content |= {"quantise": plain["quantise"]} if recipe.quantise else {}
    content |= {"start": _start(recipe.start)} if recipe.start else {}
    files = [f"{'.'.join(path)}: {dict(one.files)}" for path, one in prints.items() if one.files]
    content |= {"files": files} if files else {}
    return json.dumps(
        {**content, "code": fingerprint.code_of(prints), "rng": rng_version.VERSION}, sort_keys=True
    )


def _start(run: str) -> str:
    """A digest of the checkpoint that training starts from: what is in it counts, not where it lies.

    One that is not there has a place in the recipe, which preflight names; until then its name stands for it.
    """
    try:
        return fingerprint.file_digest(results.checkpoint_of(Path(run))) or f"no checkpoint at {run}"
    except FileError:
        return f"no checkpoint at {run}"


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def seeds_of(spec: int | list[int] | SeedLists) -> Iterator[Seeds]:
    """The seeds of a recipe's number, list or lists of seeds."""
    if isinstance(spec, SeedLists):
        for theta0, projector, data in product(spec.theta0, spec.projector, spec.data):
            yield Seeds(theta0=theta0, projector=projector, data=data)
    else:
        for seed in range(spec) if isinstance(spec, int) else spec:
            yield Seeds(theta0=seed, projector=seed, data=seed)
