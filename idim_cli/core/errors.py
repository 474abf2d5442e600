"""Every error that `idim` raises on purpose, with its exit code and a hint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

#: Name of the installable package; the one called `idim` on PyPI is another project.
DISTRIBUTION = "idim-cli"

OK, RUN_FAILED, USAGE, NOT_REACHED, SOME_FAILED = 0, 1, 2, 3, 4
REQUEUE, INTERRUPTED, TERMINATED = 75, 130, 143
#: Exit codes of the command line; 75 is the system's own for "try again", 130 and 143 for SIGINT and SIGTERM.
EXIT_CODES = {
    OK: "done",
    RUN_FAILED: "a run failed; in `idim doctor`, a requirement is missing",
    USAGE: "the command line, a recipe, a file or the data are invalid",
    NOT_REACHED: "some d_int is beyond the largest d; in `idim compress`, no file reaches the target",
    SOME_FAILED: "some runs failed, under `--keep-going`",
    INTERRUPTED: "stopped by Ctrl-C; unfinished runs are saved",
    TERMINATED: "stopped by SIGTERM; unfinished runs are saved",
    REQUEUE: "stopped by SIGUSR1, the notice of a cluster; unfinished runs are saved: requeue the job",
}


#: Letters of a message and of one fault in it, and faults that are listed: longer messages are not read.
MAX_MESSAGE, MAX_FAULT, MAX_FAULTS = 4000, 400, 50
# Control characters of terminals, changes of the writing direction, and code points without a character.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef]|"
    "[\ufffe\uffff\U0001fffe\U0001ffff]"
)


def printable(text: str, keep: str = "") -> str:
    r"""Text without control characters for a terminal, XML or a table: ESC becomes \x1b.

    Args:
        text: from a file, a cell, a name, an exception of user code.
        keep: characters that stay, such as line breaks.
    """
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], text)


def brief(text: str, letters: int) -> str:
    """Text of at most this many letters; longer text is cut in the middle."""
    return text if len(text) <= letters else f"{text[: letters - 60]} ... {text[-55:]}"


def described(error: BaseException) -> str:
    """Kind and message of an exception of user code, whose `__str__` may fail itself."""
    kind = type(error).__name__
    try:
        text = str(error)
    except (Exception, SystemExit):
        return f"{kind} without a readable message"
    return printable(f"{kind}: {text}" if text else kind, keep="\n\t")


class IdimError(Exception):
    """Base of all errors shown to the user as one message, without a traceback.

    As text it is the message with the hint, which a notebook or a log shows.

    Attributes:
        message: the problem.
        hint: what to do about it, or an empty string.
        exit_code: what the process returns.
    """

    exit_code = USAGE

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = brief(message, MAX_MESSAGE)
        # Cut here, as messages may contain names and values of any length.
        super().__init__(self.message)
        self.hint = brief(hint, MAX_MESSAGE)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class Ended(BaseException):
    """A signal ends the process with this exit code; not an Exception, which user code might catch."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


#: What user code may raise: `sys.exit` in a model is a failure of the run, not the end of the program.
FOREIGN = (Exception, SystemExit)


class DataError(IdimError):
    """A data set is missing or damaged."""


class ComponentError(IdimError):
    """A component's name or parameters are unknown or do not fit."""


class CapacityError(IdimError):
    """Something does not fit into memory, or a file requires too much work."""


class FileError(IdimError):
    """A file could not be read, or is not what it claims to be."""


class MissingExtraError(IdimError):
    """An optional dependency is missing; the hint names the extra to install."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs the package {package!r}", f"pip install '{DISTRIBUTION}[{extra}]'")


class RunError(IdimError):
    """A training run failed (diverged, crashed)."""

    exit_code = RUN_FAILED


class ExitedError(IdimError):
    """User code tried to exit the program, which is a failed run."""

    exit_code = RUN_FAILED


@dataclass(frozen=True, order=True)
class Fault:
    """One error in a recipe and its place; line and column count from 1, 0 means unknown."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])
        what = f"{self.path}: {self.message}" if self.path else self.message
        return f"{where}: {what}" + (f" ({self.hint})" if self.hint else "")


class RecipeError(IdimError):
    """All faults of one recipe; of many, the first ones and the number of the others."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        listed = [_brief(fault) for fault in sorted(faults)[:MAX_FAULTS]]
        if len(faults) > len(listed):
            listed.append(Fault(listed[0].file, 0, 0, "", f"{len(faults) - len(listed)} further faults"))
        self.faults = tuple(listed)
        super().__init__("")
        self.message = "\n".join(map(str, listed))  # not cut to MAX_MESSAGE, as each fault is
        self.args = (self.message,)


def _brief(fault: Fault) -> Fault:
    file, path, message, hint = (
        brief(text, MAX_FAULT) for text in (fault.file, fault.path, fault.message, fault.hint)
    )
    return replace(fault, file=file, path=path, message=message, hint=hint)
