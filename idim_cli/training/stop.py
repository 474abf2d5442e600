"""Stopping in good order: the first SIGINT or SIGTERM asks, the second one ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from idim_cli.errors import INTERRUPTED, TERMINATED, IdimError


class StoppedError(IdimError):
    """A training was asked to stop, and its state is saved."""

    label = "stopped"

    def __init__(self, number: int, message: str, hint: str = "the same command goes on from here") -> None:
        super().__init__(message, hint)
        self.exit_code = INTERRUPTED if number == signal.SIGINT else TERMINATED


class Request:
    """Which signal has asked to stop; 0 is none."""

    number: int = 0


_heard: list[Request] = []  # what the outermost `listening` of this process hears; empty outside


@contextmanager
def listening() -> Iterator[Request]:
    """Catch SIGINT and SIGTERM while the block runs; in a thread other than the main one, nothing.

    A second signal meets the handlers that were there before, so that it ends the process. A block within
    another, in whatever order they end, hears what the outer one hears.
    """
    if _heard or threading.current_thread() is not threading.main_thread():
        yield _heard[0] if _heard else Request()
        return
    request = Request()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

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
