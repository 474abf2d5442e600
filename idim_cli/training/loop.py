"""The training loop: epochs, evaluations, the best point, and the state that can be saved and restored."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import Tensor

from idim_cli.core.errors import RunError
from idim_cli.core.shared_memory import put
from idim_cli.datasets.split import Split
from idim_cli.methods import base as methods
from idim_cli.methods.base import Objective, Step
from idim_cli.recipe.schema import Training
from idim_cli.runs.checkpoint import buffers, part
from idim_cli.runs.early_stop import Goal, StopVerdict
from idim_cli.tasks.base import not_finite
from idim_cli.training.prepare import Problem

T = TypeVar("T")
#: How far the same gradient may differ between two ways of computing it, as a share of its length. Another
#: order of summation changes float32 by about 1e-6 and bf16 by its resolution, 4e-3.
TOLERANCE = {"float32": 1e-3, "bf16": 5e-2}


class PendingStep(NamedTuple):
    """A training that waits before a step.

    Attributes:
        loop: the training.
        step: its next step.
    """

    loop: Loop
    step: Step


#: A training that yields before each step. Send it the loss if the step has been made elsewhere (by a pack),
#: or None to let it make the step itself. It returns a T.
TrainingSteps = Generator[PendingStep, Tensor | None, T]


def finish(steps: TrainingSteps[T]) -> T:
    """Let a training make all of its steps; returns what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(T, end.value)


@dataclass
class State:
    """The progress of a training; with the tensors of `Loop.tensors` it is all that resuming needs.

    Attributes:
        epoch: epochs completed.
        batch: steps completed in the current epoch.
        step: steps completed in total.
        rows: one mapping for each evaluation, as in metrics.csv.
        best: index of the row that is reported if the recipe reports the best epoch.
        start: the performance before the first step; None if unknown.
        seconds: spent so far, over all processes that worked on the run.
    """

    # The names are those of the "state" in a checkpoint: a new name would break old ones.

    epoch: int = 0
    batch: int = 0
    step: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: int | None = None
    start: float | None = None
    seconds: float = 0.0


class Loop:
    """One training, which can be saved and resumed at any step; on the CPU with identical bits.

    Args:
        problem: its subspace is trained in place.
        training: the recipe's settings.
        seed: of the order of the examples and of dropout.
        goal: when it may end early.
    """

    def __init__(self, problem: Problem, training: Training, seed: int, goal: Goal | None = None) -> None:
        self.problem, self.training, self.seed, self.goal = problem, training, seed, goal
        self.subspace, self.task, self.device = problem.subspace, problem.task, problem.device
        train = problem.data.train
        self.per_epoch = math.ceil(len(train) / training.batch_size)
        self.steps = training.steps or self.per_epoch * cast(int, training.epochs)
        self.epochs = math.ceil(self.steps / self.per_epoch)
        # A Loop holds the state, its method makes the steps: so a pack can make them instead.
        objective = Objective(
            self.subspace, self.task, train, self.device, training, seed, self.steps, self.per_epoch,
            problem.quantise,
        )  # fmt: skip
        self.method = methods.build(problem.method, objective)
        self.key = f"{self.task.score_on}_{self.task.metric}"  # the performance in a row
        self.state, self.best = State(), dict[str, Tensor]()
        self.loss_sum = torch.zeros((), dtype=torch.float64)

    def run(self, on_step: Callable[[], None], on_row: Callable[[dict[str, Any]], None]) -> None:
        """Train to the end. `on_step` is called after every step and may raise; `on_row` with every row."""
        finish(self.stepwise(on_step, on_row))

    def stepwise(
        self,
        on_step: Callable[[], None] = lambda: None,
        on_row: Callable[[dict[str, Any]], None] = lambda row: None,
    ) -> TrainingSteps[None]:
        """As `run`, yielding before each step."""
        with self.forked_rng():
            while self.state.epoch < self.epochs and self.verdict() is None:
                yield from self._epoch(on_step)
                row = self._end_epoch()
                if row:
                    on_row(row)

    def measure_start(self) -> None:
        """Measure the performance before the first step: a level that it reaches needs no training."""
        if self.state.step or not len(self.scored):
            return
        with self.forked_rng(), self.subspace.held():
            score = self.task.evaluate(self.subspace, self.scored)[self.task.metric]
        self.state.start = score if math.isfinite(score) else None

    def forked_rng(self) -> contextlib.AbstractContextManager[None]:
        """A context that restores the state of torch's random number generators at its end."""
        # Each step seeds them, which must not change what the caller draws.
        return torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else [])

    @property
    def scored(self) -> Split:
        """The split whose score is the performance."""
        data = self.problem.data
        return data.train if self.task.score_on == "train" else data.validation

    def verdict(self) -> StopVerdict | None:
        """The goal's verdict right after an evaluation; None otherwise, without a goal, and at the end."""
        state = self.state
        evaluated = state.batch == 0 and state.rows and state.rows[-1]["epoch"] == state.epoch
        # only_at_end: coordinates that are not rounded yet do not predict the performance of rounded ones.
        if self.method.only_at_end or self.goal is None or not evaluated or state.epoch >= self.epochs:
            return None
        return self.goal.verdict(self.curve)

    @property
    def curve(self) -> list[float]:
        """The performance at each evaluation so far."""
        return [row[self.key] for row in self.state.rows]

    def check_finite(self) -> None:
        """RunError if the loss has become infinite or NaN."""
        # Not called after every step: item() waits for the GPU.
        if not math.isfinite(self.loss_sum.item()):
            raise _diverged(f"the loss is not finite in epoch {self.state.epoch + 1}")

    def solution(self) -> dict[str, Any]:
        """Go to the reported point (last or best epoch); returns its row with the figures of both splits."""
        state = self.state
        # A training that its goal ended is not moved to another point: a later sweep may resume it.
        if self.training.performance == "best" and state.best is not None and state.epoch >= self.epochs:
            self._put(self.best)
            row = state.rows[state.best]
        else:
            row = state.rows[-1]
        missing = [name for name in ("validation", "train") if f"{name}_{self.task.metric}" not in row]
        return {**row, **self._figures(missing)}

    def tensors(self) -> dict[str, Tensor]:
        """All tensors that resuming needs."""
        current = {**self._point(), "loss_sum": self.loss_sum, **self.method.tensors()}
        return current | {f"best/{name}": t for name, t in self.best.items()}

    def restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Resume from what `tensors` returned and from the attributes of `State`."""
        self.state = State(**state)
        self._put(tensors)
        self.method.restore(tensors)
        self.best = {name: t.to(self.device) for name, t in part(tensors, "best/").items()}
        self.loss_sum = tensors["loss_sum"].to(self.loss_sum.device)

    def _epoch(self, on_step: Callable[[], None]) -> TrainingSteps[None]:
        state = self.state
        if state.batch == 0:
            # Summed on the device, as item() at each step would wait for it; MPS has no float64.
            at = torch.device("cpu") if self.device.type == "mps" else self.device
            self.loss_sum = torch.zeros((), dtype=torch.float64, device=at)
        self.subspace.train()  # an evaluation has left it in evaluation mode
        end = min(self.per_epoch, self.steps - state.epoch * self.per_epoch)
        for step in self.method.steps(state.epoch, state.batch, end):
            loss = yield PendingStep(self, step)
            if loss is None:
                loss = self.method.make(step)
            self.loss_sum += loss.to(self.loss_sum.device)
            state.batch, state.step = state.batch + 1, state.step + 1
            self.method.after_step(state.step)
            on_step()  # last: it may save, and must then see the step complete

    def _end_epoch(self) -> dict[str, Any] | None:
        """Count the epoch; returns the row of its evaluation, if one is due."""
        self.check_finite()
        state = self.state
        state.epoch, batches, state.batch = state.epoch + 1, state.batch, 0
        # check_finite sees the loss before each step: the very last step may be the one that diverges.
        if not self.subspace.coords.isfinite().all():
            raise _diverged(f"the coordinates are not finite after epoch {state.epoch}")
        if state.epoch % self.training.evaluate_every and state.epoch < self.epochs:
            return None
        row = {
            "epoch": state.epoch,
            "step": state.step,
            **self.method.figures(),
            "loss": self.loss_sum.item() / batches,
            # Sorted: the order of a set, and with it that of the columns, differs between processes.
            **self._figures(sorted({"validation", self.task.score_on})),
        }
        state.rows.append(row)
        # A best epoch before the last counts only where coordinates are a solution at every evaluation.
        eligible = self.training.performance == "best" and (
            not self.method.only_at_end or state.step == self.steps
        )
        if eligible and (state.best is None or row[self.key] > state.rows[state.best][self.key]):
            state.best = len(state.rows) - 1
            self.best = {name: tensor.detach().clone() for name, tensor in self._point().items()}
        return row

    def _figures(self, names: list[str]) -> dict[str, float]:
        """The task's figures on these splits; none for an empty split. RunError if one is not finite."""
        data = self.problem.data
        splits: dict[str, Split] = {"validation": data.validation, "train": data.train}
        with self.subspace.held():
            figures = {
                f"{name}_{key}": value
                for name in names
                if len(splits[name])
                for key, value in self.task.evaluate(self.subspace, splits[name]).items()
            }
        if wrong := not_finite(figures):
            raise _diverged(f"{wrong} after epoch {self.state.epoch}")
        return figures

    def _point(self) -> dict[str, Tensor]:
        """The current point: coordinates and buffers, by their names in a checkpoint."""
        named = {f"buffer/{name}": t for name, t in buffers(self.subspace.module).items()}
        return {"coords": self.subspace.coords, **self.method.point(), **named}

    @torch.no_grad()
    def _put(self, tensors: Mapping[str, Tensor]) -> None:
        """Go to a point; the inverse of `_point`."""
        for name, tensor in self._point().items():
            put(tensor, tensors[name])


def _diverged(what: str) -> RunError:
    hint = "a lower training.optimizer.lr or a training.clip_norm may help"
    return RunError(f"{what}: training diverged", hint)
