"""Reading the solution in a training checkpoint (safetensors; the recipe of the run is in its metadata)."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError

from idim_cli.checkpoint import load, part
from idim_cli.codec import solution
from idim_cli.codec.solution import Solution
from idim_cli.codec.spec import KINDS, Spec
from idim_cli.errors import FileError
from idim_cli.recipe.components import filled
from idim_cli.recipe.load import loads
from idim_cli.results import CHECKPOINT


class NotACheckpointError(FileError):
    """A file is of another kind, or so damaged that its kind is unknown."""


def locate(run: Path) -> Path:
    """The checkpoint of a run folder, or the file itself."""
    path = run / CHECKPOINT if run.is_dir() else run
    if not path.is_file():
        raise FileError(f"no checkpoint at {run}", "give a run folder, or its checkpoint.safetensors")
    return path


def read(path: Path) -> Solution:
    """The solution in a checkpoint.

    Raises:
        FileError: it is not a checkpoint of `idim`, or its coordinates are not finite.
    """
    try:
        tensors, said = load(path)
    except FileError as error:
        if isinstance(error.__cause__, SafetensorError):
            raise NotACheckpointError(f"{path} is not a checkpoint of idim, or is damaged") from error
        raise
    missing = {"recipe", "shape", "classes", "D"} - said.keys() | {"coords"} - tensors.keys()
    if missing:
        raise FileError(f"{path} is not a checkpoint of idim", f"it lacks {', '.join(sorted(missing))}")
    recipe = loads(json.dumps(said["recipe"]), str(path)).recipe
    coords = solution.finite(tensors["coords"].float(), path)
    buffers = dict(sorted(part(tensors, "buffer/").items()))
    try:
        parts = {kind: filled(getattr(recipe, kind), kind) for kind in KINDS}
        table = solution.table(buffers)
        spec = Spec(
            **parts, shape=said["shape"], classes=said["classes"], trainable=recipe.trainable, buffers=table
        )
    except ValueError as error:
        raise FileError(f"{path} is not a checkpoint of idim: {error}") from error
    return Solution(spec, said["D"], len(coords), recipe.seeds, coords, buffers, data_root=recipe.data_root)
