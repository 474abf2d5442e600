"""Reading the solution in a training checkpoint (safetensors; the recipe of the run is in its metadata)."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors
from torch import Tensor

from idim_cli.codec import solution
from idim_cli.codec.components import filled
from idim_cli.codec.solution import Solution
from idim_cli.codec.spec import KINDS, Spec
from idim_cli.errors import FileError
from idim_cli.recipe.load import loads
from idim_cli.results import CHECKPOINT

_BUFFER = "buffer/"


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
    metadata, tensors = _open(path)
    recipe = loads(metadata["recipe"], str(path)).recipe
    coords = solution.finite(tensors["coords"].float(), path)
    buffers = {n.removeprefix(_BUFFER): t for n, t in sorted(tensors.items()) if n.startswith(_BUFFER)}
    try:
        shape, classes, D = (json.loads(metadata[key]) for key in ("shape", "classes", "D"))
        parts = {kind: filled(kind, getattr(recipe, kind)) for kind in KINDS}
        table = solution.table(buffers)
        spec = Spec(**parts, shape=shape, classes=classes, trainable=recipe.trainable, buffers=table)
    except ValueError as error:
        raise FileError(f"{path} is not a checkpoint of idim: {error}") from error
    return Solution(spec, D, len(coords), recipe.seeds, coords, buffers, data_root=recipe.data_root)


def _open(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata, and all tensors but the optimiser's."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            names = [name for name in file.keys() if name == "coords" or name.startswith(_BUFFER)]  # noqa: SIM118
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in names}
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise FileError(f"cannot read {path} as a checkpoint: {error}") from error
    missing = {"recipe", "shape", "classes", "D"} - metadata.keys() | {"coords"} - tensors.keys()
    if missing:
        raise FileError(f"{path} is not a checkpoint of idim", f"it lacks {', '.join(sorted(missing))}")
    return metadata, tensors
