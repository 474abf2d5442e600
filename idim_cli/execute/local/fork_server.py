"""A warm process that has imported all that workers need, and forks one at a time: imports are paid for once.

It trains nothing and starts no threads, so that its forks are sound. Workers on GPUs are plain processes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Iterable, Mapping
from multiprocessing.connection import wait
from typing import Any

# What asks to stop is the parent's business, whose end is the end of the connection.
_PROGRAM = """
import signal, sys
for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
sys.path[:] = {path!r}
from idim_cli.execute.local.fork_server import serve
serve({number}, {ahead!r})
"""
# It takes a second to import, and some models and optimizers use it; the parent has made a real step of each.
_AHEAD = ("torch._dynamo",)

_end = os._exit  # which a worker refuses to foreign code from its beginning on
_UNKNOWN = -signal.SIGKILL  # how a worker ended, where the nursery is gone too


def usable() -> bool:
    """Whether this system tells of the end of any process, and can hand over connections."""
    return hasattr(os, "pidfd_open") and hasattr(socket, "send_fds")


class ForkServer:
    """The warm process as the pool sees it.

    Args:
        environment: what is set for it and its workers.

    Attributes:
        gone: whether it has ended, and all that it said was heard.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.gone, self._said = False, b""
        self._unborn: deque[Forked] = deque()
        self._alive: dict[int, Forked] = {}
        self.socket, theirs = socket.socketpair()
        ahead = [name for name in _AHEAD if name in sys.modules]
        with theirs:
            number = theirs.fileno()
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM.format(path=sys.path, number=number, ahead=ahead)],
                env={**os.environ, **environment},
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what the user's code prints is not among the data
            )

    def fork(self, connection: int) -> Forked:
        """A worker at the other end of a connection, as soon as the nursery is warm."""
        one = Forked(self)
        self._unborn.append(one)
        with contextlib.suppress(OSError):  # it is gone, which shows when it is listened to
            socket.send_fds(self.socket, [b"+"], [connection])
        return one

    def listen(self, seconds: float | None = 0) -> None:
        """Hear what it has to say of its workers, for at most so long; None until there is something."""
        if self.gone or not wait([self.socket], seconds):
            return
        data = b""
        with contextlib.suppress(OSError):
            data = self.socket.recv(1 << 16)
        self.gone = not data
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))

    def _hear(self, told: Mapping[str, int]) -> None:
        if "born" in told:
            self._alive[told["born"]] = self._unborn.popleft()
            self._alive[told["born"]].born(told["born"])
        else:
            self._alive.pop(told["ended"]).code = told["code"]

    def close(self) -> None:
        """Let it go; workers that are left end with their own connections."""
        self.socket.close()
        self.process.wait()


class Forked:
    """A worker of a nursery, in the manner of `subprocess.Popen`.

    Attributes:
        code: how it ended; None while that is not known.
    """

    def __init__(self, nursery: ForkServer) -> None:
        self.nursery, self._pid, self._handle = nursery, 0, -1
        self.code: int | None = None

    def born(self, pid: int) -> None:
        """It has begun."""
        self._pid = pid
        with contextlib.suppress(OSError):  # it has ended already
            self._handle = os.pidfd_open(pid)

    @property
    def pid(self) -> int:
        """Its number, once it has one; 0 where the nursery is gone."""
        while not self._pid and not self.nursery.gone:
            self.nursery.listen(None)
        return self._pid

    def poll(self) -> int | None:
        """How it ended; None while it has not."""
        self.nursery.listen()
        if self.code is None and self.nursery.gone and (self._handle < 0 or wait([self._handle], 0)):
            self.code = self.nursery.process.wait() or _UNKNOWN
        if self.code is not None and self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        return self.code

    def wait(self) -> int:
        """Wait for its end; how that came."""
        while (code := self.poll()) is None:
            if self.nursery.gone:
                wait([self._handle])
            else:
                self.nursery.listen(None)
        return code

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        """A signal to it, and never to another process that has its number by now."""
        if self.pid and self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)


def serve(number: int, ahead: Iterable[str]) -> None:
    """Fork a worker for each connection that comes over the socket `number`, until that ends.

    The modules `ahead` are imported before, as what all workers need.
    """
    for name in ("numba", "idim_cli.execute.inline", *ahead):
        importlib.import_module(name)

    gc.freeze()  # pages that are shared stay so
    children: dict[int, int] = {}  # pid by handle
    # A parent that was killed resets the connection if it left something unread.
    with socket.socket(fileno=number) as parent, contextlib.suppress(ConnectionError):
        while True:
            ready: list[Any] = wait([parent, *children])
            for handle in [one for one in ready if one in children]:
                _tell(parent, {"ended": children[handle], "code": _reaped(children.pop(handle))})
                os.close(handle)
            if parent in ready:
                data, connections, *_ = socket.recv_fds(parent, 1, 1)
                if not data:
                    return
                pid = _born(connections[0], parent)
                os.close(connections[0])
                children[os.pidfd_open(pid)] = pid
                _tell(parent, {"born": pid})


def _tell(parent: socket.socket, told: Mapping[str, int]) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        parent.sendall(json.dumps(told).encode() + b"\n")


def _reaped(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _born(connection: int, parent: socket.socket) -> int:
    """Fork a worker; returns in the nursery alone."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        from idim_cli.execute.local.worker import main

        parent.close()
        code = main(connection)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        _end(code)
