"""Everything that a run needs before its first step: device, data, model, subspace and a check of P."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from typing import Any

import torch

from idim_cli.core.machine import data_root, free_bytes, pick_device
from idim_cli.datasets import base as datasets
from idim_cli.datasets.split import Data, Tensors
from idim_cli.models import base as models
from idim_cli.projectors import base as projectors
from idim_cli.projectors.check import ColumnCheck, check_fits, inspect
from idim_cli.projectors.native import native_parameters
from idim_cli.projectors.subspace import Subspace
from idim_cli.recipe.schema import GRADIENT, Component, Quantise, Recipe
from idim_cli.runs import checkpoint, origin
from idim_cli.runs.plan import Run
from idim_cli.tasks import base as tasks
from idim_cli.tasks.base import Task
from idim_cli.training.warm_start import load_start
from idim_cli.training.where import Where as Where


@dataclass(frozen=True)
class Problem:
    """The problem of a run; the module is on `device`, and so are the data if they fit.

    Attributes:
        columns: the check of P's columns.
        quantise: levels to which the coordinates are rounded during training; None: no rounding.
        theta0: fingerprint of the initial parameters.
        method: of the recipe; updates the coordinates.
    """

    device: torch.device
    data: Data
    task: Task
    subspace: Subspace
    columns: ColumnCheck
    quantise: Quantise | None = None
    theta0: str = ""
    method: Component = GRADIENT

    def origin(self, recipe: Recipe) -> dict[str, Any]:
        """Fingerprints of all that it was made from, see `runs.origin`."""
        # With the test split, though no training uses it: `evaluate` compares its fingerprint later.
        data = {split: self.data.digest(split) for split in origin.SPLITS}
        return origin.record(self.theta0, data, origin.components(recipe))


def problem(run: Run, where: Where) -> Problem:
    """Build the problem of `run`, and check P's columns.

    Raises:
        IdimError: data or a component is unavailable, or the memory is too small.
        RunError: P's columns are not of unit length.
    """
    recipe, device = run.recipe, pick_device(where.device or run.recipe.device)
    data = load_data(recipe, where, device)
    task = tasks.checked(recipe.task, data, recipe.dataset.name)
    start = recipe.seeds.theta0
    outputs = task.outputs(data)
    module = models.build(recipe.model, data.shape, outputs, start, where.download).to(device)
    sizes = [parameter.numel() for _, parameter in native_parameters(module, recipe.trainable)]
    theta0 = checkpoint.theta0(module)  # before `load_start` may change buffers
    d = sum(sizes) if recipe.d is None else recipe.d
    # Before the projector is built: too large a P would otherwise end the process.
    check_fits(recipe.projector, sizes, d, device)
    projector = projectors.build(recipe.projector, sizes, d, recipe.seeds.projector).to(device)
    subspace = Subspace(module, projector, recipe.trainable)
    if recipe.start is not None:
        load_start(subspace, recipe, theta0, data)
    columns = inspect(projector, subspace.sizes)
    return Problem(device, data, task, subspace, columns, recipe.quantise, theta0, recipe.method)


def load_data(recipe: Recipe, where: Where, device: torch.device) -> Data:
    """The recipe's data, on `device` if they fit; loaded once for all runs of this process."""
    root = data_root(where.data_root or recipe.data_root)
    component = json.dumps([recipe.dataset.name, recipe.dataset.params], sort_keys=True)  # hashable
    return _load_data(
        component, None if root is None else str(root), where.download, device, recipe.data_workers
    )


# Two: a sweep over data sets alternates between few of them, and each may take much of the memory.
@functools.lru_cache(maxsize=2)
def _load_data(
    component: str, root: str | None, download: bool, device: torch.device, workers: int | None
) -> Data:
    name, params = json.loads(component)
    data = datasets.load(Component(name=name, params=params), root, download, workers)
    need = sum(split.nbytes for split in (data.train, data.validation) if isinstance(split, Tensors))
    # Half: the other half is for the network, its activations and P. The test split stays on the CPU.
    if device.type == "cpu" or need > free_bytes(device) // 2:
        return data
    return replace(data, train=data.train.to(device), validation=data.validation.to(device))
