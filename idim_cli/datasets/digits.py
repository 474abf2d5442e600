"""Handwritten digits, 8 x 8, that come with scikit-learn."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import torch

from idim_cli.core.rng import Stream
from idim_cli.datasets.split import Source, Tensors

VALIDATION = TEST = 300


def digits(root: Path | None, download: bool) -> Source:
    """The 1,797 digits of 8 x 8 pixels of scikit-learn; no files and no network are needed.

    A fixed permutation splits them into 1,197 for training, 300 for validation and 300 for the test.
    Pixels are scaled to 0..1; an example has shape [1, 8, 8].
    """
    table = torch.from_numpy(_table())
    x = table[:, :-1].to(torch.float32).div_(16).reshape(-1, 1, 8, 8)
    # Neighbours in the file are of the same writer, so that its last part would be unlike the rest.
    order = torch.from_numpy(Stream(0, "digits").permutation(len(x)))
    everything = Tensors(x[order], table[:, -1].to(torch.int64)[order])
    return Source(
        train=everything.take(slice(-TEST)),
        test=lambda: everything.take(slice(-TEST, None)),
        classes=10,
        validation=VALIDATION,
    )


def _table() -> np.ndarray:
    """64 pixels and the label of each digit, [1797, 65] float64."""
    package = importlib.util.find_spec("sklearn")
    for place in (package and package.submodule_search_locations) or ():
        # Importing scikit-learn takes a second, reading its file 0.03 s.
        if (file := Path(place, "datasets/data/digits.csv.gz")).is_file():
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return np.column_stack([images, labels])
