"""A map-style dataset over image files: decoded and cropped in worker processes, scaled on the device."""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import default_collate

from idim_cli.core.errors import DataError, described
from idim_cli.datasets import file_scan, images

_TRIES = 10  # random crops tried before the largest that fits is used, as in torchvision
# A JPEG is decoded at a half, a quarter or an eighth of its size, which saves most of the time, where at
# least so many pixels are left for each output pixel in each direction, as for Pillow's own thumbnails.
_DRAFT_GAP = 2.0
_16_BITS = 65535.0
_SKIP = "corrupt: skip leaves such files out"

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """Which part of an image the model gets, and how its channels are scaled.

    Attributes:
        size: height and width that the model gets.
        resize: length of the shorter side before the centre crop of an evaluation.
        scale, ratio: of random crops in training, as share of the area and as width over height; a scale of
            None crops as an evaluation does.
        flip: probability of a horizontal flip in training.
        mean, std: of each channel, subtracted and divided by.
    """

    size: int
    resize: int
    scale: tuple[float, float] | None
    ratio: tuple[float, float]
    flip: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def problem(self) -> str:
        """What is wrong with the parameters, in words; empty if nothing is."""
        low, high = self.scale or (1.0, 1.0)
        if not 0 < low <= high <= 1:
            return f"scale must be two shares of the area, 0 < least <= largest <= 1, got {[low, high]}"
        if not 0 < self.ratio[0] <= self.ratio[1]:
            return f"ratio must be 0 < least <= largest, got {list(self.ratio)}"
        if self.resize < self.size:
            return f"resize must be at least size = {self.size}, got {self.resize}"
        return "" if min(self.std) > 0 else f"std must be above 0, got {list(self.std)}"

    def drawn(self, width: int, height: int) -> Box:
        """A random crop, drawn from the generator of `random`, which is seeded for each example."""
        if self.scale is None:
            return self.centre(width, height)
        for _ in range(_TRIES):
            area = width * height * random.uniform(*self.scale)
            # Uniform in the logarithm: 1:2 is as likely as 2:1.
            ratio = math.exp(random.uniform(*map(math.log, self.ratio)))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                left, top = random.randint(0, width - w), random.randint(0, height - h)
                return (left, top, left + w, top + h)
        # A very wide or high image: the largest crop in the middle with an allowed ratio.
        low, high = self.ratio
        return _centred(min(width, height * high), min(height, width / low), width, height)

    def centre(self, width: int, height: int) -> Box:
        """The centre crop of an evaluation."""
        side = min(width, height) * self.size / self.resize
        return _centred(side, side, width, height)


def _centred(w: float, h: float, width: int, height: int) -> Box:
    left, top = (width - w) / 2, (height - h) / 2
    return (left, top, left + w, top + h)


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Images with the number of their class, as `Streamed` reads them.

    Attributes:
        root: folder of the files.
        files: their paths below it.
        targets: int64 [n].
        view: which part of them the model gets.
    """

    root: Path
    files: Sequence[str]
    targets: Tensor
    view: View

    def __len__(self) -> int:
        return len(self.files)

    @property
    def augmented(self) -> bool:
        """Whether training sees an image differently each time."""
        return self.view.scale is not None or self.view.flip > 0

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        """An example as training sees it: uint8 [3, size, size] (float32 of deeper pixels), and its class."""
        with _opened(self.name(place)) as stored:
            picture = _resized(stored, self.view.drawn(*stored.size), self.view.size)
        if random.random() < self.view.flip:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return _tensor(picture), int(self.targets[place])

    def plain(self, place: int) -> tuple[Tensor, int]:
        """The same without augmentation."""
        with _opened(self.name(place)) as stored:
            picture = _resized(stored, self.view.centre(*stored.size), self.view.size)
        return _tensor(picture), int(self.targets[place])

    def name(self, place: int) -> str:
        """The path of an image."""
        return os.path.join(self.root, self.files[place])

    def collate(self, examples: Sequence[tuple[Tensor, int]]) -> Any:
        """A batch; float32 if any of its images is."""
        # A folder may mix 8-bit and 16-bit images; both are in 0..255, but default_collate needs one dtype.
        if len({x.dtype for x, _ in examples}) > 1:
            examples = [(x.float(), y) for x, y in examples]
        return default_collate([*examples])

    def finish(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Images float32 [B, 3, size, size]: pixels in 0..1, less the mean, over the deviation."""
        x, y = batch
        mean, std = (torch.tensor(three, device=x.device) for three in (self.view.mean, self.view.std))
        # Here and not in the workers: bytes are a quarter of what has to be copied from them.
        x = x.to(torch.float32).mul_((1 / (255 * std)).view(3, 1, 1)).sub_((mean / std).view(3, 1, 1))
        return x, y

    def digest(self) -> str:
        """A digest of names, which contain the classes, sizes and contents, see `file_scan.digest`."""
        return file_scan.digest(self.root, self.files)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[Image.Image]:
    """An image, to be decoded in the block; errors of Pillow become a DataError."""
    try:
        with Image.open(path) as picture:
            yield picture
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError("not an image", _SKIP) from error
    except Exception as error:  # Pillow raises errors of many kinds, also while it decodes
        raise DataError(f"a damaged image: {described(error)}", _SKIP) from error


def _converted(picture: Image.Image) -> Image.Image:
    """An image decoded as RGB, whatever its mode; deeper grey as float pixels in 0..255."""
    images.refuse_deep_colour(picture)
    if picture.mode in images.DEEP:
        pixels = images.pixels(picture)[..., 0]
        # Signed and 32-bit pixels have no common white: a fixed scale would make most of them black.
        if pixels.min() < 0 or pixels.max() > _16_BITS:
            raise DataError(f"pixels of {pixels.dtype} beyond 16 bits", "save it with 8 or 16 bits")
        return Image.fromarray(pixels.astype(np.float32) * np.float32(255 / _16_BITS))
    if picture.mode == "P":
        picture = picture.convert("RGBA")  # directly to RGB, Pillow warns of transparent palettes
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _resized(picture: Image.Image, box: Box, size: int) -> Image.Image:
    """The part of an image in `box`, resized to `size` x `size`."""
    wide, high = picture.size
    share = min(box[2] - box[0], box[3] - box[1]) / (size * _DRAFT_GAP)
    if share >= 2:  # no effect on other formats than JPEG
        picture.draft(None, (int(wide / share), int(high / share)))
    picture = _converted(picture)
    across, down = picture.width / wide, picture.height / high
    # Rounding can put an edge just outside the image, which Pillow refuses.
    right, lower = min(box[2] * across, picture.width), min(box[3] * down, picture.height)
    part = (box[0] * across, box[1] * down, right, lower)
    return picture.resize((size, size), Image.Resampling.BILINEAR, box=part)


def _tensor(picture: Image.Image) -> Tensor:
    """The pixels [3, H, W]: uint8, or float32 in 0..255 of a deeper image."""
    found = torch.from_numpy(np.array(picture))  # a copy: the memory of an image is read-only
    return found.permute(2, 0, 1) if found.dim() == 3 else found.expand(3, -1, -1)


@dataclass(frozen=True)
class Check:
    """Decodes whole files, in the worker processes that otherwise read examples.

    Attributes:
        root, files: as of `ImageFiles`.
    """

    root: Path
    files: Sequence[str]

    def __getitem__(self, places: Tensor) -> list[tuple[int, str]]:
        """Those of the files at `places` that cannot be decoded: place and reason."""
        return [(place, why) for place in places.tolist() if (why := self._flaw(place))]

    def _flaw(self, place: int) -> str:
        try:
            with _opened(os.path.join(self.root, self.files[place])) as picture:
                # Decoding a JPEG at an eighth of its size is faster and still reads the file to its end.
                picture.draft(None, (1, 1))
                _converted(picture).load()
        except DataError as error:
            return error.message
        return ""
