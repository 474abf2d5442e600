"""Everything that can be known to be wrong before the first run of a sweep starts."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from idim_cli.core.errors import CapacityError, ComponentError, ExitedError, Fault, IdimError, RecipeError
from idim_cli.core.machine import pick_device
from idim_cli.datasets.split import Data
from idim_cli.methods import optimizers, schedules
from idim_cli.models import base as models
from idim_cli.models.base import Outputs
from idim_cli.projectors.check import check_fits
from idim_cli.recipe.schema import Recipe, Seeds, Training
from idim_cli.recipe.source import SourceMap
from idim_cli.runs import checkpoint
from idim_cli.runs.plan import Run, SweepGroup
from idim_cli.tasks import base as tasks
from idim_cli.training import warm_start
from idim_cli.training.prepare import Where, load_data
from idim_cli.training.trial_step import TrialStep

T = TypeVar("T")
_log = logging.getLogger(__name__)
_STEP = {"batch_size", "steps", "precision"}  # what the first and the last batch of a training hang on
_SEEDED = (
    "torch, numpy and random are seeded before each call: draw from these alone, and do not seed them "
    "anew (torch.seed())"
)
_LISTED = 3  # faults of one kind at one place; of more the first stands for all


def preflight(
    runs: Sequence[Run],
    where: Where,
    source: SourceMap,
    d_key: str = "d",
    seen: dict[str, object] | None = None,
) -> list[int]:
    """Check that data, models, optimisers, projectors and starts of all `runs` can be had, and every d <= D.

    Data are loaded and stay in memory for the runs. Each model makes one real step on the run's device, see
    `rehearsal`, which leaves generators of random numbers as they were.

    Args:
        runs: what is to be trained.
        where: device and data.
        source: the places in the recipe.
        d_key: the recipe key that d came from.
        seen: what was looked at and need not be so again; what is looked at now is added.

    Returns:
        D of each run.

    Raises:
        RecipeError: all that is wrong, each fault at its place in the recipe.
        IdimError: there is no such device.
    """
    check = _Check(where, source, d_key, {} if seen is None else seen)
    sizes = [check.run(run) for run in runs]
    if check.faults:
        raise RecipeError(_few(dict.fromkeys(check.faults)))
    return sizes


def native(group: SweepGroup, where: Where, source: SourceMap, seen: dict[str, object] | None = None) -> int:
    """D of a group's network, checked as by `preflight`, before any d of it is known."""
    if group.recipe.start is not None:
        why = "a search chooses d, and the run to start from has one"
        raise RecipeError([source.fault("start", why, "leave it out, or sweep over that d alone")])
    return preflight(group.at([(1, Seeds())]), where, source, "sweep", seen)[0]


def _few(faults: Iterable[Fault]) -> list[Fault]:
    """The faults without those that say of many runs what the first says of one: same place, same hint."""
    alike: dict[object, list[Fault]] = {}
    for fault in faults:
        alike.setdefault(replace(fault, message="") if fault.hint else fault, []).append(fault)
    return [fault for some in alike.values() for fault in (some if len(some) <= _LISTED else [_first(some)])]


def _first(faults: Sequence[Fault]) -> Fault:
    return replace(faults[0], message=f"{faults[0].message}, and {len(faults) - 1} more faults of this kind")


def _warn_of_idle(recipe: Recipe, rehearsal: TrialStep) -> None:
    """Say which parameters count in D though nothing trains them."""
    idle, D = rehearsal.idle, sum(rehearsal.sizes)
    if not idle:
        return
    names = ", ".join(one.name for one in idle[:_LISTED]) + (", ..." if len(idle) > _LISTED else "")
    size = sum(one.parameter.numel() for one in idle)
    _log.warning(
        "%s: no gradient reaches %d of its parameters in the first batch (%s): %s of D = %s (%.1f %%) count "
        "in D though nothing may train them; freeze them (requires_grad=False), or name others in trainable",
        recipe.model.name, len(idle), names, f"{size:,}", f"{D:,}", 100 * size / D,
    )  # fmt: skip


class _Check:
    """Collects faults; what several runs share is looked at once."""

    def __init__(self, where: Where, source: SourceMap, d_key: str, seen: dict[str, object]) -> None:
        self.where, self.source, self.d_key, self.seen = where, source, d_key, seen
        self.faults: list[Fault] = []

    def run(self, run: Run) -> int:
        """Look at one run; its D, 0 when it cannot be known."""
        recipe = run.recipe
        device = pick_device(self.where.device or recipe.device)
        network = [recipe.dataset, recipe.model, recipe.task, recipe.trainable]
        self._once([recipe.training], lambda: self._training(recipe.training))
        batch = recipe.training.model_dump(include=_STEP)
        sizes = self._once([*network, batch], lambda: self._network(recipe, device))
        if sizes:
            d = recipe.d or sum(sizes)
            self._once([*network, recipe.projector, d], lambda: self._projector(recipe, sizes, d, device))
            if recipe.start is not None:
                begun = [*network, recipe.projector, recipe.seeds, d, recipe.start]
                self._once(begun, lambda: self._start(recipe, d, device))
        return sum(sizes)

    def _once(self, parts: Sequence[object], look: Callable[[], T]) -> T:
        key = json.dumps(
            [getattr(part, "model_dump", lambda part=part: part)() for part in parts], sort_keys=True
        )
        if key not in self.seen:
            self.seen[key] = look()
        return self.seen[key]  # type: ignore[return-value]

    @contextlib.contextmanager
    def _at(self, key: str, kind: type[IdimError] = IdimError) -> Iterator[None]:
        """Errors of the block, of this kind, become faults at `key`."""
        try:
            yield
        except (RecipeError, ExitedError):
            raise
        except kind as error:
            self.faults.append(self.source.fault(key, error.message, error.hint))

    def _training(self, training: Training) -> None:
        with self._at("training.optimizer"):
            optimizers.try_step(training.optimizer)
        with self._at("training.schedule"):
            schedules.build(training.schedule, 1, 1)(0)

    def _network(self, recipe: Recipe, device: torch.device) -> list[int]:
        """Sizes of the native parameters, after one real step; empty when that fails, which is a fault."""
        with self._at("dataset"):
            data = load_data(recipe, self.where, device)
            for warning in data.warnings:
                _log.warning("%s: %s", recipe.dataset.name, warning)
            with self._at("task", ComponentError):
                task = tasks.checked(recipe.task, data, recipe.dataset.name)
                return self._rehearsed(recipe, data, task.outputs(data), device)
        return []

    def _rehearsed(self, recipe: Recipe, data: Data, outputs: Outputs, device: torch.device) -> list[int]:
        """Sizes of the native parameters of a model that made one real step."""
        with self._at("model"):
            models.refuse_large(recipe.model, data.shape, outputs)
            module = self._seeded_module(recipe, data)
            with self._at("model" if recipe.trainable is None else "trainable"):
                rehearsal = TrialStep(module, recipe, data, device)
                with self._at("method"):
                    rehearsal.use(recipe.method)
                with self._at("model"), self._at("training.batch_size", CapacityError):
                    rehearsal.first()
                    with self._at("training.batch_size"):
                        rehearsal.last()
                _warn_of_idle(recipe, rehearsal)
                return rehearsal.sizes
        return []

    def _projector(self, recipe: Recipe, sizes: list[int], d: int, device: torch.device) -> None:
        D = sum(sizes)
        if d > D:
            message = f"d = {d:,} is more than D = {D:,}, the parameters of {recipe.model.name}"
            self.faults.append(self.source.fault(self.d_key, message, "d counts the trained numbers"))
            return
        with self._at("projector"):
            check_fits(recipe.projector, sizes, d, device)

    def _start(self, recipe: Recipe, d: int, device: torch.device) -> None:
        data = load_data(recipe, self.where, device)
        module = self._module(recipe, data)
        with self._at("start"):
            warm_start.read(recipe, d, checkpoint.theta0(module), data)

    def _module(self, recipe: Recipe, data: Data) -> nn.Module:
        seed, fetch = recipe.seeds.theta0, self.where.download
        return models.build(recipe.model, data.shape, tasks.build(recipe.task).outputs(data), seed, fetch)

    def _seeded_module(self, recipe: Recipe, data: Data) -> nn.Module:
        """The model; ComponentError if its code makes another one of the same seed each time."""
        if models.portable(recipe.model):
            return self._module(recipe, data)
        # Only the fingerprint is kept: two large networks may not fit the memory.
        first = self._once(
            [recipe.dataset, recipe.model, recipe.seeds.theta0],
            lambda: checkpoint.theta0(self._module(recipe, data)),
        )
        module = self._module(recipe, data)
        if checkpoint.theta0(module) != first:
            raise ComponentError(f"{recipe.model.name} gives another theta_0 each time it is called", _SEEDED)
        return module
