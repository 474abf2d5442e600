"""Atomic writes of files, and folders that only one process at a time writes to."""

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
    """Another process is training the run."""


def write_result(run_folder: Path, result: Mapping[str, Any]) -> None:
    """Write a run's result.json."""
    write_atomic(run_folder / RESULT, json.dumps(result, indent=2, allow_nan=False) + "\n")


def discard(run_folder: Path) -> None:
    """Remove result and checkpoint of a run that is to be repeated, unless a process is training it."""
    with contextlib.suppress(HeldError), sole_writer(run_folder):
        for name in (RESULT, CHECKPOINT):
            (run_folder / name).unlink(missing_ok=True)


def update(path: Path, text: str) -> None:
    """Write a file as `write_atomic` does, unless it has this content already."""
    if not says(path, text):
        write_atomic(path, text)


def says(path: Path, text: str) -> bool:
    """Whether a file has this content."""
    try:
        content = text.encode()
        return bounded_io.read_bytes(path, len(content)) == content
    except (OSError, FileError):
        return False


def write_atomic(path: Path, content: bytes | str, *, durable: bool = True) -> None:
    """Write a file so that readers, also after a crash, find the old content or the new, never a part.

    `durable` waits for the disk, so that the content survives a power failure too.
    """
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None:  # in place of the temporary file
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def clear_temporaries(folder: Path, seconds: float = 0.0) -> None:
    """Remove temporary files of this age, which killed writers have left."""
    now = time.time()
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):  # its writer may just have finished
            if now - path.stat().st_mtime >= seconds:
                path.unlink()


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Lock a run's folder by its log; the lock ends with the process, even if that is killed.

    Raises:
        HeldError: another process has the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (LOG, METRICS):  # what is written to: a pipe would wait for a reader
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


def _let_go() -> None:
    """In a forked process, such as one that reads data: the lock is held until all have closed the file."""
    for file in _locked:
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _lock(file: IO[str], folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        hint = "wait until it has ended, or give another --out"
        raise HeldError(f"another process is at work in {folder}", hint) from error
    except OSError:  # a file system without locks
        return
