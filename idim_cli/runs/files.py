"""Files that are replaced atomically, and folders with a single writer."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from idim_cli.core import bounded_io
from idim_cli.core.errors import FileError
from idim_cli.runs.names import CHECKPOINT, LOG, METRICS, RESULT


class HeldError(FileError):
    """Another process is working on a run."""


def write_result(run_folder: Path, result: Mapping[str, Any]) -> None:
    """Write a run's result.json."""
    write_atomic(run_folder / RESULT, json.dumps(result, indent=2, allow_nan=False) + "\n")


def discard(run_folder: Path) -> None:
    """Remove result and checkpoint of a run that is to be repeated, unless a process is working on it."""
    with contextlib.suppress(HeldError), sole_writer(run_folder):
        for name in (RESULT, CHECKPOINT):
            (run_folder / name).unlink(missing_ok=True)


def update(path: Path, text: str) -> None:
    """Write a file as `write_atomic` does, unless it has that content already."""
    # An unchanged file keeps its time, by which other programs see changes.
    if not has_content(path, text):
        write_atomic(path, text)


def has_content(path: Path, text: str) -> bool:
    """Whether this is the content of a file."""
    try:
        content = text.encode()
        return bounded_io.read_bytes(path, len(content)) == content
    except (OSError, FileError):
        return False


def write_atomic(path: Path, content: bytes | str, *, durable: bool = True) -> None:
    """Write a file so that readers, also after a crash, see the old content or the new one, never a part.

    `durable` waits for the disk, so that the content survives a power failure too.
    """
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder: a rename is atomic within one file system only. A random name: two processes may
    # write.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None:  # the user knows the file, not the temporary one
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def clear_temporaries(folder: Path, seconds: float = 0.0) -> None:
    """Remove temporary files of killed writers that are at least so old."""
    now = time.time()
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):  # its writer may have renamed it meanwhile
            if now - path.stat().st_mtime >= seconds:
                path.unlink()


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Lock a run's folder; the system releases the lock when the process ends in any way.

    Raises:
        HeldError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (LOG, METRICS):  # files that are appended to: opening a pipe would wait for a reader
        if (folder / name).exists() and not (folder / name).is_file():
            raise FileError(f"{folder / name} is not a regular file", "remove it")
    with (folder / LOG).open("a") as file:
        _lock(file, folder)
        _locked.add(file)
        try:
            clear_temporaries(folder)
            yield
        finally:
            _locked.discard(file)


_locked: set[IO[str]] = set()


def _close_locked() -> None:
    for file in _locked:
        file.close()


# A lock lasts until every process has closed the file: forked ones, such as data workers, close it, or
# they would hold the folder after their parent was killed.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_locked)


def _lock(file: IO[str], folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        hint = "wait until it ends, or give another --out"
        raise HeldError(f"another process is working in {folder}", hint) from error
    except OSError:  # a file system without locks
        return
