"""The other end of a pool: a process that asks for runs, trains them, and tells what came of them.

It is forked from a warm process or started as a plain program (`worker_process`), not by
`multiprocessing`, which would import the user's main script once more: that fails for a script without a main
guard, and for code from a pipe.
The end of the connection is the sign to stop, whether the parent closed it or was killed.
"""

from __future__ import annotations

import signal
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from idim_cli.core.errors import FOREIGN, IdimError
from idim_cli.core.machine import keep_freed_memory
from idim_cli.core.user_code import no_exit
from idim_cli.execute.base import Result
from idim_cli.execute.queue import QueuedRun
from idim_cli.runs.plan import Run
from idim_cli.training.stop import SIGNALS, Request, StoppedError, listening

if TYPE_CHECKING:
    from idim_cli.training.session import Progress
    from idim_cli.training.where import Where

#: Seconds between two signs of life of a run, times the runs that are trained side by side.
TICK_SECONDS = 0.2


@dataclass(frozen=True)
class Assignment:
    """What a worker is to do until it is handed no more runs.

    Attributes:
        out, where, pack, share: as for `inline.serve`.
    """

    out: Path
    where: Where
    pack: int | None
    share: float


class RunRequest(NamedTuple):
    """A worker asks for a run of this kind; it is answered by a `QueuedRun` or None."""

    config: str | None


class Going(NamedTuple):
    """A run goes on."""

    run_id: str
    progress: Progress


class RunEnded(NamedTuple):
    """A run has its result; None: another process is at work on it."""

    run_id: str
    result: Result | None


class Said(NamedTuple):
    """A line for the watcher."""

    line: str


class Warned(NamedTuple):
    """A warning of user code or a library: what `warnings.showwarning` takes."""

    message: str
    category: type[Warning]
    filename: str
    lineno: int


class Idle(NamedTuple):
    """A worker was handed no more runs, and waits for the next shift."""


class Broken(NamedTuple):
    """A worker cannot go on, and no other could."""

    error: Exception


Message = RunRequest | Going | RunEnded | Said | Warned | Idle | Broken


def main(number: int) -> int:
    """Work for the process at the other end of the connection `number`; the exit code.

    It is 0 when the parent wants nothing more, and `StoppedError.exit_code` when a signal, or the parent's
    end, stopped a run that is now saved.
    """
    for signal_number in SIGNALS:
        signal.signal(signal_number, signal.SIG_IGN)  # what a second one meets: saving is not cut short
    keep_freed_memory()
    no_exit()
    with listening() as request, Connection(number) as parent:
        worker = Worker(parent, request)
        warnings.showwarning = worker.warn
        try:
            worker.work()
        except StoppedError as stopped:
            return stopped.exit_code
        except FOREIGN as error:
            worker.tell(Broken(_portable(error)))
            return 1
    return 0


class Worker:
    """One process of a pool.

    Args:
        parent: where runs come from and results go to.
        request: which signal has asked to stop.
    """

    def __init__(self, parent: Connection, request: Request) -> None:
        self.parent, self.request = parent, request
        self.due: dict[str, float] = {}  # when a run may report again
        self.warned = set[Warned]()

    def work(self) -> None:
        """One shift after the other, until the connection ends."""
        from idim_cli.execute.inline import serve

        while (shift := self._hear()) is not None:
            for run, result in serve(
                self.ask, shift.out, shift.where, shift.pack, self.on_step, self.say, shift.share
            ):
                self.due.pop(run.run_id, None)
                self.tell(RunEnded(run.run_id, result))
            if self.request.number:
                raise StoppedError(self.request.number, "between two runs")
            self.tell(Idle())

    def ask(self, config: str | None) -> QueuedRun | None:
        """A run from the parent; None when it has none, or when it is time to stop."""
        self.tell(RunRequest(config))
        task: QueuedRun | None = self._hear()
        return None if self.request.number else task

    def on_step(self, run: Run, progress: Progress) -> None:
        """Tell the parent how a run goes on, now and then; look whether it is still there."""
        if self.parent.poll():  # it says nothing unasked: this is its end
            self._hear()
        now = time.monotonic()
        if now >= self.due.get(run.run_id, 0.0):
            self.due[run.run_id] = now + TICK_SECONDS * max(len(self.due), 1)
            self.tell(Going(run.run_id, progress))

    def say(self, line: str) -> None:
        """A line for the watcher."""
        self.tell(Said(line))

    def warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        *_: object,
        **__: object,
    ) -> None:
        """Pass a warning on, each once; one of a class of its own as one of the nearest of Python's."""
        known = next(kind for kind in category.__mro__ if kind.__module__ == "builtins")
        warned = Warned(str(message), known, filename, lineno)
        if warned not in self.warned:
            self.warned.add(warned)
            self.tell(warned)

    def tell(self, message: NamedTuple) -> None:
        """Send a message to the parent; if it is gone, a run that is under way is saved and stops."""
        with self._parent_may_be_gone():
            self.parent.send(message)

    def _hear(self) -> Any:
        """What the parent says; None, and the request to stop, when it is gone."""
        with self._parent_may_be_gone():
            return self.parent.recv()

    @contextmanager
    def _parent_may_be_gone(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):
            self.request.number = self.request.number or signal.SIGTERM


def _portable(error: BaseException) -> Exception:
    """An error that can be sent: many cannot be made again from their arguments at the other end."""
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, error.strerror, error.filename)
    if isinstance(error, IdimError):
        found = IdimError(error.message, error.hint)
        found.exit_code = error.exit_code
        return found
    return RuntimeError("".join(traceback.format_exception(error)))
