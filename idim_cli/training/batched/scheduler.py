"""Many runs in one process: in packs if they can be batched, else one at a time."""

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
from idim_cli.training.batched.pack import Pack, unbatchable_reason
from idim_cli.training.clock import Clock
from idim_cli.training.finished import run_folder
from idim_cli.training.loop import PendingStep, TrainingSteps
from idim_cli.training.prepare import Where
from idim_cli.training.run import stepwise
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
    """Train runs, up to `size` of one kind in a pack; yields each with its result when it ends.

    A run is taken from `runs` when the pack has room for it; a run of another kind waits until the pack is
    empty. Each run has its own folder, checkpoint and log, and a failed run does not affect the others. Runs
    that cannot be batched are trained one at a time. Runs held by another process are skipped.

    Args:
        runs: the runs.
        out: folder of all results.
        size: of a pack; 1: one run at a time.
        where: device and data.
        on_step: called with the progress of each run about five times a second.
        say: called once for each reason why runs are trained one at a time.

    Raises:
        StoppedError: a signal was received; the state of all runs is saved and the same call resumes.
    """
    clock = Clock()

    def begin(run: Run) -> TrainingSteps[Result]:
        return stepwise(run, run_folder(out, run), where, partial(on_step, run), clock)

    scheduler = BatchScheduler(begin, clock, size, say)
    try:
        with stop.listening() as request:
            yield from scheduler.results(iter(runs), request)
    finally:
        scheduler.close()


@dataclass(eq=False)
class _Member:
    """A run in the pack, with its next step (None: it has ended)."""

    run: Run
    kind: str
    steps: TrainingSteps[Result]
    pending: PendingStep | None = None


class BatchScheduler:
    """Trains runs in packs: it admits runs, makes their steps and hands over their results."""

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
        self.pack: Pack | None = None  # of those members that made the last step together
        self.next_run: Run | None = None  # already taken from `runs`, of another kind than the members
        self.unbatchable: set[str] = set()  # kinds
        self.ended: list[tuple[Run, Result]] = []
        self.stopped: list[stop.StoppedError] = []

    def results(self, runs: Iterator[Run], request: stop.Request) -> Iterator[tuple[Run, Result]]:
        """Train all runs until a signal is received; yields each when it ends."""
        while True:
            # After a signal no run is added, and each member saves and ends at its next step.
            while not request.number and (run := self._next(runs)):
                self._admit(run)
                yield from self._finished()
            if not self.members:
                break
            self._step()
            yield from self._finished()
        if request.number:
            if len(self.stopped) == 1:
                raise self.stopped[0]
            some = f"{len(self.stopped)} runs; their state is saved" if self.stopped else "between two runs"
            raise stop.StoppedError(request.number, some)

    def close(self) -> None:
        """Close runs that have not ended, so that their folders are no longer held."""
        for member in self.members:
            member.steps.close()

    def _next(self, runs: Iterator[Run]) -> Run | None:
        """The next run, if there is room for it."""
        if len(self.members) >= self.size:
            return None
        run, self.next_run = self.next_run or next(runs, None), None
        if run and self.members and kind(run) != self.members[0].kind:
            self.next_run, run = run, None
        return run

    def _admit(self, run: Run) -> None:
        """Add a run to the pack, or train it to its end now if it cannot be batched."""
        member = _Member(run, kind(run), self.begin(run))
        # The members wait meanwhile: the time is shared with them, or the seconds of all would exceed it.
        self.clock.share(len(self.members) + 1)
        self._advance(member)  # prepares it, up to its first step
        if member.pending and self._fits(member, member.pending):
            self._set_members([*self.members, member])
        while member.pending and member not in self.members:
            self._advance(member)
        self.clock.share(len(self.members))

    def _fits(self, member: _Member, pending: PendingStep) -> bool:
        """Whether a run can join the pack."""
        if self.size == 1 or member.kind in self.unbatchable:
            return False
        leader = self.members[0].pending if self.members else None
        reason = unbatchable_reason(pending, leader.loop if leader else None)
        if reason:
            self._reject(member, reason)
        return reason is None

    def _reject(self, member: _Member, reason: str) -> None:
        self.unbatchable.add(member.kind)
        model = member.run.recipe.model.name
        self._say_once(f"runs of {model} are trained one at a time, as they cannot be batched: {reason}")

    def _say_once(self, message: str) -> None:
        if message not in self.said:
            self.said.add(message)
            self.say(message)

    def _set_members(self, members: list[_Member]) -> None:
        self.members, self.pack = members, None
        self.clock.share(len(members))

    def _advance(self, member: _Member, loss: Tensor | None = None) -> None:
        """Let one training continue to its next step, or to its end."""
        try:
            member.pending = member.steps.send(loss)
            return
        except StopIteration as end:
            self.ended.append((member.run, end.value))
        except stop.StoppedError as stopped:
            self.stopped.append(stopped)
        except HeldError:  # another process trains it
            pass
        member.pending = None

    def _step(self) -> None:
        """One step of the largest group of trainings whose next batches have the same size."""
        # Trainings that joined at different times thus fall into step at the last, partial batch of an
        # epoch: those that reach it first wait there until they are the majority.
        ready = [(member, member.pending) for member in self.members if member.pending]
        # Steps without examples are of methods that are never in a pack.
        examples = [pending.step.examples for _, pending in ready]
        sizes = [0 if some is None else len(some) for some in examples]
        most = max(set(sizes), key=sizes.count)
        group = [both for both, size in zip(ready, sizes, strict=True) if size == most]
        losses = self._losses([pending for _, pending in group])
        for (member, _), loss in zip(group, losses, strict=True):
            self._advance(member, loss)

    def _losses(self, batches: Sequence[PendingStep]) -> Sequence[Tensor | None]:
        """Make a step of the pack; returns its losses, or None for each training that must make it itself."""
        loops = tuple(pending.loop for pending in batches)
        # Alone, a training makes its own step, with the bits of a single run.
        if len(loops) == 1 or self.members[0].kind in self.unbatchable:
            return [None] * len(loops)
        try:
            if self.pack is None or self.pack.loops != loops:
                self.pack = Pack(loops, self._say_once)
            return self.pack.step(batches).unbind()
        except FOREIGN as error:
            # Code that branches on values may fail at a later batch than the first, which was tried.
            self._reject(self.members[0], described(error))
            return [None] * len(loops)

    def _finished(self) -> Iterator[tuple[Run, Result]]:
        """Remove members that have ended, and yield their results."""
        if any(member.pending is None for member in self.members):
            self._set_members([member for member in self.members if member.pending])
        while self.ended:
            yield self.ended.pop(0)
