"""Starting a training where another one ended, with the same network and P."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from idim_cli import checkpoint
from idim_cli.errors import RunError
from idim_cli.recipe.dump import filled
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import Recipe
from idim_cli.results import checkpoint_of
from idim_cli.subspace import Subspace

_SAME = ("dataset", "model", "projector", "trainable")  # but for the order of the data


@torch.no_grad()
def begin(subspace: Subspace, recipe: Recipe) -> None:
    """Bring a new subspace to the coordinates and buffers of `recipe.start`.

    Raises:
        RunError: that is the checkpoint of another network, P or start.
        FileError: it is no checkpoint.
    """
    assert recipe.start is not None
    path = checkpoint_of(Path(recipe.start))
    tensors, said = checkpoint.load(path)
    there = filled(loads(json.dumps(said["recipe"]), str(path)).recipe)
    other = [key for key in _SAME if getattr(filled(recipe), key) != getattr(there, key)]
    drawn = ("theta0", "projector")
    other += [f"seeds.{key}" for key in drawn if getattr(recipe.seeds, key) != getattr(there.seeds, key)]
    other += ["d"] if said["d"] != subspace.d else []
    if other:
        raise RunError(
            f"start: {recipe.start} differs in {', '.join(other)}", "it must be a run of the same network"
        )
    subspace.coords.copy_(tensors["coords"])
    named = checkpoint.buffers(subspace.module)
    for name, value in checkpoint.part(tensors, "buffer/").items():
        named[name].copy_(value)
