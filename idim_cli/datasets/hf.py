"""Images or numbers that the `datasets` library reads: local parquet and CSV files, or the hub."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from idim_cli.core.csv_io import line_of, read_csv
from idim_cli.core.errors import DataError, MissingExtraError
from idim_cli.datasets.files import HINT, folders, reading
from idim_cli.datasets.rows import Opened, Row, Table, Wanted, read
from idim_cli.datasets.split import Source

Opener = Callable[[str], Opened]
# `data/train-*.parquet` is what push_to_hub of the library writes. Parquet first: it keeps types, CSV does
# not.
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
    features: list[str] | None = None,
) -> Source:
    """Images or numbers from CSV or parquet files, or the Hugging Face hub (these two need idim-cli[hf]).

    Images become float32 [channels, height, width] in 0..1: 8 bits from 0 to 255, deeper pixels from the
    lowest to the highest of the training split. Grey images among colour ones get three equal channels.
    Without an image column, all columns of numbers except the label and row numbers make up the
    example. CSV files may have decimal commas, semicolons and UTF-16. An empty cell is refused with
    its place. Labels of any kind are numbered in sorted order.

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
        features: the columns of numbers that make up an example, instead of all.

    Raises:
        DataError: files, splits or columns are missing or damaged, or a cell is empty; names the place.
        FileError: a CSV cannot be read, or a number of it in two ways; names the place.
        MissingExtraError: the package `datasets` is not installed.
    """
    opener, wanted = _opener(path, config, root, download), Wanted(label, image, features)

    def table(split: str, like: Table | None = None) -> Table:
        with reading(f"hf: split {split!r} of {path}"):
            return read(opener(split), wanted, like)

    train = table(train_split)
    # Of the training split alone, whose labels define the classes; others may not occur elsewhere.
    classes = sorted(set(train.labels))
    held = len(train.labels) // 10 or 1
    own = table(validation_split, train).split(classes) if validation_split else held
    read_test = lambda: table(test_split, train).split(classes)  # noqa: E731
    return Source(train.split(classes), read_test, len(classes), own, train.notes)


def _opener(path: str, config: str | None, root: Path | None, download: bool) -> Opener:
    """A function that opens the split of a name, from the first folder found or else from the hub."""
    tried = folders(path, root)
    for folder in tried:
        if folder.is_dir():
            return lambda split: _local(folder, split, f"hf: split {split!r} of {path}")
    return lambda split: _hub(path, config, split, download, " or ".join(map(str, tried)))


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "hf") from error
    return datasets


def _local(folder: Path, split: str, what: str) -> Opened:
    """Rows of local files."""
    files = _files(folder, split)
    if files[0].suffix == ".csv":
        return _csv(files, what)
    if files[0].suffix != ".parquet":  # the library takes other words as the name of a data set
        raise DataError(
            f"hf: {files[0]} is neither parquet nor CSV", "name a split, or a file of these kinds"
        )
    names = [str(file) for file in files]
    # Streaming reads the files themselves, without a converted copy in the library's cache. It calls files
    # without a split `train`.
    rows: Iterable[Row] = _library().load_dataset("parquet", data_files=names, split="train", streaming=True)
    return Opened(what, rows, _row(what))


def _csv(files: Sequence[Path], what: str) -> Opened:
    """Rows of CSV files with the same columns."""
    import pandas as pd

    # Not with the library: CSV files work without the extra, and errors name a line.
    tables = [read_csv(file, words=True) for file in files]
    for file, table in zip(files, tables, strict=True):
        if list(table) != list(tables[0]):
            raise DataError(f"{file} and {files[0]} differ in their columns: {', '.join(map(str, table))}")
    begins = [0, *itertools.accumulate(len(table) for table in tables)]

    def place(row: int) -> str:
        of = max(k for k in range(len(files)) if begins[k] <= row)
        return f"{files[of]}:{line_of(files[of], row - begins[of])}"

    return Opened(what, pd.concat(tables, ignore_index=True), place)


def _row(what: str) -> Callable[[int], str]:
    return lambda row: f"{what}: row {row + 1}"


def _files(folder: Path, split: str) -> list[Path]:
    if (folder / split).is_file():
        return [folder / split]
    for pattern in _PATTERNS:
        if files := sorted(folder.glob(pattern.format(split))):
            return files
    wanted = ", ".join(pattern.format(split) for pattern in _PATTERNS)
    raise DataError(f"hf: {folder} holds no split {split!r}", f"expected {wanted}")


def _hub(path: str, config: str | None, split: str, download: bool, tried: str) -> Opened:
    """Rows from the hub if downloading was asked for, otherwise from the library's cache alone."""
    datasets, what = _library(), f"hf: split {split!r} of {path}"
    try:
        with _offline(datasets, not download):
            # Data sets with scripts are never run (docs/trust.md).
            rows = datasets.load_dataset(path, config, split=split, trust_remote_code=False)
            return Opened(what, rows, _row(what))
    except Exception as error:  # network, cache, unknown names and splits: of many libraries
        message = f"hf: there is no folder {tried}, and the hub gave no {path!r}, split {split!r}: {error}"
        raise DataError(message, HINT + ("" if download else ", or ask the hub with --download")) from error


@contextmanager
def _offline(datasets: Any, on: bool) -> Iterator[None]:
    """Keep the library from using the network while `on`."""
    # The variable HF_HUB_OFFLINE is read when the library is imported, so its configuration is set instead.
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or on
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before
