"""Data sets that need no downloaded files: noise in the shape of MNIST, and generated pictures."""

from __future__ import annotations

from pathlib import Path

import torch

from idim_cli.core.rng import Stream
from idim_cli.datasets.split import Source, Tensors

CLASSES, SIDE = 10, 28


def images(n: int = 10_000) -> Source:
    """`n` training examples and a few others: [n, 1, 28, 28] in 0..1, with random labels.

    The images repeat after a thousand: speed is independent of their content, and drawing them takes time.
    """
    # From the stream of idim, so that all machines measure the same data.
    few = torch.from_numpy(Stream(0, "bench/images").words(1000 * SIDE * SIDE).astype("float32") / 2**64)
    x = few.view(-1, 1, SIDE, SIDE).repeat(-(-n // 1000), 1, 1, 1)[:n]
    split = Tensors(x, torch.from_numpy(Stream(0, "bench/labels").integers(n, CLASSES)))
    return Source(train=split, test=lambda: split, classes=CLASSES, validation=split.take(slice(100)))


def pictures(folder: Path, n: int = 200) -> None:
    """`n` JPEG files of 256 x 192 in two folders of classes: smooth noise, in files as large as of photos."""
    import numpy as np
    from PIL import Image

    for k in range(n):
        # A stream for each file, so that a larger n does not change the first ones.
        coarse = Stream(k, "bench/picture").words(48 * 64 * 3).astype(np.uint8).reshape(48, 64, 3)
        place = folder / f"class-{k % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((256, 192)).save(place / f"{k:04}.jpg", quality=90)
