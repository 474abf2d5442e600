"""A pool of processes on this machine: one a GPU, or one a group of CPU cores."""

from __future__ import annotations

import contextlib
import signal
import warnings
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path

from idim_cli.core.errors import IdimError
from idim_cli.core.machine import pick_device
from idim_cli.execute.base import Result, Watcher
from idim_cli.execute.local import worker
from idim_cli.execute.local.fork_server import ForkServer, usable
from idim_cli.execute.local.worker_process import WorkerProcess, WorkerSlot, dismiss, seats
from idim_cli.execute.queue import Queue
from idim_cli.runs import results
from idim_cli.runs.plan import Run
from idim_cli.training import result, stop
from idim_cli.training.finished import done, run_folder
from idim_cli.training.prepare import Where
from idim_cli.training.run_log import RunLog

#: A run whose process was killed so often has failed.
DEATHS = 3
#: Seconds between two looks at whether a signal came.
LOOK_SECONDS = 0.2
# A worker asks for its next run at once after a result, and is answered before the result is passed on.
_AT_ONCE = 0.002
_STOPPED = {code: number for number, code in stop.SIGNALS.items()}


class Pool:
    """An `Executor` that hands runs to processes of its own and trains nothing itself.

    A worker that is killed costs only what it was at work on, which another one takes up from checkpoints; a
    run that takes its worker along three times has failed. Workers stay for the next `map`, until `close`.

    Args:
        workers: how many; None is one a GPU, and on the CPU one a core. Never more than there are runs.
        threads: of each worker; None shares out the cores.
        pack: as for `Inline`.
    """

    def __init__(self, workers: int | None = None, threads: int | None = None, pack: int | None = 1) -> None:
        self.workers, self.threads, self.pack = workers, threads, pack
        self.members: list[WorkerProcess] = []
        self.warned = set[worker.Warned]()  # each is shown once, whichever worker it comes from
        self.nursery: ForkServer | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> bool:
        """Have the workers save what is under way, and end; whether all did so in good order."""
        members, self.members = self.members, []
        nursery, self.nursery = self.nursery, None
        try:
            return dismiss(members)
        finally:
            if nursery is not None:
                nursery.close()

    def hire(self, seat: WorkerSlot) -> None:
        """One more worker, forked from a warm process where that can be."""
        if self.nursery is not None and self.nursery.gone:
            self.nursery.close()
            self.nursery = None
        if self.nursery is None and seat.forks and usable():
            self.nursery = ForkServer(seat.environment)
        self.members.append(WorkerProcess(seat, self.nursery))

    def map(
        self, runs: Sequence[Run], out: Path, where: Where, watcher: Watcher
    ) -> Iterator[tuple[Run, Result]]:
        """See `Executor.map`."""
        if runs:
            yield from _Map(self, runs, out, where, watcher).work()


class _Map:
    """One `map` of a pool."""

    def __init__(self, pool: Pool, runs: Sequence[Run], out: Path, where: Where, watcher: Watcher) -> None:
        device = pick_device(where.device or runs[0].recipe.device)
        self.seats = seats(device, pool.workers, pool.threads)
        self.pool, self.watcher, self.out, self.where = pool, watcher, out, where
        self.queue = Queue(runs, min(len(self.seats), len(runs)))
        beside = [seat.gpu == self.seats[0].gpu for seat in self.seats[: self.queue.workers]]
        self.shift = worker.Assignment(out.absolute(), where, pool.pack, 1 / sum(beside))
        self.ended: list[tuple[Run, Result]] = []
        self.left = 0  # runs of workers that a signal has stopped
        self.stillborn = 0  # workers in a row that ended before they had asked for a run

    def work(self) -> Iterator[tuple[Run, Result]]:
        """Yields each run as it ends. Unless all is done, the workers are sent home."""
        finished = False
        try:
            with stop.listening() as self.request:
                while self.queue.left:
                    self._call_in()
                    self._listen(LOOK_SECONDS)
                    self._listen(_AT_ONCE)
                    yield from self.ended
                    self.ended.clear()
                    if self.request.number:
                        raise self._stopped()
                    self.queue.look_again(self.watcher)
            finished = True
        finally:
            if not finished:
                self.pool.close()

    def _call_in(self) -> None:
        """Have as many workers at work as there are runs for them."""
        members = self.pool.members
        taken = {member.seat.number for member in members}
        for seat in self.seats:
            if len(members) < min(self.queue.workers, self.queue.open) and seat.number not in taken:
                self.pool.hire(seat)
        for member in members:
            if member.shift is None and self.queue.waiting:
                member.shift = self.shift
                member.send(self.shift)

    def _listen(self, seconds: float) -> None:
        """Hear what workers have to say, for at most so long."""
        talking = {member.connection: member for member in self.pool.members}
        for connection in wait(list(talking), seconds):
            member = talking[connection]  # type: ignore[index]
            try:
                message = member.connection.recv()
            except (EOFError, OSError):
                self._lost(member)
            else:
                self._hear(member, message)
        # Processes that a killed worker has started may hold its end of the connection open.
        for member in [one for one in self.pool.members if one.ended]:
            self._lost(member)

    def _hear(self, member: WorkerProcess, message: worker.Message) -> None:
        match message:
            case worker.RunRequest(config):
                member.asked, self.stillborn = True, 0
                # A worker that was slow to start may be in the shift of a `map` that has ended without it.
                present = member.shift is self.shift
                member.send(self.queue.next(config, member.runs) if present else None)
            case worker.Going(run_id, progress):
                self.watcher.progress(member.runs[run_id], progress)
            case worker.RunEnded(run_id, result):
                self._ended(member.runs.pop(run_id), result)
            case worker.Said(line):
                self.watcher.say(line)
            case worker.Warned() if message not in self.pool.warned:
                self.pool.warned.add(message)
                warnings.showwarning(*message)  # the worker has asked its filters already
            case worker.Idle():
                member.shift = None
            case worker.Broken(error):
                raise error

    def _ended(self, run: Run, result: Result | None) -> None:
        if result is None:
            self.queue.pass_by(run)
        else:
            self.queue.ended(run)
            self.ended.append((run, result))

    def _lost(self, member: WorkerProcess) -> None:
        """A worker has ended: by a signal that asks all to stop; or it was killed, and another takes over."""
        self.pool.members.remove(member)
        code = member.process.wait()
        if code in _STOPPED:
            self.request.number = _STOPPED[code]
            self.left += len(member.runs)
            return
        self.stillborn += not member.asked
        if self.stillborn == DEATHS:
            raise IdimError(f"worker processes cannot start: {_how(code)}", "--jobs 1 starts none")
        if member.runs:
            self.watcher.say(f"worker process {member.process.pid}: {_how(code)}; its runs are restarted")
        for run in member.runs.values():
            if self.queue.died(run) == DEATHS:
                self.queue.give_up(run)
                self._ended(run, self._failed(run, code))

    def _failed(self, run: Run, code: int) -> Result | None:
        """Write down that a run takes its process along; None if another process is at work on it now."""
        hint = "it may need more memory than there is: try --jobs 1, --pack 1 or a smaller batch"
        error = IdimError(f"its process ended {DEATHS} times before it did: {_how(code)}", hint)
        folder = run_folder(self.out, run)
        failed = result.failed(run, error, None, self.where.device or run.recipe.device)
        try:
            with results.sole_writer(folder):
                known = done(run, folder)  # by another process, in the meantime
                if known is not None:
                    return known
                RunLog(folder).log(f"failed: {error}")
                results.write_result(folder, failed)
        except results.HeldError:
            return None
        return failed

    def _stopped(self) -> stop.StoppedError:
        begun = self.left + sum(len(member.runs) for member in self.pool.members)
        orderly = self.pool.close()
        kept = "saved" if orderly else "that of their last checkpoint"
        runs = "1 run was" if begun == 1 else f"{begun} runs were"
        return stop.StoppedError(self.request.number, f"{runs} under way; the state is {kept}")


def _how(code: int) -> str:
    """What ended a process, in words."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
