"""Makers of tiny data sets in the real file formats, for tests without real data."""

import hashlib
import io
import pickle
import struct
from pathlib import Path

import numpy as np
from PIL import Image


def write_idx(path: Path, array: np.ndarray) -> None:
    """The idx format: two zeros, the type (8 is uint8), number of axes, sizes as big-endian int32, data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}i", *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def write_mnist(root: Path, name: str = "MNIST", train: int = 40, test: int = 20) -> None:
    """Image k has its first pixel equal to k and label k % 10."""
    for stem, n in (("train", train), ("t10k", test)):
        images = np.arange(n * 28 * 28).reshape(n, 28, 28) % 251
        images[:, 0, 0] = np.arange(n)
        write_idx(root / name / "raw" / f"{stem}-images-idx3-ubyte", images)
        write_idx(root / name / "raw" / f"{stem}-labels-idx1-ubyte", np.arange(n) % 10)


def write_cifar(root: Path, monkeypatch, n: int = 20) -> None:
    """Five pickles of n / 5 training images, one of n / 5 test images; torchvision gets their checksums."""
    from torchvision.datasets import CIFAR10

    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    known = {}
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
        data = rng.integers(0, 256, (n // 5, 3072), dtype=np.uint8)
        known[name] = _pickle(folder / name, {"data": data, "labels": [k % 10 for k in range(n // 5)]})
    meta = _pickle(folder / "batches.meta", {"label_names": [str(k) for k in range(10)]})
    monkeypatch.setattr(CIFAR10, "train_list", [[k, v] for k, v in known.items() if k != "test_batch"])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", known["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": meta})


def _pickle(path: Path, content: dict) -> str:
    path.write_bytes(pickle.dumps(content))
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_parquet(
    folder: Path, train: int = 30, test: int = 10, mode: str = "RGB", size: tuple[int, int] = (6, 5)
) -> None:
    """Columns img {bytes, path} and label, as on the hub; image k is of the one value k."""
    import pyarrow
    import pyarrow.parquet

    folder.mkdir(parents=True, exist_ok=True)
    for split, n in (("train", train), ("test", test)):
        images = [{"bytes": _png(mode, k, size), "path": f"{k}.png"} for k in range(n)]
        table = pyarrow.table({"img": images, "label": [k % 3 for k in range(n)]})
        pyarrow.parquet.write_table(table, folder / f"{split}.parquet")


def _png(mode: str, value: int, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value, 0, 255)).save(buffer, "png")
    return buffer.getvalue()


def write_folder(root: Path, train: int = 15, test: int = 4) -> None:
    """So many pictures of 10 x 8 pixels of each of two classes in train/ and test/, each of one grey."""
    for split, n in (("train", train), ("test", test)):
        for number, label in enumerate(("cat", "dog")):
            (root / split / label).mkdir(parents=True)
            for k in range(n):
                grey = 8 * k + 4 * number
                Image.new("RGB", (10, 8), (grey, grey, grey)).save(root / split / label / f"{k:02}.png")
