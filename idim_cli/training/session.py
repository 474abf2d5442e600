"""One process training one run: it resumes from a checkpoint, trains, saves, and stops at a signal."""

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

REPORT_SECONDS = 0.2  # between two progress reports: often enough for a live display
SAVE_SECONDS = 15.0  # at least, between two checkpoints: what a killed process loses at most
SAVE_SHARE = 0.05  # at most, of the time: a large direct run takes seconds to save
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """The progress of a run.

    Attributes:
        step, epoch: completed, of `steps` and `epochs`.
        figures: of the last evaluation; empty before the first.
        columns: properties of P.
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
    """Trains one run, from its checkpoint if there is one.

    Args:
        run: the run.
        problem: its problem.
        record: writes the log and the metrics, in the run's folder.
        on_step: called with the progress about five times a second.
        clock: measures the seconds of the run.
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
        self.reported = self.saved = time.monotonic()
        self.record.header(run.run_id, problem)
        if (saved := self._read_checkpoint()) is not None:
            tensors, metadata = saved
            self.loop.restore(tensors, metadata["state"])
            self.began -= self.loop.state.seconds
            self.record.log(f"resumes at step {self.loop.state.step} of {self.loop.steps}")
        # Also when resuming: an evaluation after the checkpoint is made again, so its line has to go.
        self.record.metrics(self.loop.state.rows)

    def stepwise(self) -> TrainingSteps[dict[str, Any]]:
        """Train to the end; returns the content of result.json. StoppedError after a signal."""
        with stop.listening() as self.request:
            self._report()
            self.loop.measure_start()
            yield from self.loop.stepwise(self._after_step, self._after_evaluation)
            if self.request.number:  # received after the last step
                self._stop()
        solution = self.loop.solution()
        # After solution(), so that the checkpoint holds the reported point.
        self._save()
        self.record.log(f"done in {self.seconds():.1f} s")
        done = result.succeeded(self.run, self.problem, self.loop, solution)
        return {**done, "seconds": round(self.seconds(), 3), "peak_memory_bytes": self._peak()}

    def seconds(self) -> float:
        """Training and evaluation so far, also before interruptions; in a pack, this run's share."""
        return self.clock() - self.began

    def _peak(self) -> int:
        """Peak memory in bytes: on CUDA of tensors, else of the process, as sampled at each report."""
        if self.problem.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.problem.device))
        return max(self.peak, resident_bytes())

    def _read_checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The checkpoint; None, with a warning, if it is damaged or of another run, other data or weights."""
        if not self.path.exists():
            return None
        recipe, data = self.run.recipe, self.problem.data
        try:
            tensors, metadata = checkpoint.load(self.path, unchecked=False)
            if (its := metadata.get("run_id")) != self.run.run_id:
                raise FileError(f"{self.path} is the checkpoint of another run, {its}")
            then, now = metadata.get("origin"), {split: data.digest(split) for split in origin.TRAINED_ON}
            why = origin.other_theta0(then, self.problem.theta0, recipe.model.name)
            if why := why or origin.other_data(then, now, recipe.dataset.name):
                raise FileError(f"{self.path}: {why}")
            return tensors, metadata
        except FileError as error:
            self.record.log(f"starts from the beginning: {error}")
            _log.warning("%s; the run starts from the beginning", error)
            return None

    def _after_step(self) -> None:
        now = time.monotonic()
        if self.request.number:
            self._stop()
        if now - self.reported < REPORT_SECONDS:
            return
        self.reported = now
        self.peak = max(self.peak, resident_bytes())
        self._report()
        # Before saving: a checkpoint of a diverged training would be resumed for nothing.
        self.loop.check_finite()
        # In a pack all runs save in turn, so each may use only its part of the share.
        if now - self.saved > max(SAVE_SECONDS, self.clock.sharing * self.save_seconds / SAVE_SHARE):
            self._save()

    def _after_evaluation(self, row: dict[str, Any]) -> None:
        row["seconds"] = round(self.seconds(), 3)
        self.record.row(row)
        self.record.metrics(self.loop.state.rows)
        self._report()

    def _report(self) -> None:
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
            "state": dict(vars(self.loop.state)),
            "origin": self.problem.origin(self.run.recipe),
        }
        checkpoint.save(self.path, self.loop.tensors(), metadata)
        self.saved = time.monotonic()
        self.save_seconds = self.saved - began
