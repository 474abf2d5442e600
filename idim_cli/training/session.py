"""One process at work on one run: it takes up a checkpoint, trains, saves, and stops when asked to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from idim_cli.core.errors import FileError
from idim_cli.core.machine import resident_bytes
from idim_cli.models.base import compact
from idim_cli.projectors.check import ColumnCheck
from idim_cli.recipe.dump import dump
from idim_cli.runs import checkpoint, origin, results
from idim_cli.runs.plan import Run
from idim_cli.training import result, stop
from idim_cli.training.clock import Clock
from idim_cli.training.loop import Loop, TrainingSteps
from idim_cli.training.prepare import Problem
from idim_cli.training.run_log import RunLog

TICK_SECONDS = 0.2
SAVE_SECONDS = 15.0
#: At most this share of the time goes into saving.
SAVE_SHARE = 0.05
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        step, epoch: done so far, of `steps` and `epochs`.
        figures: of the last evaluation; empty before the first.
        columns: how P looks.
        D: number of native parameters; None if unknown.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    figures: Mapping[str, Any]
    columns: ColumnCheck
    D: int | None = None


OnStep = Callable[[Progress], None]


class TrainingSession:
    """Trains one run, from where its checkpoint left it.

    Args:
        run: what to train.
        problem: what it is trained on.
        record: writes the log and the metrics, in the run's folder.
        on_step: told the progress about five times a second.
        clock: of the time that counts as this run's.
    """

    def __init__(
        self,
        run: Run,
        problem: Problem,
        record: RunLog,
        on_step: OnStep | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.run, self.problem, self.record, self.on_step = run, problem, record, on_step
        self.clock = clock or Clock()
        self.path = record.folder / results.CHECKPOINT
        self.loop = Loop(problem, run.recipe.training, run.recipe.seeds.data, run.goal)
        self.request, self.save_seconds, self.peak = stop.Request(), 0.0, 0
        if problem.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(problem.device)
        self.began = self.clock()
        self.ticked = self.saved = time.monotonic()
        self.record.header(run.run_id, problem)
        self._take_up()

    def course(self) -> TrainingSteps[dict[str, Any]]:
        """Train to the end; returns the content of result.json. StoppedError when a signal came."""
        with stop.listening() as self.request:
            self._tell()
            self.loop.note_start()
            yield from self.loop.course(self._tick, self._evaluated)
            if self.request.number:  # it came after the last step
                self._stop()
        solution = self.loop.solution()
        self._save()
        self.record.log(f"done in {self.seconds():.1f} s")
        done = result.succeeded(self.run, self.problem, self.loop, solution)
        return {**done, "seconds": round(self.seconds(), 3), "peak_memory_bytes": self._peak()}

    def seconds(self) -> float:
        """Spent on training and evaluation so far, over all sittings; in a pack, this run's share of it."""
        return self.clock() - self.began

    def _peak(self) -> int:
        """Most memory held, in bytes: on CUDA by tensors, else by the process (five looks a second)."""
        if self.problem.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.problem.device))
        return max(self.peak, resident_bytes())

    def _take_up(self) -> None:
        if (saved := self._saved()) is not None:
            tensors, metadata = saved
            self.loop.restore(tensors, metadata["state"])
            self.began -= self.loop.state.seconds
            self.record.log(f"goes on at step {self.loop.state.step} of {self.loop.steps}")
        self.record.metrics(self.loop.state.rows)

    def _saved(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """What the checkpoint holds; None, with a warning, if it is not this run's or damaged."""
        if not self.path.exists():
            return None
        try:
            tensors, metadata = checkpoint.load(self.path, unchecked=False)
            if (its := metadata.get("run_id")) != self.run.run_id:
                raise FileError(f"{self.path} is the checkpoint of another run, {its}")
            if why := self._other(metadata.get("origin")):
                raise FileError(f"{self.path}: {why}")
            return tensors, metadata
        except FileError as error:
            self.record.log(f"starts afresh: {error}")
            _log.warning("%s; the run starts afresh", error)
            return None

    def _other(self, then: object) -> str:
        """What the state in a checkpoint was made from that this run is not; empty if there is nothing."""
        recipe, data = self.run.recipe, self.problem.data
        now = {split: data.digest(split) for split in ("train", "validation")}
        return origin.other_theta0(then, self.problem.theta0, recipe.model.name) or origin.other_data(
            then, now, recipe.dataset.name
        )

    def _tick(self) -> None:
        now = time.monotonic()
        if self.request.number:
            self._stop()
        if now - self.ticked < TICK_SECONDS:
            return
        self.ticked = now
        self.peak = max(self.peak, resident_bytes())
        self._tell()
        self.loop.check_finite()
        if now - self.saved > max(SAVE_SECONDS, self.clock.sharing * self.save_seconds / SAVE_SHARE):
            self._save()

    def _evaluated(self, row: dict[str, Any]) -> None:
        row["seconds"] = round(self.seconds(), 3)
        self.record.row(row)
        self.record.metrics(self.loop.state.rows)
        self._tell()

    def _tell(self) -> None:
        if self.on_step is not None:
            loop, state = self.loop, self.loop.state
            figures = state.rows[-1] if state.rows else {}
            columns, D = self.problem.columns, self.problem.subspace.D
            self.on_step(Progress(state.step, loop.steps, state.epoch, loop.epochs, figures, columns, D))

    def _stop(self) -> None:
        self._save()
        message = f"{self.run.run_id} at step {self.loop.state.step} of {self.loop.steps}; its state is saved"
        self.record.log(f"stopped: {message}")
        raise stop.StoppedError(self.request.number, message)

    def _save(self) -> None:
        began = time.monotonic()
        self.loop.state.seconds = self.seconds()
        data, subspace = self.problem.data, self.problem.subspace
        metadata = {
            "run_id": self.run.run_id,
            "recipe": dump(self.run.recipe),
            "shape": data.shape,
            "classes": compact(self.problem.task.outputs(data)),
            "D": subspace.D,
            "d": subspace.d,
            "state": self.loop.counters(),
            "origin": self.problem.origin(self.run.recipe),
        }
        checkpoint.save(self.path, self.loop.tensors(), metadata)
        self.saved = time.monotonic()
        self.save_seconds = self.saved - began
