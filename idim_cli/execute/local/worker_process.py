"""The processes of a pool: their devices and threads, their start and their end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable
from multiprocessing import Pipe
from typing import Any, NamedTuple

import torch

from idim_cli.core.machine import DATA_WORKERS, cores, data_workers
from idim_cli.execute.local.fork_server import ForkedWorker, ForkServer
from idim_cli.execute.local.worker import Assignment
from idim_cli.runs.plan import Run
from idim_cli.training.stop import SIGNALS

_DEVICES = "CUDA_VISIBLE_DEVICES"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
# The parent handles SIGINT, so the worker ignores it from the start.
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = {path!r}
from idim_cli.execute.local.worker import main
sys.exit(main({number}))
"""


class WorkerSlot(NamedTuple):
    """The resources of a worker: its number, its threads, the only GPU that it sees, whether it is forked.

    `readers` are the processes that read examples ahead for each of its trainings.
    """

    number: int
    threads: int
    gpu: str | None
    forks: bool = False  # a GPU cannot be used in a fork
    readers: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """Variables for its process."""
        limits = dict.fromkeys(_THREADS, str(self.threads)) | {DATA_WORKERS: str(self.readers)}
        return limits if self.gpu is None else {**limits, _DEVICES: self.gpu}


def slots(device: torch.device, workers: int | None, threads: int | None = None) -> list[WorkerSlot]:
    """The slots of the workers of a pool.

    Args:
        device: of the runs; ``cuda`` without a number means all GPUs.
        workers: their number; None is one for each GPU, or for each core.
        threads: of each; None divides the cores, up to OMP_NUM_THREADS.
    """
    gpus: list[str] = _gpus() if device.type == "cuda" and device.index is None else []
    number = workers or len(gpus) or (cores() if device.type == "cpu" else 1)
    # OpenMP allows a list; the first number is for the outermost level.
    asked = int((os.environ.get(_THREADS[0]) or str(cores())).partition(",")[0])
    # Never more threads than cores in all: processes would slow each other.
    each = threads or max(1, min(cores() // number, asked))
    forks, readers = device.type == "cpu", data_workers(number)
    return [
        WorkerSlot(at, each, gpus[at % len(gpus)] if gpus else None, forks, readers) for at in range(number)
    ]


def _gpus() -> list[str]:
    named = os.environ.get(_DEVICES)
    return named.split(",") if named else [str(at) for at in range(torch.cuda.device_count())]


def _started(slot: WorkerSlot, number: int) -> subprocess.Popen[bytes]:
    """A worker at the other end of the connection `number`, with its own imports."""
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(path=sys.path, number=number)],
        env={**os.environ, **slot.environment},
        pass_fds=[number],
        stdin=subprocess.DEVNULL,
        stdout=2,  # stderr: what user code prints must not mix with the data on stdout
    )


class WorkerProcess:
    """A worker, from the side of the pool.

    Args:
        slot: from `slots`.
        fork_server: forks it; None starts a new process.

    Attributes:
        connection: to it.
        runs: that it trains, by run_id.
        assignment: its current one; None while it is idle.
        asked: whether it has ever requested a run.
    """

    def __init__(self, slot: WorkerSlot, fork_server: ForkServer | None = None) -> None:
        self.slot, self.runs = slot, dict[str, Run]()
        self.assignment: Assignment | None = None
        self.asked = False
        self.connection, other = Pipe()
        with other:
            number = other.fileno()
            self.process: ForkedWorker | subprocess.Popen[bytes] = (
                fork_server.fork(number) if fork_server else _started(slot, number)
            )

    @property
    def ended(self) -> bool:
        """Whether the process is gone, and all its messages are read."""
        return self.process.poll() is not None and not self.connection.poll()

    def send(self, message: Any) -> None:
        """Send a message; if the worker is dead, `ended` shows it."""
        with contextlib.suppress(ConnectionError):
            self.connection.send(message)


def dismiss(members: Iterable[WorkerProcess]) -> bool:
    """Make workers save unfinished runs and end; returns whether all did."""
    members = list(members)
    try:
        for member in members:
            # All of them first, so that they save at the same time.
            member.connection.close()
        codes = [member.process.wait() for member in members]
    finally:  # after a second signal, without waiting
        for member in members:
            member.process.kill()
            member.process.wait()
    return set(codes) <= {0, *SIGNALS.values()}
