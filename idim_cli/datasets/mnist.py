"""MNIST and Fashion-MNIST, from the four idx files in the layout of torchvision."""

from __future__ import annotations

from pathlib import Path

from idim_cli.core.errors import DataError
from idim_cli.datasets.files import locate, reading, scaled, torchvision_fetch
from idim_cli.datasets.split import Source, Tensors

HELD_OUT = 10_000  # the published results depend on it: docs/results.md


def mnist(root: Path | None, download: bool, *, normalise: bool = False) -> Source:
    """MNIST: 60,000 training and 10,000 test images of handwritten digits, 28 x 28.

    The last 10,000 training images are held out for validation unless the recipe says otherwise. Pixels
    are scaled to 0..1, as the paper's authors did; an example has shape [1, 28, 28].

    Args:
        root: holds MNIST/raw/train-images-idx3-ubyte and the three other files.
        download: fetch them with torchvision if they are missing.
        normalise: subtract the mean of the training pixels and divide by their standard deviation.
    """
    # Mean and deviation of the training pixels in 0..1.
    return _idx("MNIST", root, download, (0.1307, 0.3081) if normalise else None)


def fashion_mnist(root: Path | None, download: bool, *, normalise: bool = False) -> Source:
    """Fashion-MNIST: 60,000 training and 10,000 test images of ten kinds of clothes, 28 x 28.

    Split and scaled as MNIST is.

    Args:
        root: holds FashionMNIST/raw/train-images-idx3-ubyte and the three other files.
        download: fetch them with torchvision if they are missing.
        normalise: subtract the mean of the training pixels and divide by their standard deviation.
    """
    return _idx("FashionMNIST", root, download, (0.2860, 0.3530) if normalise else None)


def _idx(name: str, root: Path | None, download: bool, norm: tuple[float, float] | None) -> Source:
    def split(stem: str) -> Tensors:
        files = [f"{name}/raw/{stem}-{kind}" for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
        images, labels = locate(name, root, files, torchvision_fetch(name, download))
        return _read(images, labels, norm)

    return Source(split("train"), lambda: split("t10k"), classes=10, validation=HELD_OUT)


def _read(images: Path, labels: Path, norm: tuple[float, float] | None) -> Tensors:
    from torchvision.datasets.mnist import read_image_file, read_label_file

    with reading(images):
        x = read_image_file(str(images)).unsqueeze(1)
    with reading(labels):
        y = read_label_file(str(labels))
    # Each file may be sound, and yet be that of another split or data set.
    if len(x) != len(y) or not 0 <= int(y.min()) <= int(y.max()) < 10:
        raise DataError(f"{images} and {labels} do not belong together: {len(x)} images, {len(y)} labels")
    mean, std = ([norm[0]], [norm[1]]) if norm else ([], [])
    return Tensors(scaled(x, mean, std), y)
