"""The executor in this process: runs one after the other, or packs of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from idim_cli.execute.base import Result, Watcher
from idim_cli.execute.queue import Queue, QueuedRun
from idim_cli.runs.plan import Run, kind
from idim_cli.training.batched.pack_size import packing
from idim_cli.training.batched.scheduler import train_many
from idim_cli.training.prepare import Where
from idim_cli.training.session import Progress


class Inline:
    """An `Executor` without other processes; data that runs share are loaded once.

    Args:
        pack: runs that are trained as one batched network; None is the number measured as fastest.
    """

    def __init__(self, pack: int | None = 1) -> None:
        self.pack = pack

    def map(
        self, runs: Sequence[Run], out: Path, where: Where, watcher: Watcher
    ) -> Iterator[tuple[Run, Result]]:
        """See `Executor.map`."""
        queue, mine = Queue(runs), dict[str, Run]()

        def ask(config: str | None) -> QueuedRun | None:
            return queue.next(config, mine)

        while queue.left:
            for run, result in serve(ask, out, where, self.pack, watcher.progress, watcher.say):
                del mine[run.run_id]
                if result is None:
                    # Its result is looked for when all others have ended.
                    queue.hold(run)
                else:
                    queue.ended(run)
                    yield run, result
            queue.retry_held(watcher)


def serve(
    ask: Callable[[str | None], QueuedRun | None],
    out: Path,
    where: Where,
    pack: int | None,
    on_step: Callable[[Run, Progress], None],
    say: Callable[[str], None],
    share: float = 1.0,
) -> Iterator[tuple[Run, Result | None]]:
    """Carry out the runs of a queue; yields each as it ends.

    Args:
        ask: returns a run of the requested kind (`plan.kind`), or of any for None; None if there is none.
        out, where: as for `Executor.map`.
        pack: as for `Inline`.
        on_step, say: receive progress and messages.
        share: of the free memory that packs may take.

    Yields:
        A run and its result; None instead of the result if another process trains the run.
    """
    # The first run of a kind decides the size of the pack; `train_many` requests the others itself.
    while (first := ask(None)) is not None:
        taken: dict[str, Run] = {}
        size = pack or _best_size(first, where, share)
        for run, result in train_many(_alike(first, ask, taken), out, size, where, on_step, say):
            del taken[run.run_id]
            yield run, result
        # `train_many` yields nothing for runs of other processes.
        yield from ((run, None) for run in taken.values())


def _best_size(task: QueuedRun, where: Where, share: float) -> int:
    """The number of runs in a pack; 1 if it cannot be measured: the run itself then reports the error."""
    try:
        return packing(task.widest, where, task.alike, share).size
    except Exception:
        # The run itself reports the error, with its folder and its log.
        return 1


def _alike(
    task: QueuedRun | None, ask: Callable[[str | None], QueuedRun | None], taken: dict[str, Run]
) -> Iterator[Run]:
    """A run and all of its kind from the queue, on demand; each is put into `taken`."""
    while task is not None:
        taken[task.run.run_id] = task.run
        yield task.run
        task = ask(kind(task.run))
