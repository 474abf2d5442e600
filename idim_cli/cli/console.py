"""Data on stdout, talk on stderr: printing, JSON, and errors as one message with an exit code."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import os
import signal
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from idim_cli.core.errors import RUN_FAILED, Ended, FileError, IdimError, RecipeError, printable

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 80
_KEPT = "\n\t"  # control characters of our own messages
_FORCED = {"FORCE_COLOR", "TTY_COMPATIBLE"}  # by which rich takes a pipe for a terminal
QUIET, NORMAL, VERBOSE = -1, 0, 1
_level = NORMAL
_data: TextIO | None = None  # while a verb runs: the stdout that data go to


def begin() -> None:
    """Make the process ready to write: what others write to stdout's number goes to stderr from now on.

    Raises:
        FileError: stdout is closed.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (as long as the process lives)
    before = sys.stdout
    if before is None:
        raise FileError("stdout is closed", "send it to /dev/null to throw it away")
    ours = before is sys.__stdout__ and isinstance(before, io.TextIOWrapper) and before.fileno() == 1
    if not ours:  # somebody catches what this process says
        return
    # Open until the process ends: nobody is to close it, or to warn of that.
    sys.stdout = open(os.dup(1), "w", encoding=before.encoding, errors=before.errors, closefd=False)  # noqa: SIM115
    os.dup2(2, 1)


@contextlib.contextmanager
def data_apart() -> Iterator[None]:
    """Within it, `out` alone writes to stdout: what foreign code prints goes to stderr."""
    global _data
    before, _data = _data, data()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _data = before


def data() -> TextIO:
    """The stream of data: stdout."""
    return _data or sys.stdout


def set_level(level: int) -> None:
    """How much is said: QUIET is errors alone, VERBOSE details too."""
    global _level
    _level = level


def level() -> int:
    """How much is said."""
    return _level


@functools.cache
def talk() -> Console:
    """The console on stderr; it heeds NO_COLOR and never wraps what a script may read."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def on_terminal() -> bool:
    """Whether a person watches stderr; rich, whose import takes time, is asked where it may be one."""
    return (sys.stderr.isatty() or not _FORCED.isdisjoint(os.environ)) and talk().is_terminal


def drawable() -> bool:
    """Whether stderr is a terminal on which a line can be drawn over."""
    return on_terminal() and not talk().is_dumb_terminal


def colour() -> bool:
    """Whether stdout takes colours: a terminal, and no NO_COLOR."""
    from rich.console import Console

    console = Console(file=data())
    return console.is_terminal and not console.no_color


def unicode(marks: str) -> bool:
    """Whether stdout can show these characters."""
    return _shown(marks) == marks


def width() -> int:
    """Columns of the terminal; 80 where there is none."""
    return talk().width if on_terminal() else _WIDTH


def text_width() -> int:
    """Columns of running text: as many as the terminal has, and no more than are easily read."""
    return min(width(), _WIDTH)


def say(message: str) -> None:
    """One plain line of talk, on stderr; nothing when quiet."""
    if _level > QUIET:
        _tell(message)


def warn(message: str) -> None:
    """What may be wrong, but is no error; nothing when quiet."""
    if _level > QUIET:
        _tell(message, "warning", "bold yellow")


def out(text: str) -> None:
    r"""Data for people or pipes, on stdout; what its encoding does not have is written as \\u2500."""
    stream = data()
    stream.write(_shown(text if text.endswith("\n") else text + "\n"))
    stream.flush()


def out_json(value: Any) -> None:
    """Data for programs, on stdout: strict JSON, in which an unknown number is null."""
    out(json.dumps(plain(value), indent=2, allow_nan=False))


def document(name: str, content: Mapping[str, Any]) -> None:
    """What a verb prints under --json: `content` as the document ``compress/1`` of documents.yaml."""
    out_json({"schema": f"idim/{name}", **content})


def plain(value: Any) -> Any:
    """The same content in what JSON knows: NaN and infinities become null, paths become strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):  # whose order differs from one process to the next
        return [plain(item) for item in sorted(value)]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def report_error(error: IdimError) -> int:
    """Print an error with its hint on stderr; returns the exit code of the process."""
    # The faults of a recipe begin with file:line:column, which editors and terminals turn into links.
    messages = error.message.splitlines() if isinstance(error, RecipeError) else [error.message]
    for message in messages:
        fail(message, label=getattr(error, "label", "error"))
    if error.hint:
        _tell(error.hint, "hint", "bold")
    return error.exit_code


def fail(message: str, hint: str = "", label: str = "error") -> None:
    """An error on stderr, and what to do about it."""
    _tell(message, label, "bold red")
    if hint:
        _tell(hint, "hint", "bold")


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """End the process as the system's own tools do when the reader of its output has gone, as `head` does."""
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        # rich, which prints the help, turns the one into the other.
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)  # nothing is left to be written at the end
        os.dup2(nowhere, data().fileno())
        if hasattr(signal, "SIGPIPE"):
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGPIPE)
        sys.exit(RUN_FAILED)


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """Say how to go on when a signal ends the block between two savings."""
    try:
        yield
    except (KeyboardInterrupt, Ended):
        fail("finished and saved work is kept", "the same command continues from there", "stopped")
        raise


def _shown(text: str) -> str:
    encoding = getattr(data(), "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _tell(message: str, label: str = "", style: str = "") -> None:
    """A line on stderr, its label in `style`; on a terminal wrapped at words, elsewhere as it is."""
    text = printable(f"{label}: {message}" if label else message, _KEPT)
    if not on_terminal():
        print(text, file=sys.stderr, flush=True)
        return
    from rich.text import Text

    line = Text(_fitted(text))
    line.stylize(style, 0, len(label) + 1)
    talk().print(line)


def _fitted(text: str) -> str:
    """Text wrapped at words; long words, such as paths, stay whole."""
    columns = max(width(), 20)
    return "\n".join(
        textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )
