"""From a recipe to its runs, each with its identity."""

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
from idim_cli.recipe.schema import GRADIENT, Recipe, SeedLists, Seeds
from idim_cli.runs import fingerprint, results
from idim_cli.runs.consistency import prefix
from idim_cli.runs.early_stop import Goal
from idim_cli.runs.results import Plan

# Keys that decide which runs are made, where, and how they are shown, not what one run computes. d and seeds
# are in the run_id themselves. A new key of this kind belongs here, or all run_ids change.
_NOT_CONFIG = (
    "name", "sweep", "threshold", "published", "device", "data_root", "data_workers", "trackers", "d", "seeds"
)  # fmt: skip
# Keys about P's coordinates, with their values for direct runs.
_OF_COORDS: dict[str, Any] = {"projector": "identity", "quantise": None, "start": None}


@dataclass(frozen=True)
class Run:
    """One training at one (recipe, d, seeds).

    Attributes:
        recipe: without sweep and trackers; components with all their parameters; `seeds` set; `d` set, None
            for direct training.
        group: the values of its group. A direct run leaves out keys that do not affect it (the projector's,
            those that `baseline.set` fixes).
        direct: all D parameters are trained (projector `identity`).
        run_id: unique within a recipe, the same whenever the run is the same.
        config: identity of the run without d and seeds: every parameter, whether written or a default, the
            user code, and the version of the random stream.
        baseline: the config of its direct runs, the 100 %; None if the sweep has none.
        goal: when it may end early; None trains to the end. Part of the run_id, so that no search reads a run
            that another one stopped, but not of `config`.
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
    """Runs with one common estimate: one combination of the values of `sweep.over`.

    Attributes:
        values: recipe keys of `sweep.over` with their values, or the labels of these, and the keys of
            `protocol`.
        recipe: with these values, without a sweep.
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
    """Key of the runs that can train in one pack: everything but d, seeds and optimizer."""
    whole = run.recipe
    parts = (whole.dataset, whole.model, whole.task, whole.projector, whole.method)
    rest = (whole.trainable, whole.training.batch_size, whole.training.l2, whole.training.precision)
    where = (whole.device, whole.data_root)
    return json.dumps([*(part.model_dump() for part in parts), *rest, *where], sort_keys=True)


def plan(recipe: Recipe | Loaded | str | Path) -> list[Run]:
    """All runs of a recipe's grid, or its one run without a sweep; trains nothing.

    Group by group; in each the direct runs first, then d ascending, and for each d the seeds. The runs of an
    adaptive search are not known in advance.

    Args:
        recipe: a recipe, or what `recipe.load` takes or returns.

    Raises:
        IdimError: the recipe does not exist, is invalid, or has no d.
    """
    if not isinstance(recipe, Recipe):
        recipe = as_loaded(recipe).recipe
    if recipe.sweep is None:
        return [single(recipe)]
    if "sweep" not in recipe.usable:
        raise IdimError("sweep.d is missing", "set it, for example to [100, 200, 400], or use a search")
    sweep, runs = recipe.sweep, list[Run]()
    for group in groups(recipe):
        # Direct runs first: their mean is the 100 % of all others.
        runs += group.direct(seeds_of(sweep.baseline.seeds)) if sweep.baseline else []
        runs += group.at(product(sweep.d, seeds_of(sweep.seeds)))
    return merged(runs)


def groups(recipe: Recipe) -> list[SweepGroup]:
    """The groups of a recipe's sweep, in the order of the values in `sweep.over`."""
    assert recipe.sweep is not None
    over, baseline, made = recipe.sweep.choices(), recipe.sweep.baseline, []
    for combination in product(*over.values()):
        values = {key: value for key, (_, value) in zip(over, combination, strict=True)}
        here = with_values(recipe.model_copy(update={"sweep": None}), values)
        labels = {key: name for key, (name, _) in zip(over, combination, strict=True)}
        fixed = baseline.set if baseline else {}
        direct = with_values(here, {**fixed, **_OF_COORDS}) if baseline else None
        made.append(SweepGroup({**protocol(here, over), **labels}, here, direct, fixed))
    return made


def protocol(recipe: Recipe, over: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The keys of rounded coordinates and of another start than zero, without those in `over`."""
    few = recipe.quantise.model_dump(exclude_defaults=True) if recipe.quantise else {}
    keys = {f"quantise.{key}": value for key, value in few.items()}
    keys |= {"start": recipe.start} if recipe.start else {}
    return {key: value for key, value in keys.items() if not _covered(key, over or {})}


def merged(runs: Iterable[Run]) -> list[Run]:
    """Each run once; a direct run of several groups keeps the values that they have in common."""
    found: dict[str, Run] = {}
    for run in runs:
        same = found.setdefault(run.run_id, run)
        if same.direct and same is not run:
            agreed = {key: value for key, value in same.group.items() if run.group.get(key) == value}
            found[run.run_id] = replace(same, group=agreed)
    return list(found.values())


def further(runs: Iterable[Run], results: Iterable[Mapping[str, Any]]) -> list[Run]:
    """The runs of the configurations of `runs` that have these results, trained to the end or diverged.

    A grid may read them, whichever sweep they were made for. Runs with a goal are not among them.
    """
    alike = {run.config: run for run in runs if run.goal is None}
    points: dict[str, dict[str, tuple[int | None, Seeds]]] = {}
    for result in results:
        if result.get("config") in alike:
            seeds = {name: result[f"seed_{name}"] for name in Seeds.model_fields}
            known = Seeds(**{name: seed for name, seed in seeds.items() if seed is not None})
            points.setdefault(result["config"], {})[result["run_id"]] = result["d"], known
    made = []
    for config, found in points.items():
        of = alike[config]
        ordered = sorted(found.values(), key=lambda point: [point[0] or 0, *dict(point[1]).values()])
        # The run_id of a run with a goal is another one, and not among those made here.
        made += [run for run in _runs(of.recipe, of.group, ordered, of.baseline) if run.run_id in found]
    return made


def purposes(runs: Iterable[Run]) -> Plan:
    """The purposes of these runs, as plan.json stores them."""
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
    """The one run of a recipe's own `d` and `seeds`; IdimError if d is missing."""
    if recipe.d is None and recipe.projector.name != "identity":
        hint = "add d=500, the subspace dimension, or projector=identity"
        raise IdimError("d is missing in the recipe", hint)
    return next(_runs(recipe, {}, [(recipe.d, recipe.seeds)]))


def _covered(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether `settings` contain `key` or a key above it."""
    return any(key == fixed or key.startswith(f"{fixed}.") for fixed in settings)


def _runs(
    recipe: Recipe,
    group: Mapping[str, Any],
    points: Iterable[tuple[int | None, Seeds]],
    baseline: str | None = None,
    goal: Goal | None = None,
) -> Iterator[Run]:
    """Runs that differ in d and seeds alone."""
    # With all parameters written out, so that another version's defaults do not change what the run is.
    whole = filled(recipe.model_copy(update={"sweep": None, "trackers": []}))
    content, direct = _content(whole), recipe.projector.name == "identity"
    kind = prefix(recipe.projector.name)
    config = f"{kind}-{_digest(content)}"
    if direct:
        group = {key: value for key, value in group.items() if key.partition(".")[0] not in _OF_COORDS}
    for d, seeds in points:
        if direct:
            # No P: its seed must not make two runs of one.
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
    """Everything that determines a run's result, except d and seeds, as canonical text."""
    prints = fingerprint.of_recipe(recipe)
    plain = dump(recipe, defaults=True)
    for path, one in prints.items():
        holder = functools.reduce(dict.__getitem__, path[:-1], plain)
        holder[path[-1]] = short(one.component.name, dict(one.component.params))
    content = {key: value for key, value in plain.items() if key not in (*_NOT_CONFIG, *_OF_COORDS)}
    content |= {"projector": plain["projector"]}
    # Keys of later versions are left out at their defaults: runs of version 0.1 keep their run_ids.
    if recipe.method == GRADIENT:
        del content["method"]
    content |= {"quantise": plain["quantise"]} if recipe.quantise else {}
    content |= {"start": _start(recipe.start)} if recipe.start else {}
    files = [f"{'.'.join(path)}: {dict(one.files)}" for path, one in prints.items() if one.files]
    content |= {"files": files} if files else {}
    content |= {"code": fingerprint.code_of(prints), "rng": rng_version.VERSION}
    return json.dumps(content, sort_keys=True)


def _start(run: str) -> str:
    """A digest of the checkpoint that training starts from: its content counts, not its path."""
    missing = f"no checkpoint at {run}"  # an identity all the same: preflight names the fault with its line
    try:
        return fingerprint.file_digest(results.checkpoint_of(Path(run))) or missing
    except FileError:
        return missing


def _digest(*parts: str) -> str:
    # 32 bits: a recipe has at most 100,000 runs, and d and seeds are in the run_id in full.
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def seeds_of(spec: int | list[int] | SeedLists) -> Iterator[Seeds]:
    """The seeds of a recipe's number, list or lists of seeds."""
    if isinstance(spec, SeedLists):
        for theta0, projector, data in product(spec.theta0, spec.projector, spec.data):
            yield Seeds(theta0=theta0, projector=projector, data=data)
    else:
        for seed in range(spec) if isinstance(spec, int) else spec:
            yield Seeds(theta0=seed, projector=seed, data=seed)
