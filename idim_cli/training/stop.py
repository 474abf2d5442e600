"""Stopping in good order: the first SIGINT, SIGTERM or SIGUSR1 asks, the second one ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from idim_cli.core.errors import INTERRUPTED, REQUEUE, TERMINATED, IdimError

#: The signals that ask to stop, and the exit codes that tell them.
SIGNALS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
if hasattr(signal, "SIGUSR1"):
    SIGNALS[signal.SIGUSR1] = REQUEUE


class StoppedError(IdimError):
    """A training was asked to stop, and its state is saved."""

    label = "stopped"

    def __init__(self, number: int, message: str, hint: str = "the same command goes on from here") -> None:
        super().__init__(message, hint)
        self.exit_code = SIGNALS[signal.Signals(number)]


class Request:
    """Which signal has asked to stop; 0 is none."""

    number: int = 0


_heard: list[Request] = []  # what the outermost `listening` of this process hears; empty outside


@contextmanager
def listening() -> Iterator[Request]:
    """Catch the `SIGNALS` while the block runs; in a thread other than the main one, nothing.

    A second signal meets the handlers that were there before, so that it ends the process. A block within
    another, in whatever order they end, hears what the outer one hears.
    """
    if _heard or threading.current_thread() is not threading.main_thread():
        yield _heard[0] if _heard else Request()
        return
    request = Request()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def ask(number: int, frame: FrameType | None) -> None:
        request.number = number
        _restore(before)

    for number in before:
        signal.signal(number, ask)
    _heard.append(request)
    try:
        yield request
    finally:
        _heard.clear()
        _restore(before)


def _restore(handlers: Mapping[signal.Signals, object]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
