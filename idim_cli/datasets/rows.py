"""Rows of a table as tensors: an image column is decoded, columns of numbers are put side by side."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from idim_cli.datasets.split import Split
from idim_cli.errors import DataError
from idim_cli.registry import did_you_mean

Row = Mapping[str, Any]
IMAGES = ("img", "image", "pixel_values")


@dataclass(frozen=True)
class Table:
    """Examples uint8 [n, H, W, C] or float32 [n, k], with their labels as they were found."""

    what: str
    x: NDArray[Any]
    labels: list[Any]

    def split(self, classes: list[Any]) -> Split:
        """Images as float32 [n, C, H, W] in 0..1, numbers as they are; labels by their place in `classes`."""
        number = {label: k for k, label in enumerate(classes)}
        if unknown := sorted({str(label) for label in self.labels if label not in number}):
            raise DataError(
                f"{self.what}: labels that do not occur in the training split: {', '.join(unknown[:5])}"
            )
        x = torch.from_numpy(self.x)
        if x.dtype == torch.uint8:
            x = x.movedim(-1, 1).contiguous().to(torch.float32).div_(255)
        return Split(x, torch.tensor([number[label] for label in self.labels], dtype=torch.int64))


def read(what: str, rows: Iterable[Row], image: str | None, label: str) -> Table:
    """All rows as a table.

    Args:
        what: is read, for messages.
        rows: mappings of column names to values.
        image: the column of images; None finds one of `IMAGES`, or else takes all columns of numbers.
        label: the column of labels.

    Raises:
        DataError: a column is missing, there are no rows, or the examples are not of one size.
    """
    examples: list[NDArray[Any]] = []
    labels: list[Any] = []
    for row in rows:
        if not examples:
            columns = _columns(what, row, image, label)
        examples.append(_example(row, columns))
        labels.append(row[label])
    shapes = sorted({str([*example.shape]) for example in examples})
    if len(shapes) != 1:
        raise DataError(
            f"{what}: examples must be of one size, found {', '.join(shapes[:5]) or 'none at all'}"
        )
    return Table(what, np.stack(examples), labels)


def _columns(what: str, row: Row, image: str | None, label: str) -> list[str]:
    """The image column alone, or the columns of numbers."""
    for column in [label, *([image] if image else [])]:
        if column not in row:
            raise DataError(f"{what}: there is no column {column!r}", did_you_mean(column, row))
    images = [image] if image else [name for name in IMAGES if name in row]
    numbers = [name for name, value in row.items() if name != label and isinstance(value, int | float)]
    if not images and not numbers:
        raise DataError(
            f"{what}: no images or numbers in the columns {', '.join(row)}", "name one: image: COLUMN"
        )
    return images[:1] or numbers


def _example(row: Row, columns: list[str]) -> NDArray[Any]:
    """Numbers as float32 [k], an image as uint8 [H, W, C]."""
    value = row[columns[0]]
    if isinstance(value, int | float):
        return np.array([row[column] for column in columns], dtype=np.float32)
    return _pixels(value)


def _pixels(value: Any) -> NDArray[np.uint8]:
    """An image as uint8 [H, W, C]; given as a PIL image, as bytes, or as both bytes and path."""
    from PIL import Image

    if isinstance(value, Mapping):
        value = value.get("bytes")
    picture = Image.open(io.BytesIO(value)) if isinstance(value, bytes) else value
    if not isinstance(picture, Image.Image):
        raise DataError(f"a {type(value).__name__} stands where an image is expected")
    grey = picture.mode in ("1", "L", "LA")
    pixels = np.asarray(picture.convert("L" if grey else "RGB"))
    return pixels[..., None] if grey else pixels
