"""A pool of processes on this machine: one for each GPU, or for each group of CPU cores."""

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
from idim_cli.execute.local.worker_process import WorkerProcess, WorkerSlot, dismiss, slots
from idim_cli.execute.queue import Queue
from idim_cli.runs import results
from idim_cli.runs.plan import Run
from idim_cli.training import result, stop
from idim_cli.training.finished import done, run_folder
from idim_cli.training.prepare import Where
from idim_cli.training.run_log import RunLog

#: A run has failed after its process was killed this often: once may be the fault of another process.
DEATHS = 3
#: Seconds between two checks for a signal.
CHECK_SECONDS = 0.2
# A worker requests its next run right after a result, and is answered before the result is processed.
_REPLY_SECONDS = 0.002
_STOPPED = {code: number for number, code in stop.SIGNALS.items()}


class Pool:
    """An `Executor` that distributes runs to worker processes.

    If a worker is killed, others resume its runs from their checkpoints; a run that kills its worker three
    times has failed. Workers stay for the next `map`, until `close`.

    Args:
        workers: their number; None is one for each GPU, or for each core. Never more than there are runs.
        threads: of each worker; None divides the cores.
        pack: as for `Inline`.
    """

    def __init__(self, workers: int | None = None, threads: int | None = None, pack: int | None = 1) -> None:
        self.workers, self.threads, self.pack = workers, threads, pack
        self.members: list[WorkerProcess] = []
        self.warned = set[worker.Warned]()  # each is shown once, whichever worker it comes from
        self.fork_server: ForkServer | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> bool:
        """Make the workers save unfinished runs and end; returns whether all did."""
        members, self.members = self.members, []
        fork_server, self.fork_server = self.fork_server, None
        try:
            # Before the fork server, which reports how its workers end.
            return dismiss(members)
        finally:
            if fork_server is not None:
                fork_server.close()

    def start_worker(self, slot: WorkerSlot) -> None:
        """Start a worker, forked from the fork server if possible."""
        if self.fork_server is not None and self.fork_server.gone:
            self.fork_server.close()
            self.fork_server = None
        if self.fork_server is None and slot.forks and usable():
            self.fork_server = ForkServer(slot.environment)
        self.members.append(WorkerProcess(slot, self.fork_server))

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
        self.slots = slots(device, pool.workers, pool.threads)
        self.pool, self.watcher, self.out, self.where = pool, watcher, out, where
        self.queue = Queue(runs, min(len(self.slots), len(runs)))
        # Workers on one GPU share its memory.
        sharing = [slot.gpu == self.slots[0].gpu for slot in self.slots[: self.queue.workers]]
        self.assignment = worker.Assignment(out.absolute(), where, pool.pack, 1 / sum(sharing))
        self.ended: list[tuple[Run, Result]] = []
        self.left = 0  # unfinished runs of workers that a signal has stopped
        self.failed_starts = 0  # workers in a row that ended before they requested a run

    def work(self) -> Iterator[tuple[Run, Result]]:
        """Yields each run as it ends. If it ends early, the workers are closed."""
        finished = False
        try:
            with stop.listening() as self.request:
                while self.queue.left:
                    self._start_workers()
                    self._listen(CHECK_SECONDS)
                    self._listen(_REPLY_SECONDS)
                    yield from self.ended
                    self.ended.clear()
                    if self.request.number:
                        raise self._stopped()
                    self.queue.retry_held(self.watcher)
            finished = True
        finally:
            if not finished:
                self.pool.close()

    def _start_workers(self) -> None:
        """Start as many workers as there are runs for them, and assign those that are idle."""
        members = self.pool.members
        taken = {member.slot.number for member in members}
        for slot in self.slots:
            if len(members) < min(self.queue.workers, self.queue.open) and slot.number not in taken:
                self.pool.start_worker(slot)
        for member in members:
            if member.assignment is None and self.queue.waiting:
                member.assignment = self.assignment
                member.send(self.assignment)

    def _listen(self, seconds: float) -> None:
        """Read messages of workers, waiting at most `seconds`."""
        talking = {member.connection: member for member in self.pool.members}
        for connection in wait(list(talking), seconds):
            member = talking[connection]  # type: ignore[index]
            try:
                message = member.connection.recv()
            except (EOFError, OSError):
                self._lost(member)
            else:
                self._handle(member, message)
        # Child processes of a killed worker may keep its end of the connection open.
        for member in [one for one in self.pool.members if one.ended]:
            self._lost(member)

    def _handle(self, member: WorkerProcess, message: worker.AnyMessage) -> None:
        match message:
            case worker.RunRequest(config):
                member.asked, self.failed_starts = True, 0
                # A worker that started slowly may have the assignment of an earlier `map`.
                present = member.assignment is self.assignment
                member.send(self.queue.next(config, member.runs) if present else None)
            case worker.Update(run_id, progress):
                self.watcher.progress(member.runs[run_id], progress)
            case worker.RunEnded(run_id, result):
                self._ended(member.runs.pop(run_id), result)
            case worker.Message(line):
                self.watcher.say(line)
            case worker.Warned() if message not in self.pool.warned:
                self.pool.warned.add(message)
                warnings.showwarning(*message)  # the filters of the worker have let it pass
            case worker.Idle():
                member.assignment = None
            # Raised here, so that the user sees the error of the worker and not its exit code.
            case worker.Broken(error):
                raise error

    def _ended(self, run: Run, result: Result | None) -> None:
        if result is None:
            self.queue.hold(run)
        else:
            self.queue.ended(run)
            self.ended.append((run, result))

    def _lost(self, member: WorkerProcess) -> None:
        """A worker has ended: by a signal to stop; or it was killed, and others take over its runs."""
        self.pool.members.remove(member)
        code = member.process.wait()
        # A cluster may signal the whole process group, in which case workers receive it before the parent
        # acts.
        if code in _STOPPED:
            self.request.number = _STOPPED[code]
            self.left += len(member.runs)
            return
        # Counted, because workers that cannot start would be replaced forever.
        self.failed_starts += not member.asked
        if self.failed_starts == DEATHS:
            raise IdimError(f"worker processes cannot start: {_how(code)}", "use --jobs 1, which starts none")
        if member.runs:
            self.watcher.say(f"worker process {member.process.pid}: {_how(code)}; its runs are restarted")
        for run in member.runs.values():
            if self.queue.died(run) == DEATHS:
                self.queue.give_up(run)
                self._ended(run, self._failed(run, code))

    def _failed(self, run: Run, code: int) -> Result | None:
        """Record that a run kills its process; None if another process trains it now."""
        hint = "it may run out of memory: try --jobs 1, --pack 1 or a smaller batch"
        error = IdimError(f"its process ended {DEATHS} times before it did: {_how(code)}", hint)
        folder = run_folder(self.out, run)
        failed = result.failed(run, error, None, self.where.device or run.recipe.device)
        try:
            # Another process may have taken over the run in the meantime.
            with results.sole_writer(folder):
                known = done(run, folder)  # by another process in the meantime
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
        kept = "saved" if orderly else "that of the last checkpoint"
        runs = "1 run was" if begun == 1 else f"{begun} runs were"
        return stop.StoppedError(self.request.number, f"{runs} in training; the state is {kept}")


def _how(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
