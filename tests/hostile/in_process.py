"""The command line in this process, as a script sees it: exit code, both streams, what it cost."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from idim_cli.cli import app, console

SECONDS, BYTES = 2.0, 1 << 28  #: of the processor and of memory, at most, for whatever is refused


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str
    seconds: float


def idim(*arguments: str) -> Answer:
    """Run `idim ARGUMENTS`; only what the program does not catch comes up."""
    out, err = _stream(), _stream()
    console.messages.cache_clear()
    began, code = time.process_time(), 0
    with (
        mock.patch.object(sys, "argv", ["idim", *arguments]),
        mock.patch.object(app, "keep_freed_memory"),
        mock.patch.object(app, "no_exit"),
        mock.patch("signal.signal"),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            app.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    spent = time.process_time() - began
    console.messages.cache_clear()
    return Answer(code, _text(out), _text(err), spent)


def _stream() -> io.TextIOWrapper:
    """As strict as a terminal: what is no text cannot be written."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]


def most_bytes() -> int:
    """Most memory that this process ever held."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def raw(text: str) -> list[str]:
    """Characters in `text` that a terminal would obey, or that are none."""
    return sorted({repr(c) for c in text if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0})


def furnish(folder: Path) -> None:
    """Lay out the files that hostile recipes name."""
    (folder / "m.py").write_text("def f(**given):\n    raise SystemExit('code was run')\n")
    (folder / "folder.py").mkdir()
    (folder / "operators.py").write_text(f"x = {'-' * 200_000}1\n")
    (folder / "brackets.py").write_text(f"x = {'(' * 200_000}1{')' * 200_000}\n")
    (folder / "nuls.py").write_bytes(bytes(1000))
    (folder / "latin.py").write_bytes("# café\nx = 1\n".encode("latin-1"))
    (folder / "compiled.so").write_bytes(b"\x7fELF" + bytes(range(256)) * 10)
    (folder / "compiled.py").write_bytes(b"\x7fELF" + bytes(range(256)) * 10)
    with (folder / "large.py").open("wb") as file:
        file.truncate(1 << 25)
    (folder / "endless.py").symlink_to("/dev/zero")
    (folder / "loop.py").symlink_to("loop.py")
    os.mkfifo(folder / "pipe.py")
