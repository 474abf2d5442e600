"""A worker process of a pool, which requests runs, trains them, and sends their results.

It is forked from the fork server or started as a plain program (`worker_process`), not by `multiprocessing`,
which would import the user's main script again: that fails for a script without a main guard, and for code
from a pipe. It stops at the end of the connection, whether the parent closed it or was killed.
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

#: Seconds between two updates of a run, multiplied by the number of runs in training.
TICK_SECONDS = 0.2


@dataclass(frozen=True)
class Assignment:
    """The settings for runs until the queue is empty.

    Attributes:
        out, where, pack, share: as for `inline.serve`.
    """

    out: Path
    where: Where
    pack: int | None
    share: float


class RunRequest(NamedTuple):
    """A request for a run of this kind; the answer is a `QueuedRun` or None."""

    config: str | None


class Update(NamedTuple):
    """The progress of a run."""

    run_id: str
    progress: Progress


class RunEnded(NamedTuple):
    """A run has its result; None: another process trains it."""

    run_id: str
    result: Result | None


class Message(NamedTuple):
    """A line for the watcher."""

    line: str


class Warned(NamedTuple):
    """A warning of user code or a library: the arguments of `warnings.showwarning`."""

    message: str
    category: type[Warning]
    filename: str
    lineno: int


class Idle(NamedTuple):
    """A worker has got no more runs, and waits for the next assignment."""


class Broken(NamedTuple):
    """A worker cannot continue, nor could any other."""

    error: Exception


AnyMessage = RunRequest | Update | RunEnded | Message | Warned | Idle | Broken


def main(number: int) -> int:
    """Work for the process at the other end of the connection `number`; returns the exit code.

    It is 0 at the regular end, and `StoppedError.exit_code` if a signal, or the end of the parent, stopped a
    run, which is saved.
    """
    for signal_number in SIGNALS:
        signal.signal(signal_number, signal.SIG_IGN)  # for a second signal, which must not interrupt saving
    # For this process too: a forked worker inherits it, a new one does not.
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
            worker.send(Broken(_portable(error)))
            return 1
    return 0


class Worker:
    """One process of a pool.

    Args:
        parent: connection for runs and results.
        request: the signal to stop, if there was one.
    """

    def __init__(self, parent: Connection, request: Request) -> None:
        self.parent, self.request = parent, request
        self.due: dict[str, float] = {}  # time of the next update of a run
        self.warned = set[Warned]()

    def work(self) -> None:
        """Work through assignments until the connection ends."""
        from idim_cli.execute.inline import serve

        while (assignment := self._receive()) is not None:
            for run, result in serve(
                self.ask,
                assignment.out,
                assignment.where,
                assignment.pack,
                self.on_step,
                self.say,
                assignment.share,
            ):
                self.due.pop(run.run_id, None)
                self.send(RunEnded(run.run_id, result))
            if self.request.number:
                raise StoppedError(self.request.number, "between two runs")
            self.send(Idle())

    def ask(self, config: str | None) -> QueuedRun | None:
        """A run from the parent; None if it has none, or after a signal to stop."""
        self.send(RunRequest(config))
        task: QueuedRun | None = self._receive()
        # After a signal nothing begins; a run that has not begun needs no saving.
        return None if self.request.number else task

    def on_step(self, run: Run, progress: Progress) -> None:
        """Send the progress of a run now and then, and check that the parent is still there."""
        if self.parent.poll():  # it sends nothing unrequested, so this is its end
            self._receive()
        now = time.monotonic()
        if now >= self.due.get(run.run_id, 0.0):
            # With the number of runs, so that a large pack does not flood the parent.
            self.due[run.run_id] = now + TICK_SECONDS * max(len(self.due), 1)
            self.send(Update(run.run_id, progress))

    def say(self, line: str) -> None:
        """A line for the watcher."""
        self.send(Message(line))

    def warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        *_: object,
        **__: object,
    ) -> None:
        """Pass a warning on, once; its class becomes the nearest of Python's, which the parent knows."""
        known = next(kind for kind in category.__mro__ if kind.__module__ == "builtins")
        warned = Warned(str(message), known, filename, lineno)
        if warned not in self.warned:
            self.warned.add(warned)
            self.send(warned)

    def send(self, message: NamedTuple) -> None:
        """Send a message to the parent; if that is gone, unfinished runs are saved and stop."""
        with self._parent_may_be_gone():
            self.parent.send(message)

    def _receive(self) -> Any:
        """A message of the parent; None, with a request to stop, if it is gone."""
        with self._parent_may_be_gone():
            return self.parent.recv()

    @contextmanager
    def _parent_may_be_gone(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):
            self.request.number = self.request.number or signal.SIGTERM


def _portable(error: BaseException) -> Exception:
    """The error in a form that can be sent: many classes cannot be unpickled from their arguments."""
    # With its number, which decides the message and exit code in the parent.
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, error.strerror, error.filename)
    if isinstance(error, IdimError):
        found = IdimError(error.message, error.hint)
        found.exit_code = error.exit_code
        return found
    return RuntimeError("".join(traceback.format_exception(error)))
