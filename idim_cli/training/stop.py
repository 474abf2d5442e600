"""Graceful stop: the first SIGINT, SIGTERM or SIGUSR1 saves the state, a second one ends the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from idim_cli.core.errors import INTERRUPTED, REQUEUE, TERMINATED, IdimError

#: The signals that request a stop, with their exit codes.
SIGNALS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
if hasattr(signal, "SIGUSR1"):  # a cluster's notice before the time limit; Windows has none
    SIGNALS[signal.SIGUSR1] = REQUEUE


class StoppedError(IdimError):
    """A training was stopped by a signal; its state is saved."""

    label = "stopped"

    def __init__(self, number: int, message: str, hint: str = "run the same command again to resume") -> None:
        super().__init__(message, hint)
        self.exit_code = SIGNALS[signal.Signals(number)]


class Request:
    """The signal that was received; 0 is none."""

    number: int = 0


_outermost: list[Request] = []  # the request of the outermost `listening` of this process, if any


@contextmanager
def listening() -> Iterator[Request]:
    """Catch the `SIGNALS` while the block runs; nested blocks share the request of the outermost one."""
    # Generators of a pack end in any order: only the outermost block may install and restore handlers.
    # Python allows that in the main thread alone; in another one nothing is caught.
    if _outermost or threading.current_thread() is not threading.main_thread():
        yield _outermost[0] if _outermost else Request()
        return
    request = Request()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def ask(number: int, frame: FrameType | None) -> None:
        request.number = number
        _restore(before)  # a second signal ends the process, also during a step that never ends

    for number in before:
        signal.signal(number, ask)
    _outermost.append(request)
    try:
        yield request
    finally:
        _outermost.clear()
        _restore(before)


def _restore(handlers: Mapping[signal.Signals, object]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
