"""CIFAR-10, from its original files in the layout of torchvision, or from the parquet files of the hub."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from idim_cli.datasets.files import locate, reading, scaled, standardized, torchvision_fetch
from idim_cli.datasets.hf import hf
from idim_cli.datasets.split import Source, Split, Tensors

HELD_OUT = 5_000  # the published results depend on it: docs/results.md
# Of each channel over the training pixels, in 0..1.
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_FOLDER, _HUB = "cifar-10-batches-py", "cifar10"
_BATCHES = [f"{_FOLDER}/data_batch_{k}" for k in range(1, 6)]


def cifar10(root: Path | None, download: bool, *, normalise: bool = False) -> Source:
    """CIFAR-10: 50,000 training and 10,000 test colour images of ten classes, 32 x 32.

    The last 5,000 training images are held out for validation unless the recipe says otherwise. Pixels are
    scaled to 0..1; an example has shape [3, 32, 32]. The original files are pickles: they are opened only
    after torchvision has compared their checksums with the published ones. Parquet files (idim-cli[hf]) may
    store the images in another order, so that other images are held out.

    Args:
        root: holds cifar-10-batches-py/ with the original files, or cifar10/ with train.parquet and
            test.parquet, or such names as `hf` knows.
        download: fetch them with torchvision if they are missing.
        normalise: subtract each channel's mean over the training pixels, divide by its standard deviation.
    """

    # The original files are preferred: the published results depend on the order of their images.
    if root is not None and (root / _HUB).is_dir() and not (root / _FOLDER).is_dir():
        return _parquet(root, normalise)

    def split(train: bool) -> Tensors:
        files = [*_BATCHES, f"{_FOLDER}/test_batch", f"{_FOLDER}/batches.meta"]
        folder = locate("CIFAR-10", root, files, torchvision_fetch("CIFAR10", download))[0].parent
        return _read(folder, train, normalise)

    return Source(split(True), lambda: split(False), classes=10, validation=HELD_OUT)


def _read(folder: Path, train: bool, normalise: bool) -> Tensors:
    from torchvision.datasets import CIFAR10

    with reading(folder), warnings.catch_warnings():
        # numpy >= 2.4 warns about types that were pickled by the numpy of 2009.
        warnings.simplefilter("ignore")
        # It compares checksums before it opens the files: they are pickles, which can run any code.
        found = CIFAR10(folder.parent, train=train)
        images = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()
        labels = torch.tensor(found.targets, dtype=torch.int64)
    return Tensors(scaled(images, *(MEAN, STD) if normalise else ()), labels)


def _parquet(root: Path, normalise: bool) -> Source:
    found = hf(root, False, path=_HUB)

    def split(of: Split) -> Split:
        assert isinstance(of, Tensors)  # hf reads everything into memory
        return Tensors(standardized(of.x, MEAN, STD), of.y) if normalise else of

    return Source(split(found.train), lambda: split(found.test()), classes=10, validation=HELD_OUT)
