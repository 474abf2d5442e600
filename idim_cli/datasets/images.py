"""Images of any mode and depth as arrays, and the scaling of their pixels to 0..1."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idim_cli.core.errors import DataError

Pixels = NDArray[Any]
DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")  # Pillow's modes of one channel and more than 8 bits
_GREY = ("1", "L", "LA", "La")
_TO_8_BITS = "save it with 8 bits a channel, or in grey"


@dataclass(frozen=True)
class PixelScale:
    """How pixels are scaled to 0..1: `low` becomes 0 and `high` becomes 1.

    8-bit pixels are scaled from 0..255, deeper ones from the lowest and the highest of the training split.
    """

    # Deeper pixels rarely use the range of their type, such as the 12 bits of an X-ray in 16.
    dtype: str
    low: float = 0.0
    high: float = 255.0

    @property
    def note(self) -> str:
        """The scaling in words; empty for 8 bits."""
        if self.dtype == "uint8":
            return ""
        return f"pixels: {self.dtype}, {self.low:g} .. {self.high:g} of the training split scaled to 0 .. 1"

    def __call__(self, x: Pixels) -> NDArray[np.float32]:
        """Pixels [...] as float32; those beyond the range of the training split lie outside 0..1."""
        if x.dtype == np.uint8:
            return x.astype(np.float32) / np.float32(255)
        return ((x.astype(np.float64) - self.low) / (self.high - self.low)).astype(np.float32)


def scale_of(x: Pixels, what: str) -> PixelScale:
    """The scale of a training split's pixels; DataError if all of them are the same."""
    low, high = float(x.min()), float(x.max())
    # Nothing can be learned from such images, and high - low would be a division by zero.
    if low == high:
        hint = "is their content in an alpha channel, or too faint for the depth of the file?"
        raise DataError(f"{what}: every pixel of all images is {low:g}", hint)
    return PixelScale("uint8") if x.dtype == np.uint8 else PixelScale(str(x.dtype), low, high)


def pixels(value: Any) -> Pixels:
    """An image [H, W, C]: uint8 with C = 1 or 3, or deeper numbers with C = 1.

    Args:
        value: a PIL image, the bytes of a file, or a mapping with these bytes.

    Raises:
        DataError: it is not an image, is damaged, or is deeper than Pillow can read.
    """
    from PIL import Image

    picture = _opened(value)
    if picture.mode in DEEP:
        deep = np.asarray(picture)
        if not np.isfinite(deep).all():
            raise DataError("an image with pixels that are NaN or infinite")
        # In the byte order of this machine, as torch knows no other.
        return deep.astype(deep.dtype.newbyteorder("="))[..., None]
    refuse_deep_colour(picture)
    grey = picture.mode in _GREY
    try:
        found = np.asarray(picture.convert("L" if grey else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"a damaged image: {error}") from error
    return found[..., None] if grey else found


def refuse_deep_colour(picture: Any) -> None:
    """DataError for colour images of 16 bits a channel."""
    # Pillow drops the lower 8 bits without a warning, and the upper 8 can be the same all over an image.
    if any(";16" in str(tile[3]) for tile in getattr(picture, "tile", ())) and picture.mode not in DEEP:
        raise DataError("a colour image of 16 bits a channel, which cannot be read in full", _TO_8_BITS)


def stacked(images: Sequence[Pixels], what: str) -> Pixels:
    """Images of one size and depth as [n, H, W, C]; grey ones among colour ones get three equal channels.

    Raises:
        DataError: their sizes or depths differ; names the first two that do.
    """
    channels = max(image.shape[-1] for image in images)
    for row, image in enumerate(images):
        for kind, here, first in (
            ("size", image.shape[:2], images[0].shape[:2]),
            ("depth", image.dtype, images[0].dtype),
        ):
            if here != first:
                found = f"{_text(first)} in row 1, {_text(here)} in row {row + 1}"
                raise DataError(f"{what}: images must be of one {kind}: {found}")
    return np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in images])


def _text(kind: Any) -> str:
    return " x ".join(map(str, kind)) if isinstance(kind, tuple) else str(kind)


def _opened(value: Any) -> Any:
    from PIL import Image, UnidentifiedImageError

    # Parquet files of the hub store {"bytes": ..., "path": ...} where the library does not know it as an
    # image.
    if isinstance(value, Mapping):
        value = value.get("bytes")
    try:
        picture = Image.open(io.BytesIO(value)) if isinstance(value, bytes) else value
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError("bytes that are not an image, or a damaged image") from error
    if not isinstance(picture, Image.Image):
        found = "nothing" if value is None else f"a {type(value).__name__}"
        raise DataError(f"{found} where an image is expected")
    return picture
