"""Reading untrusted files: regular files only, up to a limit, because a pipe or a device may have no end."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from idim_cli.core.errors import FileError

# Without O_NONBLOCK, opening a pipe without a writer would block.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
#: Values in a JSON document: each takes at least two bytes of the file, and up to some hundred of memory.
_MOST_VALUES = 2_000_000


class TooLargeError(FileError):
    """A file is larger than any valid one of its kind."""


@contextmanager
def opened(path: Path, limit: int | None = None) -> Iterator[io.BufferedReader]:
    """A file that is open for reading.

    Raises:
        TooLargeError: it is larger than `limit` bytes.
        FileError: it is not a regular file.
        OSError: it does not exist, or cannot be read.
    """
    with os.fdopen(os.open(path, _READ), "rb") as file:
        about = os.fstat(file.fileno())
        # Checked on the open file: a path may be replaced between a check and its opening.
        if not stat.S_ISREG(about.st_mode):
            raise FileError(f"{path} is not a regular file", "write its content to a file first")
        if limit is not None and about.st_size > limit:
            raise TooLargeError(f"{path} is larger than {limit / 2**20:g} MiB")
        yield file


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a file; errors as for `opened`."""
    with opened(path, limit) as file:
        return file.read(limit)


def check(path: Path, limit: int | None = None) -> None:
    """Raise the errors of `opened` for a file that a library will read."""
    with opened(path, limit):
        pass


def parse_json(data: bytes | str) -> Any:
    """The values of a JSON document.

    Raises:
        ValueError: it is invalid, has more values than `idim` ever writes, or is nested too deeply.
    """
    # Counted before parsing: values take far more memory than their text.
    text = data if isinstance(data, bytes) else data.encode(errors="replace")
    # Counted before parsing: separators bound the number of values, and counting them takes no memory.
    if sum(map(text.count, (b"[", b"{", b","))) > _MOST_VALUES:
        raise ValueError(f"it holds more than {_MOST_VALUES:,} values")
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
