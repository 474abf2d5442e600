"""The training loop: epochs, evaluations, the best point, and the state that can be saved and restored."""

from __future__ import annotations

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
#: How far the same gradient may differ between two ways of computing it, as a share of its length.
TOLERANCE = {"float32": 1e-3, "bf16": 5e-2}


class PendingStep(NamedTuple):
    """What a training waits for.

    Attributes:
        loop: the training that waits.
        step: that its method is about to make.
    """

    loop: Loop
    step: Step


#: A training that stops before each step and waits. It is sent the loss of the step that it named, once that
#: has been made; or None, and then makes the step itself. In the end it returns a T.
TrainingSteps = Generator[PendingStep, Tensor | None, T]


def finish(course: TrainingSteps[T]) -> T:
    """Bring a training to its end by steps of its own; what it returns."""
    while True:
        try:
            next(course)
        except StopIteration as end:
            return cast(T, end.value)


@dataclass
class State:
    """How far a training has come; with the tensors of `Loop.tensors` it is all that going on needs.

    Attributes:
        epoch: epochs completed.
        batch: batches of the present epoch that were trained on.
        step: optimiser steps made.
        rows: one mapping for each evaluation, as in metrics.csv.
        best: the row whose epoch is reported when the best one counts.
        start: the performance before the first step; None if it is not known.
        seconds: spent so far, over all sittings.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: int | None = None
    start: float | None = None
    seconds: float = 0.0


class Loop:
    """One training, that stops and goes on at any step with the same numbers to the last bit on the CPU.

    Args:
        problem: what is trained on; its subspace is trained in place.
        training: how.
        seed: of the order of the examples and of dropout.
        goal: why it may end early.
    """

    def __init__(self, problem: Problem, training: Training, seed: int, goal: Goal | None = None) -> None:
        self.problem, self.training, self.seed, self.goal = problem, training, seed, goal
        self.subspace, self.task, self.device = problem.subspace, problem.task, problem.device
        train = problem.data.train
        self.per_epoch = math.ceil(len(train) / training.batch_size)
        self.steps = training.steps or self.per_epoch * cast(int, training.epochs)
        self.epochs = math.ceil(self.steps / self.per_epoch)
        objective = Objective(
            self.subspace, self.task, train, self.device, training, seed, self.steps, self.per_epoch,
            problem.quantise,
        )  # fmt: skip
        self.method = methods.build(problem.method, objective)
        self.key = f"{self.task.score_on}_{self.task.metric}"  # the performance in a row
        self.state, self.best = State(), dict[str, Tensor]()
        self.loss_sum = torch.zeros((), dtype=torch.float64)

    def run(self, tick: Callable[[], None], evaluated: Callable[[dict[str, Any]], None]) -> None:
        """Train to the end. `tick` is called after every step and may raise; `evaluated` with every row."""
        finish(self.course(tick, evaluated))

    def course(
        self, tick: Callable[[], None], evaluated: Callable[[dict[str, Any]], None]
    ) -> TrainingSteps[None]:
        """As `run`, waiting at each step."""
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            while self.state.epoch < self.epochs and self.verdict() is None:
                yield from self._epoch(tick)
                row = self._end_epoch()
                if row:
                    evaluated(row)

    def note_start(self) -> None:
        """Note the performance before the first step, which a level should not be reached by."""
        if self.state.step or not len(self.scored):
            return
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda), self.subspace.held():
            score = self.task.evaluate(self.subspace, self.scored)[self.task.metric]
        self.state.start = score if math.isfinite(score) else None

    @property
    def scored(self) -> Split:
        """The split whose score is the performance."""
        data = self.problem.data
        return data.train if self.task.score_on == "train" else data.validation

    def verdict(self) -> StopVerdict | None:
        """What the goal says at an evaluation; None in between, without a goal, and at the end.

        Where coordinates are a solution at the end alone, nothing is known before.
        """
        state = self.state
        evaluated = state.batch == 0 and state.rows and state.rows[-1]["epoch"] == state.epoch
        if self.method.only_at_end or self.goal is None or not evaluated or state.epoch >= self.epochs:
            return None
        return self.goal.verdict(self.curve)

    @property
    def curve(self) -> list[float]:
        """The performance at each evaluation so far."""
        return [row[self.key] for row in self.state.rows]

    def check_finite(self) -> None:
        """RunError if the loss has become infinite or NaN; reads the device, so not at every step."""
        if not math.isfinite(self.loss_sum.item()):
            raise _diverged(f"the loss is not finite in epoch {self.state.epoch + 1}")

    def solution(self) -> dict[str, Any]:
        """Go to the reported point (last or best epoch); its row with the figures of both splits.

        A training that ended early stays where it is: it may go on.
        """
        state = self.state
        if self.training.performance == "best" and state.best is not None and state.epoch >= self.epochs:
            self._put(self.best)
            row = state.rows[state.best]
        else:
            row = state.rows[-1]
        known = self._figures(
            [name for name in ("validation", "train") if f"{name}_{self.task.metric}" not in row]
        )
        return {**row, **known}

    def tensors(self) -> dict[str, Tensor]:
        """All tensors that going on needs."""
        held = {**self._point(), "loss_sum": self.loss_sum, **self.method.tensors()}
        return held | {f"best/{name}": t for name, t in self.best.items()}

    def restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Take up from what `tensors` returned and from the mapping of `State`."""
        self.state = State(**state)
        self._put(tensors)
        self.method.restore(tensors)
        self.best = {name: t.to(self.device) for name, t in part(tensors, "best/").items()}
        self.loss_sum = tensors["loss_sum"].to(self.loss_sum.device)

    def counters(self) -> dict[str, Any]:
        """The state as plain values, those of the present moment only."""
        return dict(vars(self.state))

    def _epoch(self, tick: Callable[[], None]) -> TrainingSteps[None]:
        state = self.state
        if state.batch == 0:
            self.loss_sum = torch.zeros((), dtype=torch.float64, device=_sums_on(self.device))
        self.subspace.train()
        end = min(self.per_epoch, self.steps - state.epoch * self.per_epoch)
        for step in self.method.steps(state.epoch, state.batch, end):
            loss = yield PendingStep(self, step)
            if loss is None:
                loss = self.method.make(step)
            self.loss_sum += loss.to(self.loss_sum.device)
            state.batch, state.step = state.batch + 1, state.step + 1
            self.method.after_step(state.step)
            tick()

    def _end_epoch(self) -> dict[str, Any] | None:
        """Count the epoch; the row of its evaluation, if it is due."""
        self.check_finite()
        state = self.state
        state.epoch, batches, state.batch = state.epoch + 1, state.batch, 0
        # The loss is that before the step: the last step of all may be the one that goes astray.
        if not self.subspace.coords.isfinite().all():
            raise _diverged(f"the coordinates are not finite after epoch {state.epoch}")
        if state.epoch % self.training.evaluate_every and state.epoch < self.epochs:
            return None
        row = {
            "epoch": state.epoch,
            "step": state.step,
            **self.method.figures(),
            "loss": self.loss_sum.item() / batches,
            **self._figures(sorted({"validation", self.task.score_on})),
        }
        self._note(row)
        return row

    def _note(self, row: dict[str, Any]) -> None:
        state, key = self.state, self.key
        state.rows.append(row)
        if (
            self.training.performance == "best"
            and (not self.method.only_at_end or state.step == self.steps)
            and (state.best is None or row[key] > state.rows[state.best][key])
        ):
            state.best = len(state.rows) - 1
            self.best = {name: tensor.detach().clone() for name, tensor in self._point().items()}

    def _figures(self, names: list[str]) -> dict[str, float]:
        """The task's figures on the splits called `names`; a split without examples has none.

        RunError if any of them is not finite.
        """
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
        """Where the training is: coordinates and buffers."""
        named = {f"buffer/{name}": t for name, t in buffers(self.subspace.module).items()}
        return {"coords": self.subspace.coords, **self.method.point(), **named}

    @torch.no_grad()
    def _put(self, tensors: Mapping[str, Tensor]) -> None:
        """Go to a point; the inverse of `_point`."""
        for name, tensor in self._point().items():
            put(tensor, tensors[name])


def _diverged(what: str) -> RunError:
    return RunError(
        f"{what}: training diverged", "a lower training.optimizer.lr or a training.clip_norm may help"
    )


def _sums_on(device: torch.device) -> torch.device:
    """Where losses are summed in float64: on the device, but for MPS, which has none."""
    return torch.device("cpu") if device.type == "mps" else device
