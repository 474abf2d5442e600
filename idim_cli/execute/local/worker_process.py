"""The processes of a pool: where each of them computes, how it is started, and how it ends."""

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
from idim_cli.execute.local.fork_server import Forked, ForkServer
from idim_cli.execute.local.worker import Assignment
from idim_cli.runs.plan import Run
from idim_cli.training.stop import SIGNALS

_DEVICES = "CUDA_VISIBLE_DEVICES"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
# SIGINT is the parent's business from the first moment on.
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = {path!r}
from idim_cli.execute.local.worker import main
sys.exit(main({number}))
"""


class WorkerSlot(NamedTuple):
    """Where a worker computes: its number, its threads, the GPU that alone it sees, whether it is forked.

    `readers` are the processes that read examples ahead for each of its trainings.
    """

    number: int
    threads: int
    gpu: str | None
    forks: bool = False  # a fork cannot take a GPU along
    readers: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """What is set for its process."""
        limits = dict.fromkeys(_THREADS, str(self.threads)) | {DATA_WORKERS: str(self.readers)}
        return limits if self.gpu is None else {**limits, _DEVICES: self.gpu}


def seats(device: torch.device, workers: int | None, threads: int | None = None) -> list[WorkerSlot]:
    """Where each worker of a pool computes.

    Args:
        device: of the runs; ``cuda`` without a number stands for all GPUs.
        workers: how many; None is one a GPU, and on the CPU one a core.
        threads: of each; None shares out the cores, and heeds a lower OMP_NUM_THREADS.
    """
    gpus: list[str] = _gpus() if device.type == "cuda" and device.index is None else []
    number = workers or len(gpus) or (cores() if device.type == "cpu" else 1)
    # OpenMP allows a list, of which the first number is for the outermost level.
    asked = int((os.environ.get(_THREADS[0]) or str(cores())).partition(",")[0])
    each = threads or max(1, min(cores() // number, asked))
    forks, readers = device.type == "cpu", data_workers(number)
    return [
        WorkerSlot(at, each, gpus[at % len(gpus)] if gpus else None, forks, readers) for at in range(number)
    ]


def _gpus() -> list[str]:
    named = os.environ.get(_DEVICES)
    return named.split(",") if named else [str(at) for at in range(torch.cuda.device_count())]


def _started(seat: WorkerSlot, number: int) -> subprocess.Popen[bytes]:
    """A worker at the other end of the connection `number`, with imports of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(path=sys.path, number=number)],
        env={**os.environ, **seat.environment},
        pass_fds=[number],
        stdin=subprocess.DEVNULL,
        stdout=2,  # what the user's code prints is not among the data
    )


class WorkerProcess:
    """A worker as its pool sees it.

    Args:
        seat: from `seats`.
        nursery: the warm process that it is forked from; None starts it afresh.

    Attributes:
        connection: to it.
        runs: that it is at work on, by run_id.
        shift: what it was told to do; None while it waits for that.
        asked: whether it has ever asked for a run.
    """

    def __init__(self, seat: WorkerSlot, nursery: ForkServer | None = None) -> None:
        self.seat, self.runs = seat, dict[str, Run]()
        self.shift: Assignment | None = None
        self.asked = False
        self.connection, other = Pipe()
        with other:
            number = other.fileno()
            self.process: Forked | subprocess.Popen[bytes] = (
                nursery.fork(number) if nursery else _started(seat, number)
            )

    @property
    def ended(self) -> bool:
        """Whether the process is gone, and all that it said was heard."""
        return self.process.poll() is not None and not self.connection.poll()

    def send(self, message: Any) -> None:
        """Send; if it is dead, that shows when it is listened to."""
        with contextlib.suppress(ConnectionError):
            self.connection.send(message)


def dismiss(members: Iterable[WorkerProcess]) -> bool:
    """Have workers save what is under way and end; whether all did so in good order."""
    members = list(members)
    try:
        for member in members:
            member.connection.close()
        codes = [member.process.wait() for member in members]
    finally:  # when a second signal came, without waiting
        for member in members:
            member.process.kill()
            member.process.wait()
    return set(codes) <= {0, *SIGNALS.values()}
