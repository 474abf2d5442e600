"""A process that has imported everything that workers need and forks them, so that imports take time once.

It trains nothing and starts no threads, as threads do not survive forks. Workers on GPUs are plain processes.
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

# Signals to stop are handled by the parent; workers stop at the end of their connection.
_PROGRAM = """
import signal, sys
for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
sys.path[:] = {path!r}
from idim_cli.execute.local.fork_server import serve
serve({number}, {ahead!r})
"""
# Takes a second to import. If the parent has it after its trial steps, a model or optimizer needs it.
_AHEAD = ("torch._dynamo",)

_end = os._exit  # user code in a worker is prevented from calling it
_UNKNOWN = -signal.SIGKILL  # how a worker ended if the fork server is gone too


def usable() -> bool:
    """Whether this system reports the end of any process, and can pass connections."""
    return hasattr(os, "pidfd_open") and hasattr(socket, "send_fds")


class ForkServer:
    """The fork server, from the side of the pool.

    Args:
        environment: variables for it and its workers.

    Attributes:
        gone: whether it has ended, and all its messages are read.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.gone, self._partial = False, b""
        self._starting: deque[ForkedWorker] = deque()
        self._alive: dict[int, ForkedWorker] = {}
        self.socket, theirs = socket.socketpair()
        ahead = [name for name in _AHEAD if name in sys.modules]
        with theirs:
            number = theirs.fileno()
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM.format(path=sys.path, number=number, ahead=ahead)],
                env={**os.environ, **environment},
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                stdout=2,  # stderr: what user code prints must not mix with the data on stdout
            )

    def fork(self, connection: int) -> ForkedWorker:
        """A worker at the other end of a connection, once the imports are done."""
        one = ForkedWorker(self)
        self._starting.append(one)
        with contextlib.suppress(OSError):  # if it is gone, `listen` notices
            socket.send_fds(self.socket, [b"+"], [connection])
        return one

    def listen(self, seconds: float | None = 0) -> None:
        """Read its messages about workers, waiting at most `seconds`; None waits for one."""
        if self.gone or not wait([self.socket], seconds):
            return
        data = b""
        with contextlib.suppress(OSError):
            # A read may end within a message; the rest is kept in `_partial`.
            data = self.socket.recv(1 << 16)
        # An empty read is the end of the connection.
        self.gone = not data
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._handle(json.loads(line))

    def _handle(self, message: Mapping[str, int]) -> None:
        if "born" in message:
            self._alive[message["born"]] = self._starting.popleft()
            self._alive[message["born"]].born(message["born"])
        else:
            self._alive.pop(message["ended"]).code = message["code"]

    def close(self) -> None:
        """End it; remaining workers end with their own connections."""
        self.socket.close()
        self.process.wait()


class ForkedWorker:
    """A worker of a fork server, with the interface of `subprocess.Popen`.

    Attributes:
        code: exit code; None while unknown.
    """

    def __init__(self, fork_server: ForkServer) -> None:
        self.fork_server, self._pid, self._handle = fork_server, 0, -1
        self.code: int | None = None

    def born(self, pid: int) -> None:
        """Set its process id once it has started."""
        self._pid = pid
        with contextlib.suppress(OSError):  # it has already ended
            self._handle = os.pidfd_open(pid)

    @property
    def pid(self) -> int:
        """Its process id, once it has one; 0 if the fork server is gone."""
        while not self._pid and not self.fork_server.gone:
            self.fork_server.listen(None)
        return self._pid

    def poll(self) -> int | None:
        """Exit code; None while it runs."""
        self.fork_server.listen()
        if self.code is None and self.fork_server.gone and (self._handle < 0 or wait([self._handle], 0)):
            self.code = self.fork_server.process.wait() or _UNKNOWN
        if self.code is not None and self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        return self.code

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        while (code := self.poll()) is None:
            if self.fork_server.gone:
                wait([self._handle])
            else:
                self.fork_server.listen(None)
        return code

    def kill(self) -> None:
        """Kill it, if it has not ended."""
        # By its handle: another process may have its process id by now.
        if self.pid and self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)


def serve(number: int, ahead: Iterable[str]) -> None:
    """Fork a worker for each connection that arrives over the socket `number`, until that ends.

    The modules `ahead` are imported first.
    """
    # Imported once here; forks share the memory of the modules.
    for name in ("numba", "idim_cli.execute.inline", *ahead):
        importlib.import_module(name)

    gc.freeze()  # the collector would otherwise write to pages that forks share
    children: dict[int, int] = {}  # pid by handle
    # A parent that was killed with unread messages resets the connection.
    with socket.socket(fileno=number) as parent, contextlib.suppress(ConnectionError):
        while True:
            ready: list[Any] = wait([parent, *children])
            # Ended workers are reported before new ones are forked, so that messages stay in order.
            for handle in [one for one in ready if one in children]:
                _send(parent, {"ended": children[handle], "code": _reaped(children.pop(handle))})
                os.close(handle)
            if parent in ready:
                data, connections, *_ = socket.recv_fds(parent, 1, 1)
                if not data:
                    return
                pid = _born(connections[0], parent)
                os.close(connections[0])
                children[os.pidfd_open(pid)] = pid
                _send(parent, {"born": pid})


def _send(parent: socket.socket, message: Mapping[str, int]) -> None:
    with contextlib.suppress(OSError):  # the parent is gone
        parent.sendall(json.dumps(message).encode() + b"\n")


def _reaped(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _born(connection: int, parent: socket.socket) -> int:
    """Fork a worker; returns only in the fork server."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        from idim_cli.execute.local.worker import main

        # A copy in a worker would keep the connection of the fork server open after its end.
        parent.close()
        code = main(connection)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        # By `os._exit`, which flushes nothing: handlers at exit belong to the fork server.
        sys.stderr.flush()
        _end(code)
