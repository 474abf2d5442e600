"""Shared by readers of files: where files are found, errors while reading them, and scaled pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from idim_cli.core.errors import DataError, IdimError, described
from idim_cli.core.machine import data_cache

HINT = (
    "give the folder that holds them with --data FOLDER, data_root: FOLDER in the recipe or IDIM_DATA=FOLDER"
)
FETCH = ", or fetch them with --download"


def locate(
    name: str, root: Path | None, files: Sequence[str], fetch: Callable[[Path], Any] | None
) -> list[Path]:
    """The paths of `files` under `root`, all of which exist.

    Args:
        name: of the data set, for messages.
        root: the data folder; None is the cache (`machine.data_cache`), if it exists or files are fetched.
        files: relative to `root`.
        fetch: downloads them into a folder; None unless the user asked for it.

    Raises:
        DataError: files are missing, or the download failed.
    """
    if root is None and (fetch or data_cache().is_dir()):
        root = data_cache()
    if root is None:
        raise DataError(f"{name}: no data folder is set, needed for {', '.join(files)}", f"{HINT}{FETCH}")
    paths = [root / file for file in files]
    if fetch and not all(path.is_file() for path in paths):
        with reading(f"{name}: the download into {root}"):
            fetch(root)
    # Again after a download, which may have left some out without an error.
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        more = "" if fetch else FETCH
        raise DataError(f"{name}: missing {', '.join(missing)}", HINT + more)
    return paths


def folders(path: str, root: Path | None) -> list[Path]:
    """Where the folder `path` of a recipe may lie: under the data folder, else under the working folder."""
    places = [*([root / path] if root else []), Path(path).expanduser().absolute()]
    return [*dict.fromkeys(places)]


def torchvision_fetch(name: str, download: bool) -> Callable[[Path], Any] | None:
    """A function that lets torchvision download its data set `name` into a folder; None unless `download`."""

    def fetch(root: Path) -> None:
        import torchvision  # slow to import, and needed only for the original files

        getattr(torchvision.datasets, name)(root, download=True)

    return fetch if download else None


@contextmanager
def reading(what: object) -> Iterator[None]:
    """Turn any error while reading `what` into a DataError that names it."""
    try:
        yield
    except IdimError:  # it already says what is wrong and what to do
        raise
    except Exception as error:  # libraries raise errors of many kinds for damaged files
        hint = "it may be damaged or incomplete: remove it and fetch it again"
        raise DataError(f"{what} failed: {described(error)}", hint) from error


def scaled(images: Tensor, mean: Sequence[float] = (), std: Sequence[float] = ()) -> Tensor:
    """Images uint8 [n, C, H, W] as float32 in 0..1; with `mean` and `std` of each channel, standardized."""
    x = images.to(torch.float32).div_(255)
    return standardized(x, mean, std) if mean else x


def standardized(x: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Images [n, C, H, W], changed in place, less the mean of each channel, over its deviation."""
    return x.sub_(torch.tensor(mean).reshape(-1, 1, 1)).div_(torch.tensor(std).reshape(-1, 1, 1))
