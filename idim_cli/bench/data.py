"""How fast examples are read: by worker processes, against a plain loop in this process."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import default_collate

from idim_cli.bench import synthetic
from idim_cli.bench.base import BenchRow, How, complete
from idim_cli.bench.timing import Call, Timing, interleaved
from idim_cli.core.errors import DataError
from idim_cli.core.rng import Stream
from idim_cli.datasets import batch as batches
from idim_cli.datasets.image_files import ImageFiles
from idim_cli.datasets.split import Order
from idim_cli.datasets.streamed import Streamed
from idim_cli.recipe.load import Loaded, loads
from idim_cli.recipe.schema import Recipe
from idim_cli.training.prepare import Where, load_data

COLUMNS = (
    "dataset", "workers", "examples", "batch_size", "rounds", "pass_s", "pass_min_s", "pass_spread", "bare_s",
    "bare_min_s", "bare_spread", "examples_per_s", "mb_per_s", "bare_examples_per_s", "to_bare",
)  # fmt: skip
#: Without a recipe: images as those of ImageNet are seen, in batches of the usual size.
RECIPE = """
dataset: {name: folder, size: 128}
model: lenet
training: {batch_size: 64, epochs: 1}
"""
_BARE = "bare"


def default_recipe(folder: Path, overrides: Sequence[str] = ()) -> Loaded:
    """Generated pictures, written into `folder`; a data set that overrides name is read in their place."""
    synthetic.pictures(folder)
    return loads(RECIPE, "bench-data", [f"dataset.path={folder}", *overrides])


def measure(
    recipe: Recipe,
    workers: Sequence[int],
    examples: int,
    how: How,
    where: Where,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[BenchRow]:
    """A row of `COLUMNS` for each number of worker processes.

    A pass reads `examples` of the training split, in the order of the first epoch, with the start and the end
    of its workers. The bare loop reads the same examples in this process, and does nothing else: for `folder`
    by Pillow and torch alone, for others by ``default_collate([dataset[i], ..])``. `mb_per_s` counts the
    tensors that a model gets.

    Args:
        recipe: names the data set; its batch size counts too.
        workers: numbers of processes.
        examples: of a pass, at most.
        how: device, and seconds of timing.
        where: device and data.
        say: called with messages on the progress.

    Raises:
        DataError: the data set is held in memory.
        IdimError: it cannot be had here.
    """
    train, size = load_data(recipe, where, how.device).train, recipe.training.batch_size
    if not isinstance(train, Streamed):
        message = f"the data set {recipe.dataset.name} is held in memory: nothing is read in training"
        raise DataError(message, "give folder, or a map-style dataset of your own")
    seed = recipe.seeds.data
    order = torch.from_numpy(Stream(seed, "order/0").permutation(len(train)))[:examples]
    # All of them read the same examples, as files differ in size.
    calls: dict[Any, Call] = {_BARE: lambda: _bare(train, order, size, how.device)}
    for number in workers:
        calls[number] = _pass(train.read_by(number), Order(order, seed, 0), size, how.device)
    say(f"timing {len(order):,} examples: bare loop, and {', '.join(map(str, workers))} workers")
    # Read in the usual way, as `mb_per_s` counts the tensors that a model gets.
    one = next(train.batches(Order(order[:1], seed, 0), 1, "cpu"))
    nbytes = sum(leaf.nbytes for leaf in batches.leaves(one))
    timings = interleaved(calls, how.seconds, how.device)
    for number in workers:
        row = _row(timings[number], timings[_BARE], len(order), nbytes)
        known = {"dataset": recipe.dataset.name, "workers": number, "batch_size": size}
        yield complete({**known, **row}, COLUMNS)


def _row(own: Timing, bare: Timing, examples: int, nbytes: int) -> BenchRow:
    return {
        "examples": examples,
        "rounds": len(own.samples),
        "pass_s": own.median,
        "pass_min_s": own.least,
        "pass_spread": own.spread,
        "bare_s": bare.median,
        "bare_min_s": bare.least,
        "bare_spread": bare.spread,
        "examples_per_s": examples / own.median,
        "mb_per_s": examples * nbytes / own.median / 1e6,
        "bare_examples_per_s": examples / bare.median,
        "to_bare": bare.median / own.median,
    }


def _pass(split: Streamed, order: Order, size: int, device: torch.device) -> Call:
    def read() -> None:
        for _ in split.batches(order, size, device):
            pass

    return read


def _bare(split: Streamed, order: Tensor, size: int, device: torch.device) -> None:
    """The same examples by a bare loop, without seeds, checks of errors, and workers."""
    dataset = split.dataset
    for places in torch.split(order if split.index is None else split.index[order], size):
        if isinstance(dataset, ImageFiles):
            x, y = default_collate([_image(dataset, place) for place in places.tolist()])
            _normalised(x.to(device), dataset), y.to(device)
        else:
            batch = getattr(dataset, "collate", default_collate)(
                [dataset[place] for place in places.tolist()]
            )
            batches.mapped(lambda leaf: leaf.to(device), batch)


def _normalised(x: Tensor, dataset: ImageFiles) -> Tensor:
    three = (torch.tensor(of, device=x.device).view(3, 1, 1) for of in (dataset.view.mean, dataset.view.std))
    return x.float().div_(255).sub_(next(three)).div_(next(three))


def _image(dataset: ImageFiles, place: int) -> tuple[Tensor, int]:
    """An image as torchvision's random resized crop and flip would make it, by Pillow alone."""
    view = dataset.view
    with Image.open(dataset.name(place)) as stored:
        # Inside of `with`: Pillow reads the pixels only now.
        picture = stored.convert("RGB")
    width, height = picture.size
    side = min(width, height)
    box: tuple[float, float, float, float] = (0, 0, side, side)
    if view.scale is not None:
        # Python's generator: the bare loop need not be reproducible, and pays for no seeds.
        area = width * height * random.uniform(*view.scale)
        ratio = math.exp(random.uniform(math.log(view.ratio[0]), math.log(view.ratio[1])))
        w, h = min(width, math.sqrt(area * ratio)), min(height, math.sqrt(area / ratio))
        left, top = random.uniform(0, width - w), random.uniform(0, height - h)
        box = (left, top, left + w, top + h)
    picture = picture.resize((view.size, view.size), Image.Resampling.BILINEAR, box=box)
    if random.random() < view.flip:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1), int(dataset.targets[place])
