"""The entry point: handlers of signals are installed before the slow imports."""

from __future__ import annotations

import os
import signal
from types import FrameType

# As in `idim_cli.core.errors`, which is not imported yet.
_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 75}
_exit = os._exit  # user code is prevented from calling it later


def _end(number: int, frame: FrameType | None) -> None:
    # An exception would be raised inside a half-done import, which some modules catch.
    _exit(_CODES[signal.Signals(number).name])


def main() -> None:
    """Run the command line; a signal during its imports ends it like a later one, without a traceback."""
    # Python's own handlers would print a traceback of a half-done import.
    for name in _CODES:
        # Windows has no SIGUSR1.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    try:
        from idim_cli.cli import app
        from idim_cli.core.user_code import ending, no_c_exit

        no_c_exit()
        app.main()
        ending(0)
    except KeyboardInterrupt:  # between the handlers of Python and of the command
        _exit(_CODES["SIGINT"])
    except SystemExit as end:
        ending(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise


if __name__ == "__main__":
    main()
