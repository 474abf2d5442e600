"""Output: data on stdout, messages on stderr, JSON, and errors with an exit code."""

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
_KEPT = "\n\t"  # control characters that messages may contain
_FORCED = {"FORCE_COLOR", "TTY_COMPATIBLE"}  # variables that make rich treat a pipe as a terminal
QUIET, NORMAL, VERBOSE = -1, 0, 1
_level = NORMAL
_data: TextIO | None = None  # stdout, while a verb runs


def begin() -> None:
    """Prepare the output: file descriptor 1, to which libraries may write, becomes stderr from now on.

    Raises:
        FileError: stdout is closed.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)
    before = sys.stdout
    if before is None:
        raise FileError("stdout is closed", "redirect it to /dev/null to discard it")
    ours = before is sys.__stdout__ and isinstance(before, io.TextIOWrapper) and before.fileno() == 1
    if not ours:  # captured, as in tests and notebooks
        return
    # Open until the process ends: nothing must close it, or warn that it is not closed.
    sys.stdout = open(os.dup(1), "w", encoding=before.encoding, errors=before.errors, closefd=False)  # noqa: SIM115
    # Libraries in C write to descriptor 1 directly, past sys.stdout.
    os.dup2(2, 1)


@contextlib.contextmanager
def only_data() -> Iterator[None]:
    """Context in which only `out` writes to stdout: what user code prints goes to stderr."""
    # Nested verbs, as in tests, must restore the outer stream.
    global _data
    before, _data = _data, data()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _data = before


def data() -> TextIO:
    """The stream of data: stdout."""
    # Outside of a verb, as in completion, nothing is redirected.
    return _data or sys.stdout


def set_level(level: int) -> None:
    """Set the amount of messages: QUIET is errors only, VERBOSE adds details."""
    global _level
    _level = level


def level() -> int:
    """The amount of messages."""
    return _level


@functools.cache
def messages() -> Console:
    """The console on stderr; it follows NO_COLOR and does not wrap lines, which scripts may read."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def on_terminal() -> bool:
    """Whether stderr is a terminal; rich, whose import takes time, is only asked if it may be."""
    # Importing rich takes a tenth of a second, which off a terminal nobody needs.
    return (sys.stderr.isatty() or not _FORCED.isdisjoint(os.environ)) and messages().is_terminal


def drawable() -> bool:
    """Whether stderr is a terminal on which lines can be redrawn."""
    return on_terminal() and not messages().is_dumb_terminal


def colour() -> bool:
    """Whether stdout is a terminal with colours, and NO_COLOR is not set."""
    from rich.console import Console

    console = Console(file=data())
    return console.is_terminal and not console.no_color


def unicode(marks: str) -> bool:
    """Whether stdout can show these characters."""
    return _shown(marks) == marks


def width() -> int:
    """Columns of the terminal; 80 without one."""
    return messages().width if on_terminal() else _WIDTH


def text_width() -> int:
    """Columns of running text: at most 80, as longer lines are hard to read."""
    return min(width(), _WIDTH)


def say(message: str) -> None:
    """Print a message on stderr, unless quiet."""
    if _level > QUIET:
        _print(message)


def warn(message: str) -> None:
    """Print a warning on stderr, unless quiet."""
    if _level > QUIET:
        _print(message, "warning", "bold yellow")


def out(text: str) -> None:
    r"""Print data on stdout; characters that its encoding lacks are written as \\u2500."""
    stream = data()
    stream.write(_shown(text if text.endswith("\n") else text + "\n"))
    # At once, so that data and messages keep their order where both go to one log.
    stream.flush()


def out_json(value: Any) -> None:
    """Print strict JSON on stdout; unknown numbers are null."""
    out(json.dumps(plain(value), indent=2, allow_nan=False))


def document(name: str, content: Mapping[str, Any]) -> None:
    """Print the JSON of a verb: `content` as the document `name` of documents.yaml."""
    out_json({"schema": f"idim/{name}", **content})


def plain(value: Any) -> Any:
    """The same content in types of JSON: NaN and infinities become null, paths become strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):  # in an order that is the same in every process
        return [plain(item) for item in sorted(value)]
    # Tuples too, which JSON has as lists.
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    # By duck typing, as importing numpy here would slow every command.
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def report_error(error: IdimError) -> int:
    """Print an error with its hint on stderr; returns the exit code of the process."""
    # One message for each fault: they begin with file:line:column, which terminals turn into links.
    messages = error.message.splitlines() if isinstance(error, RecipeError) else [error.message]
    for message in messages:
        fail(message, label=getattr(error, "label", "error"))
    # After all messages, as it applies to all of them.
    if error.hint:
        _print(error.hint, "hint", "bold")
    return error.exit_code


def fail(message: str, hint: str = "", label: str = "error") -> None:
    """Print an error on stderr, and what to do about it."""
    _print(message, label, "bold red")
    if hint:
        _print(hint, "hint", "bold")


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """Context that ends the process by SIGPIPE, like other tools, when the reader of its output has gone."""
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        # rich, which prints the help, turns a BrokenPipeError into a SystemExit.
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)  # for what Python flushes at its end
        os.dup2(nowhere, data().fileno())
        if hasattr(signal, "SIGPIPE"):
            # Python ignores SIGPIPE; a shell expects that a reader who leaves ends the writer by it.
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGPIPE)
        sys.exit(RUN_FAILED)


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """Context that prints how to continue when a signal ends it."""
    try:
        yield
    except (KeyboardInterrupt, Ended):
        # Raised again below, as the exit code depends on the signal.
        fail("finished runs and checkpoints are kept", "run the same command to continue", "stopped")
        raise


def _shown(text: str) -> str:
    encoding = getattr(data(), "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _print(message: str, label: str = "", style: str = "") -> None:
    """Print a line on stderr, its label in `style`; wrapped at words on a terminal only."""
    text = printable(f"{label}: {message}" if label else message, _KEPT)
    if not on_terminal():
        print(text, file=sys.stderr, flush=True)
        return
    from rich.text import Text

    line = Text(_fitted(text))
    line.stylize(style, 0, len(label) + 1)
    messages().print(line)


def _fitted(text: str) -> str:
    """Text wrapped at words; long words, such as paths, stay whole."""
    # Narrower terminals would get one word per line.
    columns = max(width(), 20)
    return "\n".join(
        textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )
