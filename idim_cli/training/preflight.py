"""Checks before the first run of a sweep: all that can be known to fail is reported at once."""

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
_STEP = {"batch_size", "steps", "precision"}  # settings that change the first or the last batch
_SEEDED = (
    "torch, numpy and random are seeded before each call: draw random numbers only from these, and do not "
    "seed them again (torch.seed())"
)
_LISTED = 3  # equal faults at one place that are listed; of more, the first and their number


# A sweep of 1,000 runs checks each data set, network, projector and start once.


def preflight(
    runs: Sequence[Run],
    where: Where,
    source: SourceMap,
    d_key: str = "d",
    seen: dict[str, object] | None = None,
) -> list[int]:
    """Check the data, models, optimizers, projectors and starts of all `runs`, and that every d <= D.

    Data are loaded and stay in memory for the runs. Each model makes one real step on the run's device (see
    `trial_step`).

    Args:
        runs: the runs.
        where: device and data.
        source: line numbers of the recipe.
        d_key: the recipe key that sets d.
        seen: results of checks, which are not repeated; new ones are added.

    Returns:
        D of each run.

    Raises:
        RecipeError: all faults, each with its place in the recipe.
        IdimError: there is no such device.
    """
    check = _Check(where, source, d_key, {} if seen is None else seen)
    sizes = [check.run(run) for run in runs]
    if check.faults:
        raise RecipeError(_summarized(check.faults))
    return sizes


def native(group: SweepGroup, where: Where, source: SourceMap, seen: dict[str, object] | None = None) -> int:
    """D of a group's network, checked as by `preflight`, before any d of it is known."""
    if group.recipe.start is not None:
        why = "a search chooses d, but the run to start from has a fixed d"
        raise RecipeError([source.fault("start", why, "remove start, or sweep over that d only")])
    # Any d will do, and 1 fits every network.
    return preflight(group.at([(1, Seeds())]), where, source, "sweep", seen)[0]


def _summarized(faults: Iterable[Fault]) -> list[Fault]:
    """The faults, those of many runs at the same place with the same hint as one."""
    kinds: dict[object, list[Fault]] = {}
    for fault in dict.fromkeys(faults):
        # Without a hint, messages at one place may be of unrelated causes.
        kinds.setdefault(replace(fault, message="") if fault.hint else fault, []).append(fault)
    few: list[Fault] = []
    for some in kinds.values():
        message = f"{some[0].message}, and {len(some) - 1} more faults of this kind"
        few += some if len(some) <= _LISTED else [replace(some[0], message=message)]
    return few


def _warn_of_idle(recipe: Recipe, trial: TrialStep) -> None:
    """Warn of parameters that count in D but are never trained: they would make D, not d_int, larger."""
    idle, D = trial.idle, sum(trial.sizes)
    if not idle:
        return
    names = ", ".join(one.name for one in idle[:_LISTED]) + (", ..." if len(idle) > _LISTED else "")
    size = sum(one.parameter.numel() for one in idle)
    _log.warning(
        "%s: no gradient reaches %d of its parameters in the first batch (%s): %s of D = %s (%.1f %%) count "
        "in D but may never be trained; freeze them (requires_grad=False), or leave them out of trainable",
        recipe.model.name, len(idle), names, f"{size:,}", f"{D:,}", 100 * size / D,
    )  # fmt: skip


class _Check:
    """Collects faults; a check that several runs share is made once."""

    def __init__(self, where: Where, source: SourceMap, d_key: str, seen: dict[str, object]) -> None:
        self.where, self.source, self.d_key, self.seen = where, source, d_key, seen
        self.faults: list[Fault] = []

    def run(self, run: Run) -> int:
        """Check one run; returns its D, or 0 if its network has a fault."""
        recipe = run.recipe
        device = pick_device(self.where.device or recipe.device)
        network = [recipe.dataset, recipe.model, recipe.task, recipe.trainable]
        self._once([recipe.training], lambda: self._training(recipe.training))
        batch = recipe.training.model_dump(include=_STEP)
        sizes = self._once([*network, batch], lambda: self._network(recipe, device))
        if sizes:  # without a network the faults of P would only repeat its fault
            d = recipe.d or sum(sizes)
            self._once([*network, recipe.projector, d], lambda: self._projector(recipe, sizes, d, device))
            if recipe.start is not None:
                start = [*network, recipe.projector, recipe.seeds, d, recipe.start]
                self._once(start, lambda: self._start(recipe, d, device))
        return sum(sizes)

    def _once(self, parts: Sequence[object], check: Callable[[], T]) -> T:
        plain = [getattr(part, "model_dump", lambda part=part: part)() for part in parts]
        key = json.dumps(plain, sort_keys=True)
        if key not in self.seen:
            self.seen[key] = check()
        return self.seen[key]  # type: ignore[return-value]

    @contextlib.contextmanager
    def _at(self, key: str, kind: type[IdimError] = IdimError) -> Iterator[None]:
        """Errors of the block, of this kind, become faults at `key`."""
        try:
            yield
        except (RecipeError, ExitedError):  # has its own place; or the user's code ended the program
            raise
        except kind as error:
            self.faults.append(self.source.fault(key, error.message, error.hint))

    def _training(self, training: Training) -> None:
        with self._at("training.optimizer"):
            optimizers.try_step(training.optimizer)
        with self._at("training.schedule"):
            schedules.build(training.schedule, 1, 1)(0)

    def _network(self, recipe: Recipe, device: torch.device) -> list[int]:
        """Sizes of the native parameters, after one real step; empty after a fault."""
        with self._at("dataset"):
            data = load_data(recipe, self.where, device)
            for warning in data.warnings:
                _log.warning("%s: %s", recipe.dataset.name, warning)
            with self._at("task", ComponentError):
                task = tasks.checked(recipe.task, data, recipe.dataset.name)
                self._floor(recipe, task, data)
                return self._trial(recipe, data, task.outputs(data), device)
        return []

    def _floor(self, recipe: Recipe, task: tasks.Task, data: Data) -> None:
        """A floor of chance needs a task that knows it, or the finished runs could not be read."""
        scored = data.train if task.score_on == "train" else data.validation
        if recipe.threshold.floor == "chance" and tasks.chance(task, scored) is None:
            message = f"the chance performance of task {recipe.task.name!r} is not known for these data"
            self.faults.append(self.source.fault("threshold.floor", message, "set a number, such as 0"))

    def _trial(self, recipe: Recipe, data: Data, outputs: Outputs, device: torch.device) -> list[int]:
        """As `_network`, when the data and the task are known."""
        with self._at("model"):
            models.refuse_large(recipe.model, data.shape, outputs)
            module = self._seeded_module(recipe, data)
            # From here on the innermost block that an error leaves decides the key that it is reported at.
            with self._at("model" if recipe.trainable is None else "trainable"):
                trial = TrialStep(module, recipe, data, device)
                with self._at("method"):
                    trial.use(recipe.method)
                with self._at("model"), self._at("training.batch_size", CapacityError):
                    trial.first()
                    with self._at("training.batch_size"):  # the first batch passed: its size is the cause
                        trial.last()
                _warn_of_idle(recipe, trial)
                return trial.sizes
        return []

    def _projector(self, recipe: Recipe, sizes: list[int], d: int, device: torch.device) -> None:
        D = sum(sizes)
        if d > D:
            message = f"d = {d:,} is more than D = {D:,}, the parameters of {recipe.model.name}"
            self.faults.append(self.source.fault(self.d_key, message, "choose d <= D"))
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
        """The model; ComponentError if its code is not deterministic for a given seed."""
        # theta_0 is stored as a seed: a model that differs each time could be neither resumed nor decoded.
        if models.portable(recipe.model):
            return self._module(recipe, data)
        # Only the fingerprint of the first is kept: two large networks may not fit into memory.
        first = self._once(
            [recipe.dataset, recipe.model, recipe.seeds.theta0],
            lambda: checkpoint.theta0(self._module(recipe, data)),
        )
        module = self._module(recipe, data)
        if checkpoint.theta0(module) != first:
            raise ComponentError(f"{recipe.model.name} returns another theta_0 at each call", _SEEDED)
        return module
