"""Descent along the gradient of batches: optimizer, learning-rate schedule, clipping, and rounding."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from idim_cli.core.rng import Stream
from idim_cli.datasets.batch import mapped
from idim_cli.datasets.split import Order, Tensors
from idim_cli.methods import optimizers, schedules
from idim_cli.methods.base import Method, Objective, Step
from idim_cli.methods.rounding import Rounding
from idim_cli.runs.checkpoint import optimizer_tensors, part, restore_optimizer


class Gradient(Method):
    """Each epoch goes through the training split once, in an order of its own.

    Attributes:
        optimizer, schedule, rounding: of the coordinates; rounding is None where they are free.
    """

    batched: ClassVar[bool] = True

    def __init__(self, objective: Objective) -> None:
        super().__init__(objective)
        training, coords = objective.training, objective.subspace.coords
        quantise = objective.quantise
        self.rounding = None if quantise is None else Rounding(quantise, coords, objective.steps)
        self.only_at_end = self.rounding is not None
        self.optimizer = optimizers.build(training.optimizer, coords)
        self.schedule = schedules.build(training.schedule, objective.steps, objective.per_epoch)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self._sow = seeder(objective.device)
        self._seeds: tuple[int, list[int]] | None = None  # of noise, for the steps of an epoch

    def steps(self, epoch: int, begin: int, end: int) -> Iterator[Step]:
        """One for each batch of the epoch; a last, partial batch is kept."""
        batches, train = self.batches(epoch)[begin:end], self.objective.train
        first = epoch * self.objective.per_epoch + begin
        read: Iterator[Any] = iter([None] * len(batches))
        if not isinstance(train, Tensors) and batches:
            # Workers read ahead, and must know the whole order before the first batch is asked for.
            order = Order(torch.cat([*batches]), self.objective.seed, epoch)
            read = train.batches(order, self.objective.training.batch_size, self.objective.device)
        for at, (examples, batch) in enumerate(zip(batches, read, strict=True)):
            yield Step(first + at, epoch, begin + at, examples, batch)

    def batches(self, epoch: int) -> Sequence[Tensor]:
        """Which examples are in each batch of an epoch."""
        train, seed = self.objective.train, self.objective.seed
        order = torch.from_numpy(Stream(seed, f"order/{epoch}").permutation(len(train)))
        if isinstance(train, Tensors):
            order = order.to(train.device)
        return torch.split(order, self.objective.training.batch_size)

    def make(self, step: Step) -> Tensor:
        """One step of the optimizer."""
        loss = self.gradient(step)
        self.before_step(step.number)
        self.optimizer.step()
        return loss

    def gradient(self, step: Step) -> Tensor:
        """Compute the gradient of the step's batch into `coords.grad`; returns its loss."""
        batch, coords = self.batch(step), self.objective.subspace.coords
        self.seed_noise(step)
        coords.grad = None
        loss = self.loss(self.objective.subspace.native(), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def batch(self, step: Step) -> Any:
        """The examples of a step on the device."""
        if step.batch is not None:
            return step.batch
        train, examples = self.objective.train, step.examples
        assert examples is not None
        device = self.objective.device
        if isinstance(train, Tensors):  # directly: a small step would feel the way through an Order
            return mapped(lambda tensor: tensor[examples].to(device), train.data)
        return next(
            iter(train.batches(Order(examples, self.objective.seed, step.epoch), len(examples), device))
        )

    def before_step(self, number: int) -> None:
        """Set the learning rate of the step of this number, and clip its gradient."""
        factor = self.schedule(number)
        if self.rounding is not None:
            factor *= self.rounding.pace(number)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        if self.objective.training.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.objective.subspace.coords, self.objective.training.clip_norm)

    def after_step(self, steps: int) -> None:
        """Round what is to be rounded by now."""
        if self.rounding is not None:
            self.rounding.after_step(steps)

    def loss(self, theta: dict[str, Tensor], batch: Any) -> Tensor:
        """The task's loss, and l2 * sum(theta^2) over kernels, in the full space as the authors did.

        `theta` names all native parameters; other parameters and buffers that it names are replaced too.
        """
        subspace, l2 = self.objective.subspace, self.objective.training.l2
        with self.autocast():
            loss = self.objective.task.loss(partial(subspace.at, theta), batch)
        if l2:
            native = [theta[name] for name, _ in subspace.sizes]
            kernels = [t.reshape(-1) for t in native if t.dim() >= 2]
            loss = loss + l2 * sum(torch.dot(k, k) for k in kernels)
        return loss

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision that the recipe asks for."""
        if self.objective.training.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.objective.device.type, dtype=torch.bfloat16)

    def seed_noise(self, step: Step) -> None:
        """Seed the noise of a step (dropout), which then is independent of what came before it."""
        if self._seeds is None or self._seeds[0] != step.epoch:
            stream = Stream(self.objective.seed, f"dropout/{step.epoch}")
            self._seeds = step.epoch, stream.words(self.objective.per_epoch).tolist()
        self._sow(self._seeds[1][step.index])

    def figures(self) -> dict[str, float]:
        """The learning rate of the last step."""
        return {"lr": self.optimizer.param_groups[0]["lr"]}

    def point(self) -> dict[str, Tensor]:
        """The values that coordinates are rounded to."""
        return {} if self.rounding is None else {"book": self.rounding.quantiser.book}

    def tensors(self) -> dict[str, Tensor]:
        """State of the optimizer, and what the order of rounding remembers."""
        return self._slopes() | {f"optimizer/{name}": t for name, t in optimizer_tensors(self.optimizer)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` returned."""
        for name, tensor in self._slopes().items():
            tensor.copy_(tensors[name])
        restore_optimizer(self.optimizer, part(tensors, "optimizer/"))

    def _slopes(self) -> dict[str, Tensor]:
        known = None if self.rounding is None else self.rounding.slopes
        return {} if known is None else {"slopes": known}


def seeder(device: torch.device) -> Callable[[int], object]:
    """What seeds the generator of one device (`torch.manual_seed` seeds all kinds, and takes its time)."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        at = torch.cuda.current_device() if device.index is None else device.index
        return torch.cuda.default_generators[at].manual_seed
    return torch.mps.manual_seed if device.type == "mps" else torch.default_generator.manual_seed
