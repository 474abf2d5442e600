"""Every error that `idim` raises on purpose, with its exit code and a hint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OK, RUN_FAILED, USAGE, NOT_REACHED, SOME_FAILED = 0, 1, 2, 3, 4
REQUEUE, INTERRUPTED, TERMINATED = 75, 130, 143
#: Exit codes of the command line; 75 is the system's own for "try again", 130 and 143 for SIGINT and SIGTERM.
EXIT_CODES = {
    OK: "done",
    RUN_FAILED: "a run failed; in `idim doctor`, something needed is missing",
    USAGE: "the command line, a recipe, a file or the data are at fault",
    NOT_REACHED: "some d_int lies beyond the largest d; in `idim compress`, no file does what is asked",
    SOME_FAILED: "some runs failed, under `--keep-going`",
    INTERRUPTED: "stopped by Ctrl-C; what was begun is saved",
    TERMINATED: "stopped by SIGTERM; what was begun is saved",
    REQUEUE: "stopped by SIGUSR1, a cluster's notice; what was begun is saved: queue it again",
}


class IdimError(Exception):
    """Base of all errors shown to the user as one message, without a traceback.

    Attributes:
        hint: what to do about it, or an empty string.
        exit_code: what the process returns.
    """

    exit_code = USAGE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class DataError(IdimError):
    """A data set is absent or damaged."""


class ComponentError(IdimError):
    """A component's name or parameters are unknown or do not fit."""


class CapacityError(IdimError):
    """Something would not fit the memory of the device, or a file asks for too much work."""


class FileError(IdimError):
    """A file could not be read, or is not what it claims to be."""


class MissingExtraError(IdimError):
    """An optional dependency is absent; the hint names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs the package {package!r}", f"pip install 'idim[{extra}]'")


class RunError(IdimError):
    """A training run failed (diverged, crashed)."""

    exit_code = RUN_FAILED


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong with a recipe, and where; line and column count from 1, 0 means unknown."""

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
    """All faults of one recipe together."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))
