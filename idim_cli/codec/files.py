"""Reading and writing the files of the codec, with plain errors."""

from __future__ import annotations

from pathlib import Path

from idim_cli.codec import container
from idim_cli.errors import FileError
from idim_cli.results import write_atomic


def is_compressed(path: Path) -> bool:
    """Whether `path` is a file that begins with the mark of an `.idim` file."""
    try:
        with path.open("rb") as file:
            return container.is_marked(file.read(2))
    except IsADirectoryError:
        return False
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error


def load(path: Path) -> bytes:
    """A whole `.idim` file; any other file is refused after its first bytes."""
    if not is_compressed(path):
        raise FileError(f"{path} is not an .idim file", "`idim compress` writes one from a checkpoint")
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error


def save(path: Path, data: bytes, source: Path) -> int:
    """Write a file as a whole or not at all, never over its `source`; returns its size on disk."""
    if path.resolve() == source.resolve():
        raise FileError(f"{path} is the file that is read", "give another --out")
    if path.exists() and not path.is_file():
        raise FileError(f"cannot write {path}: it is {'a folder' if path.is_dir() else 'no plain file'}")
    try:
        write_atomic(path, data)
        return path.stat().st_size
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
