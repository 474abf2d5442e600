"""Handwritten digits, 8 x 8, that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import torch

from idim_cli.core.rng import Stream
from idim_cli.datasets.split import Source, Tensors

VALIDATION = TEST = 300


def digits(root: Path | None, download: bool) -> Source:
    """The 1,797 digits of 8 x 8 pixels of scikit-learn; no files and no network are needed.

    A fixed permutation parts them into 1,197 for training, 300 for validation and 300 for the test.
    Pixels are scaled to 0..1; an example has shape [1, 8, 8].
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = torch.from_numpy(images).to(torch.float32).div_(16).reshape(-1, 1, 8, 8)
    order = torch.from_numpy(Stream(0, "digits").permutation(len(x)))
    everything = Tensors(x[order], torch.from_numpy(labels).to(torch.int64)[order])
    return Source(
        train=everything.take(slice(-TEST)),
        test=lambda: everything.take(slice(-TEST, None)),
        classes=10,
        validation=VALIDATION,
    )
