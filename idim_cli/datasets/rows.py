"""Rows of a table as tensors: an image column is decoded, columns of numbers are stacked."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from idim_cli.core.errors import DataError
from idim_cli.datasets import columns, images
from idim_cli.datasets.columns import Place
from idim_cli.datasets.split import Tensors

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
# Names of image columns on the hub and in transformers.
IMAGES = ("img", "image", "pixel_values")


@dataclass(frozen=True)
class Opened:
    """The rows of a split as they are stored.

    Attributes:
        what: name of the split, for messages.
        rows: a table, or mappings of column names to values.
        place: gives the file and line of a row, counted from 0.
    """

    what: str
    rows: pd.DataFrame | Iterable[Row]
    place: Place


@dataclass(frozen=True)
class Wanted:
    """Which columns are read: `image` None finds one of `IMAGES`, `features` None takes all numbers."""

    label: str
    image: str | None = None
    features: Sequence[str] | None = None


@dataclass(frozen=True)
class Table:
    """Examples with their labels as they are stored.

    Attributes:
        what: name of the split, for messages.
        x: images [n, H, W, C], or numbers float32 [n, k].
        labels: n of them.
        wanted: the columns that were read.
        scale: of the pixels; None for numbers.
        notes: in words, what was left out or scaled.
    """

    what: str
    x: NDArray[Any]
    labels: list[Any]
    wanted: Wanted
    scale: images.PixelScale | None = None
    notes: tuple[str, ...] = ()

    def split(self, classes: list[Any]) -> Tensors:
        """Images as float32 [n, C, H, W] in 0..1, numbers as they are; labels by their index in `classes`."""
        number = {label: k for k, label in enumerate(classes)}
        if unknown := sorted({str(label) for label in self.labels if label not in number}):
            raise DataError(
                f"{self.what}: labels that do not occur in the training split: {', '.join(unknown[:5])}"
            )
        x = torch.from_numpy(self.x if self.scale is None else self.scale(self.x))
        if self.scale is not None:
            x = x.movedim(-1, 1).contiguous()
        return Tensors(x, torch.tensor([number[label] for label in self.labels], dtype=torch.int64))


def read(opened: Opened, wanted: Wanted, like: Table | None = None) -> Table:
    """All rows as a table.

    Args:
        opened: the rows.
        wanted: the columns.
        like: the training split, if another is read: its columns, channels and scale are used.

    Raises:
        DataError: a column is missing, a cell is empty, there are no rows, or images are not of one size.
    """
    import pandas as pd

    if isinstance(opened.rows, pd.DataFrame):
        if wanted.image is not None:
            hint = "leave out image, or give parquet files"
            raise DataError(f"{opened.what}: a CSV file cannot hold images", hint)
        return _numbers(opened, opened.rows, wanted, like)
    # The first row decides between images and numbers; a stream cannot be read twice, so it is put back.
    rows = iter(opened.rows)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{opened.what}: there are no rows")
    image = _image(opened.what, first, wanted)
    if image is not None:
        return _images(opened, itertools.chain([first], rows), image, wanted.label, like)
    return _numbers(opened, pd.DataFrame([first, *rows]), wanted, like)


def _image(what: str, row: Row, wanted: Wanted) -> str | None:
    """The column of images; None if there is none."""
    columns.require(row, [wanted.label, *([wanted.image] if wanted.image else [])], what)
    if wanted.image or wanted.features:
        return wanted.image
    # A column of this name may hold numbers, such as the number of an image.
    found = (name for name in IMAGES if name in row and not isinstance(row[name], int | float))
    return next(found, None)


def _images(opened: Opened, rows: Iterable[Row], image: str, label: str, like: Table | None) -> Table:
    found, cells = [], []
    for number, row in enumerate(rows):
        try:
            found.append(images.pixels(row[image]))
        except DataError as error:
            message = f"{opened.place(number)}: column {image!r}: {error.message}"
            raise DataError(message, error.hint) from error
        cells.append(row[label])
    x = images.stacked(found, opened.what)
    wanted = Wanted(label, image)
    known = columns.labels(cells, label, opened.place)
    if like is None:
        scale = images.scale_of(x, opened.what)
        return Table(opened.what, x, known, wanted, scale, (scale.note,) if scale.note else ())
    return Table(opened.what, _as_trained(x, like, opened.what), known, wanted, like.scale)


def _as_trained(x: NDArray[Any], like: Table, what: str) -> NDArray[Any]:
    """Images of another split with the channels of the training split; DataError if they differ otherwise."""
    # Other depths mean another scale, which would shift all pixels without an error.
    if x.dtype != like.x.dtype:
        raise DataError(f"{what}: pixels are {x.dtype}, but {like.x.dtype} in the training split")
    if x.shape[-1] == 1 < like.x.shape[-1]:  # all images of this split happen to be grey
        x = np.repeat(x, like.x.shape[-1], axis=-1)
    if x.shape[1:] != like.x.shape[1:]:
        here, there = (" x ".join(map(str, shape[1:])) for shape in (x.shape, like.x.shape))
        raise DataError(f"{what}: images are {here} (height, width, channels), but {there} in training")
    return x


def _numbers(opened: Opened, frame: pd.DataFrame, wanted: Wanted, like: Table | None) -> Table:
    what, place = opened.what, opened.place
    columns.require(frame, [wanted.label], what)
    if not len(frame):
        raise DataError(f"{what}: there are no rows")
    known = columns.labels(frame[wanted.label].tolist(), wanted.label, place)
    # Columns are chosen once, in the training split: in another, a different set might be empty or hold
    # words.
    names = like.wanted.features if like else wanted.features
    chosen = columns.Chosen(list(names)) if names else columns.choose(frame, wanted.label, what, place)
    x = columns.numbers(frame, chosen.names, what, place)
    return Table(what, x, known, Wanted(wanted.label, None, chosen.names), notes=chosen.notes)
