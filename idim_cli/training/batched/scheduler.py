"""Many runs in one process: side by side where they can be batched, else one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from idim_cli.core.errors import FOREIGN, described
from idim_cli.runs.plan import Run, kind
from idim_cli.runs.results import HeldError
from idim_cli.training import stop
from idim_cli.training.batched.pack import Pack as Pack
from idim_cli.training.batched.pack import obstacle
from idim_cli.training.clock import Clock
from idim_cli.training.finished import run_folder
from idim_cli.training.loop import PendingStep, TrainingSteps
from idim_cli.training.prepare import Where
from idim_cli.training.run import course
from idim_cli.training.session import Progress

Result = dict[str, Any]


def train_many(
    runs: Iterable[Run],
    out: Path,
    size: int,
    where: Where,
    on_step: Callable[[Run, Progress], None],
    say: Callable[[str], None],
) -> Iterator[tuple[Run, Result]]:
    """Train runs, up to `size` of one kind side by side; yields each with its result as it ends.

    A run is taken from `runs` when there is room for it; one of another kind waits until the pack is empty.
    Each run has its own folder, checkpoint and log, and one that fails does not harm the others. Runs that
    cannot be batched are trained one by one. What another process is at work on is passed by in silence.

    Args:
        runs: what to train.
        out: folder of all results.
        size: of a pack; 1 is one by one.
        where: device and data.
        on_step: told the progress of each run about five times a second.
        say: told, once for each kind of runs, why they are trained one by one.

    Raises:
        StoppedError: a signal came; the state of all runs is saved and the same call goes on.
    """
    clock = Clock()

    def begin(run: Run) -> TrainingSteps[Result]:
        return course(run, run_folder(out, run), where, partial(on_step, run), clock)

    crew = BatchScheduler(begin, clock, size, say)
    try:
        with stop.listening() as request:
            yield from crew.results(iter(runs), request)
    finally:
        crew.close()


@dataclass(eq=False)
class _Member:
    """A run in the pack: its kind, its training, and the batch that this waits for (None: it has ended)."""

    run: Run
    kind: str
    course: TrainingSteps[Result]
    batch: PendingStep | None = None


class BatchScheduler:
    """The runs that are at work at one time."""

    def __init__(
        self,
        begin: Callable[[Run], TrainingSteps[Result]],
        clock: Clock,
        size: int,
        say: Callable[[str], None],
    ) -> None:
        self.begin, self.clock, self.size, self.say = begin, clock, size, say
        self.said: set[str] = set()
        self.members: list[_Member] = []
        self.pack: Pack | None = None
        self.waiting: Run | None = None  # of another kind than the members
        self.alone: set[str] = set()  # kinds that cannot be batched
        self.ended: list[tuple[Run, Result]] = []
        self.stopped: list[stop.StoppedError] = []

    def results(self, runs: Iterator[Run], request: stop.Request) -> Iterator[tuple[Run, Result]]:
        """Train all, until a signal stops them; yields each as it ends."""
        while True:
            while not request.number and (run := self._next(runs)):
                self._take(run)
                yield from self._reap()
            if not self.members:
                break
            self._step()
            yield from self._reap()
        if request.number:
            raise _stopped(self.stopped, request.number)

    def close(self) -> None:
        """Let go of runs that have not ended."""
        for member in self.members:
            member.course.close()

    def _next(self, runs: Iterator[Run]) -> Run | None:
        """A run that there is room for."""
        if len(self.members) >= self.size:
            return None
        run, self.waiting = self.waiting or next(runs, None), None
        if run and self.members and kind(run) != self.members[0].kind:
            self.waiting, run = run, None
        return run

    def _take(self, run: Run) -> None:
        """Prepare a run for the pack, or train it at once if it cannot be in one."""
        member = _Member(run, kind(run), self.begin(run))
        self._go(member)
        if member.batch and self._fits(member, member.batch):
            self._seat([*self.members, member])
        while member.batch and member not in self.members:
            self._go(member)

    def _fits(self, member: _Member, batch: PendingStep) -> bool:
        """Whether a run can be one of the pack."""
        if self.size == 1 or member.kind in self.alone:
            return False
        leader = self.members[0].batch if self.members else None
        why = obstacle(batch, leader.loop if leader else None)
        if why:
            self._refuse(member, why)
        return why is None

    def _refuse(self, member: _Member, why: str) -> None:
        self.alone.add(member.kind)
        model = member.run.recipe.model.name
        self._say(f"runs of {model} are trained one by one, as they cannot be batched: {why}")

    def _say(self, message: str) -> None:
        if message not in self.said:
            self.said.add(message)
            self.say(message)

    def _seat(self, members: list[_Member]) -> None:
        self.members, self.pack = members, None
        self.clock.share(len(members))

    def _go(self, member: _Member, loss: Tensor | None = None) -> None:
        """Let one training go on to its next batch, or to its end."""
        try:
            member.batch = member.course.send(loss)
            return
        except StopIteration as end:
            self.ended.append((member.run, end.value))
        except stop.StoppedError as stopped:
            self.stopped.append(stopped)
        except HeldError:
            pass
        member.batch = None

    def _step(self) -> None:
        """One step of all that wait for a batch of the same size.

        The rest waits until it is the larger part. So trainings that joined at different times fall into step
        at the last, partial batch of an epoch.
        """
        ready = [(member, member.batch) for member in self.members if member.batch]
        sizes = [_size(batch) for _, batch in ready]
        most = max(set(sizes), key=sizes.count)
        group = [both for both, size in zip(ready, sizes, strict=True) if size == most]
        losses = self._losses([batch for _, batch in group])
        for (member, _), loss in zip(group, losses, strict=True):
            self._go(member, loss)

    def _losses(self, batches: Sequence[PendingStep]) -> Sequence[Tensor | None]:
        """The losses of trainings whose steps have been made; None for each that is to make it itself."""
        loops = tuple(batch.loop for batch in batches)
        if len(loops) == 1 or self.members[0].kind in self.alone:
            return [None] * len(loops)
        try:
            if self.pack is None or self.pack.loops != loops:
                self.pack = Pack(loops, self._say)
            return self.pack.step(batches).unbind()
        except FOREIGN as error:
            self._refuse(self.members[0], described(error))
            return [None] * len(loops)

    def _reap(self) -> Iterator[tuple[Run, Result]]:
        """Let those go that have ended, and hand their results over."""
        if any(member.batch is None for member in self.members):
            self._seat([member for member in self.members if member.batch])
        while self.ended:
            yield self.ended.pop(0)


def _size(waiting: PendingStep) -> int:
    """Examples of a step; those of other methods than `gradient` are never in a pack of several."""
    return 0 if waiting.step.examples is None else len(waiting.step.examples)


def _stopped(stopped: Sequence[stop.StoppedError], number: int) -> stop.StoppedError:
    if len(stopped) == 1:
        return stopped[0]
    if not stopped:
        return stop.StoppedError(number, "between two runs")
    return stop.StoppedError(number, f"{len(stopped)} runs; their state is saved")
