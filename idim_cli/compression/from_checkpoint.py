"""Reading the solution in a training checkpoint (safetensors; the recipe of the run is in its metadata)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor

from idim_cli.compression import recorded_scores
from idim_cli.compression.format import solution
from idim_cli.compression.format.coordinates import Coords, Exact, listed
from idim_cli.compression.format.solution import Solution
from idim_cli.compression.format.spec import KINDS, Spec
from idim_cli.core.errors import FileError
from idim_cli.projectors.quantiser import Quantiser
from idim_cli.recipe import trust
from idim_cli.recipe.components import filled
from idim_cli.recipe.load import from_plain
from idim_cli.recipe.schema import Recipe
from idim_cli.runs.checkpoint import load, part
from idim_cli.runs.results import CHECKPOINT, is_run_id


class NotACheckpointError(FileError):
    """The file is of another kind, or so damaged that its kind is unknown."""


def read(path: Path) -> Solution:
    """The solution in a checkpoint.

    Raises:
        FileError: it is not a checkpoint of `idim`, or its coordinates are not finite.
    """
    try:
        tensors, said = load(path)
    except FileError as error:
        # A file that cannot be opened may still be a checkpoint.
        if isinstance(error.__cause__, SafetensorError):
            raise NotACheckpointError(f"{path} is not a checkpoint of idim, or is damaged") from error
        raise
    # A copied checkpoint would get the baseline and the seeds of the folder that it was copied to.
    if path.name == CHECKPOINT and is_run_id(path.parent.name) and said.get("run_id") != path.parent.name:
        raise FileError(f"{path} is the checkpoint of another run, {said.get('run_id')}")
    missing = {"recipe", "shape", "classes", "D"} - said.keys() | {"coords"} - tensors.keys()
    if missing:
        raise FileError(f"{path} is not a checkpoint of idim", f"it lacks {', '.join(sorted(missing))}")
    recipe = from_plain(said["recipe"], str(path)).recipe
    # In a fixed order, so that a checkpoint always gives the same bytes of a file.
    buffers = dict(sorted(part(tensors, "buffer/").items()))
    try:
        stored = solution.finite(_stored(tensors, recipe, said["D"]), path)
        parts = {kind: filled(getattr(recipe, kind), kind) for kind in KINDS}
        table = solution.table(buffers)
        spec = Spec(
            **parts, shape=said["shape"], classes=said["classes"], trainable=recipe.trainable, buffers=table
        )
    except ValueError as error:
        raise FileError(f"{path} is not a checkpoint of idim: {error}") from error
    ours = trust.is_ours(recipe, said.get("mark"))
    return Solution(
        spec,
        said["D"],
        recipe.seeds,
        stored,
        buffers,
        recipe=recipe,
        trusted=ours,
        origin=said.get("origin"),
        metrics=recorded_scores.metrics(tensors, said.get("state"), stored.values()),
    )


def _stored(tensors: Mapping[str, Tensor], recipe: Recipe, D: object) -> Coords:
    """The coordinates; of a training with quantised ones, their values in the codebook."""
    coords = tensors["coords"].float()
    # The metadata are plain text, which may have been edited.
    if not isinstance(D, int) or coords.dim() != 1 or not 1 <= len(coords) <= D:
        raise ValueError(f"coordinates of shape {[*coords.shape]} do not fit D = {D}")
    # A training with few values starts with free coordinates, before its codebook is fitted.
    if recipe.quantise is None or "book" not in tensors:
        return Exact(coords.numpy())
    quantiser, book = Quantiser(recipe.quantise.levels, recipe.quantise.codebook), tensors["book"]
    # `copy_` would silently broadcast a book of one value.
    if book.shape != quantiser.book.shape:
        raise ValueError(f"{book.numel()} values for {quantiser.levels} levels")
    quantiser.book.copy_(book)
    return quantised(quantiser, coords)


def quantised(quantiser: Quantiser, coords: Tensor) -> Coords:
    """Coordinates as the values of a quantiser's codebook; unchanged while it has none."""
    if not quantiser.fitted:
        return Exact(coords.numpy())
    uniform = quantiser.codebook == "uniform"
    return listed(quantiser.values(coords).numpy(), quantiser.book.numpy(), uniform)
