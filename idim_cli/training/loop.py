"""The training loop: batches, steps, evaluations, and the state that can be saved and taken up again."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from idim_cli.checkpoint import buffers, optimizer_tensors, part, restore_optimizer
from idim_cli.datasets.split import Split
from idim_cli.errors import RunError
from idim_cli.recipe.schema import Training
from idim_cli.rng import Stream
from idim_cli.training import optimizers, schedules
from idim_cli.training.prepare import Problem, seeder


@dataclass
class State:
    """How far a training has come; with the tensors of `Loop.tensors` it is all that going on needs.

    Attributes:
        epoch: epochs completed.
        batch: batches of the present epoch that were trained on.
        step: optimiser steps made.
        rows: one mapping for each evaluation, as in metrics.csv.
        best: the row whose epoch is reported when the best one counts.
        seconds: spent so far, over all sittings.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: int | None = None
    seconds: float = 0.0


class Loop:
    """One training, that stops and goes on at any step with the same numbers to the last bit on the CPU.

    Args:
        problem: what is trained on; its subspace is trained in place.
        training: how.
        seed: of the order of the examples and of dropout.
    """

    def __init__(self, problem: Problem, training: Training, seed: int) -> None:
        self.problem, self.training, self.seed = problem, training, seed
        self.subspace, self.task, self.device = problem.subspace, problem.task, problem.device
        self.per_epoch = math.ceil(len(problem.data.train) / training.batch_size)
        self.steps = training.steps or self.per_epoch * cast(int, training.epochs)
        self.epochs = math.ceil(self.steps / self.per_epoch)
        self.optimizer = optimizers.build(training.optimizer, self.subspace.coords)
        self.schedule = schedules.build(training.schedule, self.steps, self.per_epoch)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.key = f"{self.task.score_on}_{self.task.metric}"  # the performance in a row
        self.state, self.best = State(), dict[str, Tensor]()
        self.loss_sum = torch.zeros((), dtype=torch.float64)

    def run(self, tick: Callable[[], None], evaluated: Callable[[dict[str, Any]], None]) -> None:
        """Train to the end. `tick` is called after every step and may raise; `evaluated` with every row."""
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            while self.state.epoch < self.epochs:
                self._epoch(tick)
                row = self._end_epoch()
                if row:
                    evaluated(row)

    def check_finite(self) -> None:
        """RunError if the loss has become infinite or NaN; reads the device, so not at every step."""
        if not math.isfinite(self.loss_sum.item()):
            raise RunError(
                f"the loss is not finite in epoch {self.state.epoch + 1}: training diverged",
                "a lower training.optimizer.lr or a training.clip_norm may help",
            )

    def solution(self) -> dict[str, Any]:
        """Go to the reported point (last or best epoch); its row with the figures of both splits."""
        state = self.state
        if self.training.performance == "best" and state.best is not None:
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
        held = {**self._point(), "loss_sum": self.loss_sum}
        held |= {f"optimizer/{name}": t for name, t in optimizer_tensors(self.optimizer)}
        return held | {f"best/{name}": t for name, t in self.best.items()}

    def restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Take up from what `tensors` returned and from the mapping of `State`."""
        self.state = State(**state)
        self._put(tensors)
        restore_optimizer(self.optimizer, part(tensors, "optimizer/"))
        self.best = {name: t.to(self.device) for name, t in part(tensors, "best/").items()}
        self.loss_sum = tensors["loss_sum"].to(self.loss_sum.device)

    def counters(self) -> dict[str, Any]:
        """The state as plain values."""
        return asdict(self.state)

    def _epoch(self, tick: Callable[[], None]) -> None:
        state, train = self.state, self.problem.data.train
        if state.batch == 0:
            self.loss_sum = torch.zeros((), dtype=torch.float64, device=_sums_on(self.device))
        self.subspace.train()
        sow = seeder(self.device)
        for batch, seed in self._batches():
            sow(seed)  # for dropout: a step's noise does not hang on what came before it
            x, y = train.x[batch].to(self.device), train.y[batch].to(self.device)
            self.loss_sum += self._step(x, y).to(self.loss_sum.device)
            state.batch, state.step = state.batch + 1, state.step + 1
            tick()

    def _batches(self) -> Iterator[tuple[Tensor, int]]:
        """The rest of this epoch: indices of a batch's examples (a last, partial batch is kept), a seed."""
        state, train = self.state, self.problem.data.train
        order = torch.from_numpy(Stream(self.seed, f"order/{state.epoch}").permutation(len(train)))
        end = min(self.per_epoch, self.steps - state.epoch * self.per_epoch)
        seeds = Stream(self.seed, f"dropout/{state.epoch}").words(self.per_epoch).tolist()
        batches = torch.split(order.to(train.x.device), self.training.batch_size)
        yield from list(zip(batches, seeds, strict=True))[state.batch : end]

    def _step(self, x: Tensor, y: Tensor) -> Tensor:
        """One step of the optimiser; returns the loss."""
        factor = self.schedule(self.state.step)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._loss(x, y)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.training.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.subspace.coords, self.training.clip_norm)
        self.optimizer.step()
        return loss.detach()

    def _loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The task's loss, and l2 * sum(theta^2) over the kernels, in the full space as the authors did."""
        theta = self.subspace.native()
        with self._autocast():
            loss = self.task.loss(partial(self.subspace.at, theta), x, y)
        if self.training.l2:
            kernels = [t.reshape(-1) for t in theta.values() if t.dim() >= 2]
            loss = loss + self.training.l2 * sum(torch.dot(k, k) for k in kernels)
        return loss

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.training.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _end_epoch(self) -> dict[str, Any] | None:
        """Count the epoch; the row of its evaluation, if it is due."""
        self.check_finite()
        state = self.state
        state.epoch, batches, state.batch = state.epoch + 1, state.batch, 0
        if state.epoch % self.training.evaluate_every and state.epoch < self.epochs:
            return None
        row = {
            "epoch": state.epoch,
            "step": state.step,
            "lr": self.optimizer.param_groups[0]["lr"],
            "loss": self.loss_sum.item() / batches,
            **self._figures(sorted({"validation", self.task.score_on})),
        }
        self._note(row)
        return row

    def _note(self, row: dict[str, Any]) -> None:
        state, key = self.state, self.key
        if not math.isfinite(row[key]):
            raise RunError(f"{key} is {row[key]} after epoch {row['epoch']}: training diverged")
        state.rows.append(row)
        if self.training.performance == "best" and (
            state.best is None or row[key] > state.rows[state.best][key]
        ):
            state.best = len(state.rows) - 1
            self.best = {name: tensor.detach().clone() for name, tensor in self._point().items()}

    def _figures(self, names: list[str]) -> dict[str, float]:
        """The task's figures on the splits called `names`; a split without examples has none."""
        data = self.problem.data
        splits: dict[str, Split] = {"validation": data.validation, "train": data.train}
        with self.subspace.held():
            return {
                f"{name}_{key}": value
                for name in names
                if len(splits[name])
                for key, value in self.task.evaluate(self.subspace, splits[name]).items()
            }

    def _point(self) -> dict[str, Tensor]:
        """Where the training is: coordinates and buffers."""
        named = buffers(self.subspace.module)
        return {"coords": self.subspace.coords, **{f"buffer/{name}": t for name, t in named.items()}}

    @torch.no_grad()
    def _put(self, tensors: Mapping[str, Tensor]) -> None:
        """Go to a point; the inverse of `_point`."""
        for name, tensor in self._point().items():
            tensor.copy_(tensors[name])


def _sums_on(device: torch.device) -> torch.device:
    """Where losses are summed in float64: on the device, but for MPS, which has none."""
    return torch.device("cpu") if device.type == "mps" else device
