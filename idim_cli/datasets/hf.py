"""Images or numbers that the `datasets` library reads: local parquet and CSV files, or the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from idim_cli.datasets.files import HINT, reading
from idim_cli.datasets.rows import Row, Table, read
from idim_cli.datasets.split import Source
from idim_cli.errors import DataError, MissingExtraError

Opener = Callable[[str], Iterable[Row]]
_KINDS = ("parquet", "csv")
_PATTERNS = ("{}.parquet", "{}-*.parquet", "data/{}-*.parquet", "{}.csv", "{}-*.csv")


def hf(
    root: Path | None,
    download: bool,
    *,
    path: str,
    config: str | None = None,
    train_split: str = "train",
    validation_split: str | None = None,
    test_split: str = "test",
    image: str | None = None,
    label: str = "label",
) -> Source:
    """Images or numbers from parquet or CSV files, or from the Hugging Face hub; needs idim[hf].

    Images become float32 [channels, height, width] in 0..1. Without an image column, all columns of numbers
    but the label make up the example. Labels of any kind are numbered in sorted order.

    Args:
        root: the data folder.
        download: whether the hub may be asked; without it, a hub data set must be in the local cache.
        path: a folder, under the data folder or the working folder; or else a name on the hub.
        config: configuration of a data set on the hub.
        train_split: name of the split, or of its file in the folder: ``train`` finds train.parquet,
            train-*.parquet, data/train-*.parquet and the same as CSV.
        validation_split: likewise; without it a tenth of the training examples is held out, the last ones.
        test_split: likewise.
        image: the column of images; by default the one called ``img``, ``image`` or ``pixel_values``.
        label: the column of labels.

    Raises:
        DataError: files, splits or columns are missing or damaged.
        MissingExtraError: the package `datasets` is not installed.
    """
    opener = _opener(path, config, root, download)

    def table(split: str) -> Table:
        what = f"hf: split {split!r} of {path}"
        with reading(what):
            return read(what, opener(split), image, label)

    train = table(train_split)
    classes = sorted(set(train.labels))
    held = table(validation_split).split(classes) if validation_split else max(1, len(train.labels) // 10)
    return Source(train.split(classes), lambda: table(test_split).split(classes), len(classes), held)


def _opener(path: str, config: str | None, root: Path | None, download: bool) -> Opener:
    """A function that opens the split of a name, from the first folder found or else from the hub."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "hf") from error
    folders = [*([root / path] if root else []), Path(path).expanduser().absolute()]
    for folder in folders:
        if folder.is_dir():
            return lambda split: _local(datasets, folder, split)
    looked = " or ".join(str(folder) for folder in dict.fromkeys(folders))
    return lambda split: _hub(datasets, path, config, split, download, looked)


def _local(datasets: Any, folder: Path, split: str) -> Iterable[Row]:
    """Rows of local files; streaming reads the files themselves, without a converted copy in a cache."""
    files = _files(folder, split)
    kind, names = files[0].suffix.removeprefix("."), [str(file) for file in files]
    if kind not in _KINDS:  # to the library any other word is the name of a data set, which may be a script
        raise DataError(
            f"hf: {files[0]} is neither parquet nor CSV", "name a split, or a file of these kinds"
        )
    rows: Iterable[Row] = datasets.load_dataset(kind, data_files=names, split="train", streaming=True)
    return rows


def _files(folder: Path, split: str) -> list[Path]:
    if (folder / split).is_file():
        return [folder / split]
    for pattern in _PATTERNS:
        if files := sorted(folder.glob(pattern.format(split))):
            return files
    wanted = ", ".join(pattern.format(split) for pattern in _PATTERNS)
    raise DataError(f"hf: {folder} holds no split {split!r}", f"looked for {wanted}")


def _hub(
    datasets: Any, path: str, config: str | None, split: str, download: bool, looked: str
) -> Iterable[Row]:
    """Rows from the hub if downloading was asked for, otherwise from the library's cache alone."""
    try:
        with _offline(datasets, not download):
            rows: Iterable[Row] = datasets.load_dataset(path, config, split=split, trust_remote_code=False)
            return rows
    except Exception as error:
        message = f"hf: there is no folder {looked}, and the hub gave no {path!r}, split {split!r}: {error}"
        raise DataError(message, HINT + ("" if download else ", or ask the hub with --download")) from error


@contextmanager
def _offline(datasets: Any, on: bool) -> Iterator[None]:
    """Keep the library from the network while `on`; what was set before holds afterwards."""
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or on
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before
