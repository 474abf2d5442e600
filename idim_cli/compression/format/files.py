"""Reading and writing `.idim` files, with an error for each way in which that can fail."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idim_cli.compression.format import container
from idim_cli.core import bounded_io
from idim_cli.core.errors import CapacityError, FileError
from idim_cli.core.machine import free_bytes, in_units
from idim_cli.runs import results
from idim_cli.runs.results import write_atomic

# Bytes of a file and of its record that are read: far above real ones, and below what exhausts the memory.
_LARGEST, _RECORD = 2**32, 2**22


def is_compressed(path: Path) -> bool:
    """Whether `path` is a file that begins with the mark of an `.idim` file."""
    return _read(path, whole=False) is not None


def load(path: Path) -> bytes:
    """A whole `.idim` file; any other file is refused after its first bytes.

    Raises:
        FileError: it is another file, or cannot be read.
        CapacityError: it does not fit into memory.
    """
    data = _read(path, whole=True)
    if data is None:
        raise FileError(f"{path} is not an .idim file", "`idim compress` writes one from a checkpoint")
    return data


def _read(path: Path, whole: bool) -> bytes | None:
    """The file, or its first bytes alone; None if they are not those of an `.idim` file."""
    if path.is_dir():
        return None
    try:
        with bounded_io.opened(path) as file:
            mark = file.read(2)
            if not container.is_marked(mark):
                return None
            # 4: the bytes, copies of their parts, and the network that is built from them.
            if whole and 4 * (size := os.fstat(file.fileno()).st_size) > (free := free_bytes()):
                raise CapacityError(
                    f"{path} has {in_units(size)}, but only {in_units(free)} of memory are free"
                )
            return mark + file.read() if whole else mark
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error


def digest(path: Path) -> str:
    """A digest of a whole file. Not CRC-32: that is the same for all files that end in their own CRC-32."""
    with bounded_io.opened(path, _LARGEST) as file:
        return hashlib.file_digest(file, functools.partial(hashlib.blake2b, digest_size=16)).hexdigest()


def record(path: Path) -> Mapping[str, Any]:
    """The record that `idim compress` wrote next to an `.idim` file; empty if missing or of another file."""
    try:
        said = bounded_io.parse_json(
            bounded_io.read_bytes(path.with_name(path.name + results.RECORD), _RECORD)
        )
        # By digest: a record of an earlier file of this name describes other bytes.
        return said if isinstance(said, dict) and said.get("digest") == digest(path) else {}
    except (OSError, ValueError, FileError):
        # The file is complete without its record, so a damaged record is no error.
        return {}


def check(path: Path, source: Path) -> None:
    """FileError if a file cannot be written to `path`, or would replace its `source`."""
    # Resolved, because the same file may be named in several ways.
    if path.resolve() == source.resolve():
        raise FileError(f"{path} is also the file to read", "give another --out")
    if path.is_symlink():  # it would be replaced, even /dev/stdout
        raise FileError(f"cannot write {path}: it is a link", "give the file itself as --out")
    if path.exists() and not path.is_file():
        raise FileError(f"cannot write {path}: it is {'a folder' if path.is_dir() else 'not a regular file'}")
    if not path.parent.is_dir():
        raise FileError(f"cannot write {path}: no folder {path.parent}", "create it, or correct --out")


def save(path: Path, data: bytes, source: Path) -> int:
    """Write a file as a whole or not at all, never over its `source`; returns its size on disk."""
    # Checked again: hours of training may lie between the first check and this one.
    check(path, source)
    try:
        write_atomic(path, data)
        return path.stat().st_size
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
