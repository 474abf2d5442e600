"""Images of noise in the shape of MNIST's: a data set that needs no files."""

from __future__ import annotations

import torch

from idim_cli.core.rng import Stream
from idim_cli.datasets.split import Source, Tensors

CLASSES, SIDE = 10, 28


def images(n: int = 10_000) -> Source:
    """`n` training examples and a few others: [n, 1, 28, 28] in 0..1, with random labels.

    The images repeat after a thousand: what is read from memory counts, not what it says.
    """
    few = torch.from_numpy(Stream(0, "bench/images").words(1000 * SIDE * SIDE).astype("float32") / 2**64)
    x = few.view(-1, 1, SIDE, SIDE).repeat(-(-n // 1000), 1, 1, 1)[:n]
    split = Tensors(x, torch.from_numpy(Stream(0, "bench/labels").integers(n, CLASSES)))
    return Source(train=split, test=lambda: split, classes=CLASSES, validation=split.take(slice(100)))
