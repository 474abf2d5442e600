"""What a run needs before its first step: device, data, model, subspace, and a look at P."""

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
from idim_cli.training.warm_start import begin
from idim_cli.training.where import Where as Where


@dataclass(frozen=True)
class Problem:
    """Everything that a training works on; module and data are on `device` (data only if they fit).

    `quantise` says which few values the coordinates come to take; None leaves them free. `theta0` is the
    fingerprint of the start, and `method` moves the coordinates.
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
        """What it was made from (`runs.origin`); the test split is read for its fingerprint alone."""
        data = {split: self.data.digest(split) for split in origin.SPLITS}
        return origin.record(self.theta0, data, origin.named(recipe))


def problem(run: Run, where: Where) -> Problem:
    """Build all that `run` needs, and check P's columns.

    Raises:
        IdimError: of the part that cannot be had (data, component, capacity).
        RunError: P's columns are not of unit length.
    """
    recipe, device = run.recipe, pick_device(where.device or run.recipe.device)
    data = load_data(recipe, where, device)
    task = tasks.checked(recipe.task, data, recipe.dataset.name)
    start = recipe.seeds.theta0
    outputs = task.outputs(data)
    module = models.build(recipe.model, data.shape, outputs, start, where.download).to(device)
    sizes = [parameter.numel() for _, parameter in native_parameters(module, recipe.trainable)]
    theta0 = checkpoint.theta0(module)
    d = sum(sizes) if recipe.d is None else recipe.d
    check_fits(recipe.projector, sizes, d, device)
    projector = projectors.build(recipe.projector, sizes, d, recipe.seeds.projector).to(device)
    subspace = Subspace(module, projector, recipe.trainable)
    if recipe.start is not None:
        begin(subspace, recipe, theta0, data)
    columns = inspect(projector, subspace.sizes)
    return Problem(device, data, task, subspace, columns, recipe.quantise, theta0, recipe.method)


def load_data(recipe: Recipe, where: Where, device: torch.device) -> Data:
    """The recipe's data on `device` where they fit; runs of one process that share them load them once."""
    root = data_root(where.data_root or recipe.data_root)
    component = json.dumps([recipe.dataset.name, recipe.dataset.params], sort_keys=True)
    found = None if root is None else str(root)
    return _load_data(component, found, where.download, device, recipe.data_workers)


@functools.lru_cache(maxsize=2)
def _load_data(
    component: str, root: str | None, download: bool, device: torch.device, workers: int | None
) -> Data:
    name, params = json.loads(component)
    data = datasets.load(Component(name=name, params=params), root, download, workers)
    need = sum(split.nbytes for split in (data.train, data.validation) if isinstance(split, Tensors))
    if device.type == "cpu" or need > free_bytes(device) // 2:
        return data
    return replace(data, train=data.train.to(device), validation=data.validation.to(device))
