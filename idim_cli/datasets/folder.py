"""Folders of images, one for each class, in the layout of torchvision's ImageFolder."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field

from idim_cli.core.errors import ComponentError, DataError
from idim_cli.core.machine import data_workers
from idim_cli.datasets import file_scan, loading
from idim_cli.datasets.files import HINT, folders
from idim_cli.datasets.image_files import Check, ImageFiles, View
from idim_cli.datasets.split import Source
from idim_cli.datasets.streamed import Streamed

# Those of torchvision's ImageFolder.
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
#: Of each channel over ImageNet's training images, in 0..1; pretrained networks expect these.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_VALIDATION = ("val", "valid", "validation")
_LAYOUT = "expected PATH/train/CLASS/*.jpg and PATH/val/CLASS/*.jpg, or PATH/CLASS/*.jpg"
_LISTED = 5  # names in a message; a large data set may have thousands to list
# Files that a process checks at a time: enough that handing them over costs little, and few enough that
# processes end at about the same time.
_CHUNK = 64
_log = logging.getLogger(__name__)

#: Paths of the images of each class, below the folder of the split.
Listing = dict[str, list[str]]


def folder(
    root: Path | None,
    download: bool,
    *,
    path: str,
    size: Annotated[int, Field(ge=1, le=4096)] = 224,
    resize: Annotated[int, Field(ge=1, le=8192)] | None = None,
    scale: tuple[float, float] | None = (0.08, 1.0),
    ratio: tuple[float, float] = (0.75, 1.3333),
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5,
    mean: Literal["imagenet"] | tuple[float, float, float] = "imagenet",
    std: Literal["imagenet"] | tuple[float, float, float] = "imagenet",
    corrupt: Literal["fail", "skip"] = "fail",
) -> Source:
    """Images in one folder for each class (torchvision's ImageFolder), read from disk during training.

    An example is float32 [3, size, size]: grey, palette, CMYK and 16-bit grey images become RGB, transparency
    is dropped. Training takes a random crop, resized, and flips some; validation and test take the centre.
    Without a validation folder (`val`, `valid` or `validation`) a tenth of the training images is held out,
    the last of each class. `test` is the folder of the test split.

    Args:
        root: the data folder.
        download: nothing is downloaded.
        path: the folder, under the data folder or the working folder.
        size: height and width that the model gets.
        resize: length of the shorter side before the centre crop; null is 8/7 of `size`, 256 for 224.
        scale: least and largest share of an image's area in a random crop; null takes the centre in training.
        ratio: least and largest width over height of a random crop.
        flip: probability of a horizontal flip in training; 0 turns it off.
        mean: `imagenet` or three numbers, subtracted from the channels. Pixels lie in 0..1 before.
        std: `imagenet` or three numbers, which the channels are then divided by.
        corrupt: `fail` at an image that cannot be decoded, or `skip` those. To skip, every file is decoded
            once before the first run; the outcome is kept for the next time.

    Raises:
        ComponentError: parameters contradict each other.
        DataError: there is no such folder, a class or a split is empty, or splits differ in their classes.
    """
    view = View(
        size,
        # 256 for 224: the customary evaluation on ImageNet.
        size * 8 // 7 if resize is None else resize,
        scale,
        ratio,
        flip,
        MEAN if mean == "imagenet" else mean,
        STD if std == "imagenet" else std,
    )
    if problem := view.problem():
        raise ComponentError(f"folder: {problem}")
    tried = folders(path, root)
    top = next((one for one in tried if one.is_dir()), None)
    if top is None:
        raise DataError(f"folder: there is no folder {' or '.join(map(str, tried))}", HINT)
    return _source(top, view, corrupt == "skip")


def _source(top: Path, view: View, skip: bool) -> Source:
    train = _listed(top / "train" if (top / "train").is_dir() else top)
    held = next((top / name for name in _VALIDATION if (top / name).is_dir()), None)
    classes, notes = [*train[1]], list[str]()

    def images(of: tuple[Path, Listing]) -> ImageFiles:
        # Labels number the folders in order, so one folder more or less would shift all labels after it.
        if [*of[1]] != classes:
            raise _other_classes(of[0], [*of[1]], train[0], classes)
        return _images(*of, view, skip, notes)

    examples = images(train)
    whole = train[0] == top  # then `val` and `test` below it are classes, not splits
    own = None if held is None or whole else Streamed(images(_listed(held)))
    return Source(
        train=Streamed(examples),
        test=lambda: Streamed(images(_listed(_test(top, whole)))),
        classes=len(classes),
        validation=max(1, len(examples) // 10) if own is None else own,
        notes=tuple(notes),  # complete only now: reading the splits adds to it
    )


def _test(top: Path, whole: bool) -> Path:
    if whole or not (top / "test").is_dir():
        raise DataError(f"folder: {top} has no test split", f"put it into {top / 'test'}, class by class")
    return top / "test"


def _listed(split: Path) -> tuple[Path, Listing]:
    """A split's folder with the images of each class; DataError if there are none, or a class has none."""
    # Sorted: file systems list in different orders, and labels and examples are numbered in this one. Hidden
    # names, here and below, are mostly files that macOS adds, such as ._1.jpg.
    names = sorted(one.name for one in os.scandir(split) if one.is_dir() and not one.name.startswith("."))
    listing = {name: sorted(_images_below(split / name, split)) for name in names}
    if not any(listing.values()):
        raise DataError(f"folder: {split} holds no images in folders of classes", _LAYOUT)
    if empty := [name for name, files in listing.items() if not files]:
        hint = f"remove it, or add files ending in {', '.join(SUFFIXES)}"
        raise DataError(f"folder: no images in {split} for the class {_some(empty)}", hint)
    if len(listing) == 1:  # most likely a folder too high or too low
        raise DataError(f"folder: {split} holds a single class, {names[0]!r}", _LAYOUT)
    return split, listing


def _images_below(folder: Path, split: Path) -> Iterator[str]:
    # Classes are often links to folders on a shared disk.
    for where, _, names in os.walk(folder, followlinks=True):
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield (Path(where) / name).relative_to(split).as_posix()


def _images(split: Path, listing: Listing, view: View, skip: bool, notes: list[str]) -> ImageFiles:
    """The images of a split, without those that are skipped, which are added to `notes`."""
    pairs = [(name, number) for number, files in enumerate(listing.values()) for name in files]
    if skip and (damaged := _damaged(split, [name for name, _ in pairs])):
        which = _some([str(split / name) for name in damaged])
        notes.append(f"{len(damaged)} of {len(pairs)} images cannot be decoded and are skipped: {which}")
        pairs = [pair for pair in pairs if pair[0] not in damaged]
        # Without any of its images a class would still be counted in the outputs of the model.
        if gone := [name for number, name in enumerate(listing) if number not in {pair[1] for pair in pairs}]:
            raise DataError(f"folder: no image in {split} can be decoded for the class {_some(gone)}")
    return ImageFiles(split, [name for name, _ in pairs], torch.tensor([number for _, number in pairs]), view)


def _damaged(split: Path, files: Sequence[str]) -> dict[str, str]:
    """Files that cannot be decoded, with the reason; cached."""

    def find() -> dict[str, str]:
        groups = torch.split(torch.arange(len(files)), _CHUNK)
        found = loading.read(Check(split, files), groups, data_workers())
        flaws = {files[place]: why for some in found for place, why in some}
        for name, why in flaws.items():  # the notes name only a few
            _log.warning("%s: %s; it is skipped", split / name, why)
        return flaws

    found: dict[str, str] = file_scan.kept("damaged", split, files, find)
    return found


def _other_classes(split: Path, own: Sequence[str], train: Path, classes: Sequence[str]) -> DataError:
    missing = [name for name in classes if name not in own]
    further = [name for name in own if name not in classes]
    what = [f"without {_some(missing)}"] * bool(missing) + [f"with {_some(further)}"] * bool(further)
    return DataError(
        f"folder: the classes of {split} are not those of {train}: {' and '.join(what)}",
        "both need the same folders of classes",
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
