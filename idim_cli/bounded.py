"""Files of others: read whole up to a limit, and only what is a file; a pipe or a device may have no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from idim_cli.errors import FileError

# Opening a pipe that nobody writes to would wait for ever.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class TooLargeError(FileError):
    """A file is larger than whatever it claims to be."""


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a file.

    Raises:
        TooLargeError: it is larger than `limit` bytes.
        FileError: it is no regular file.
        OSError: it is not there, or may not be read.
    """
    with os.fdopen(os.open(path, _READ), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise FileError(f"{path} is not a regular file", "write its content to a file first")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError(f"{path} is larger than {limit / 2**20:g} MiB")
    return data
