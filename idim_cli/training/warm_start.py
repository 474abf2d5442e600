"""Starting a training from the solution of another run with the same network and P."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from idim_cli.core.errors import FileError, RecipeError, RunError
from idim_cli.core.shared_memory import put
from idim_cli.datasets.split import Data
from idim_cli.projectors.subspace import Subspace
from idim_cli.recipe.dump import filled
from idim_cli.recipe.load import from_plain
from idim_cli.recipe.schema import Recipe
from idim_cli.runs import checkpoint, origin
from idim_cli.runs.results import checkpoint_of

# What theta = theta_0 + P coords depends on. Task, method, budget and the order of the data may differ.
_SAME = ("dataset", "model", "projector", "trainable")
_SAME_SEEDS = ("theta0", "projector")


@torch.no_grad()
def load_start(subspace: Subspace, recipe: Recipe, theta0: str, data: Data) -> None:
    """Set the coordinates and buffers of a new subspace from `recipe.start`; errors are those of `read`."""
    tensors = read(recipe, subspace.d, theta0, data)
    subspace.coords.copy_(tensors["coords"])
    named = checkpoint.buffers(subspace.module)
    for name, value in checkpoint.part(tensors, "buffer/").items():
        put(named[name], value)


def read(recipe: Recipe, d: int, theta0: str, data: Data) -> dict[str, Tensor]:
    """The tensors of the checkpoint `recipe.start`, from which a run of d coordinates can start.

    Args:
        recipe: of the run.
        d: its coordinates.
        theta0: fingerprint of its theta_0.
        data: its data.

    Raises:
        RunError: it is the checkpoint of another network or P.
        FileError: it is not a checkpoint, or was made from another theta_0, other data or code.
    """
    assert recipe.start is not None
    path = checkpoint_of(Path(recipe.start))
    tensors, metadata = checkpoint.load(path)
    if "coords" not in tensors or not {"recipe", "d"} <= metadata.keys():
        raise FileError(f"{path} is not a checkpoint of idim")
    try:
        there = filled(from_plain(metadata["recipe"], str(path)).recipe)
    except RecipeError as error:
        raise FileError(f"the checkpoint's own recipe is invalid: {error}") from error
    if other := _differences(filled(recipe), d, there, metadata["d"]):
        raise RunError(
            f"the run to start from, {recipe.start}, differs in {', '.join(other)}",
            "choose a run of the same network and P",
        )
    # Equal recipes are not enough: code, weights or data files of the same name may have been replaced.
    then, now = metadata.get("origin"), {split: data.digest(split) for split in origin.TRAINED_ON}
    why = origin.other_code(then, origin.components(recipe))
    why = why or origin.other_theta0(then, theta0, recipe.model.name)
    if why := why or origin.other_data(then, now, recipe.dataset.name):
        raise FileError(
            f"the run to start from, {recipe.start}, is of another problem: {why}",
            "restore what it was trained with, or train that run again",
        )
    return tensors


def _differences(here: Recipe, d: int, there: Recipe, its_d: int) -> list[str]:
    """The recipe keys that must be equal in the two runs and are not."""
    other = [key for key in _SAME if getattr(here, key) != getattr(there, key)]
    numbers = {f"seeds.{key}": (getattr(there.seeds, key), getattr(here.seeds, key)) for key in _SAME_SEEDS}
    numbers["d"] = its_d, d
    return other + [f"{key} ({its}, here {own})" for key, (its, own) in numbers.items() if its != own]
