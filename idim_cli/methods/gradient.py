"""Gradient descent on batches: optimizer, learning-rate schedule, gradient clipping and rounding."""

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
    """Each epoch visits every training example once, in a new order.

    Attributes:
        optimizer, schedule: of the coordinates.
        rounding: to a few levels; None without `quantise`.
    """

    batched: ClassVar[bool] = True

    def __init__(self, objective: Objective) -> None:
        super().__init__(objective)
        training, coords = objective.training, objective.subspace.coords
        quantise = objective.quantise
        self.rounding = None if quantise is None else Rounding(quantise, coords, objective.steps)
        self.only_at_end = self.rounding is not None  # all coordinates are rounded only by the last step
        self.optimizer = optimizers.build(training.optimizer, coords)
        self.schedule = schedules.build(training.schedule, objective.steps, objective.per_epoch)
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self._seed_device = device_seeder(objective.device)
        # Noise seeds of one epoch, drawn together: a Stream for each step would slow down small models.
        self._seeds: tuple[int, list[int]] | None = None

    def steps(self, epoch: int, begin: int, end: int) -> Iterator[Step]:
        """One for each batch of the epoch, including a last, partial batch."""
        batches, train = self.batches(epoch)[begin:end], self.objective.train
        first = epoch * self.objective.per_epoch + begin
        # Tensors are read by `batch`, or by a pack for all of its runs together.
        read: Iterator[Any] = iter([None] * len(batches))
        if not isinstance(train, Tensors) and batches:
            # Workers read ahead: they need the whole order before the first batch is requested.
            order = Order(torch.cat([*batches]), self.objective.seed, epoch)
            read = train.batches(order, self.objective.training.batch_size, self.objective.device)
        for at, (examples, batch) in enumerate(zip(batches, read, strict=True)):
            yield Step(first + at, epoch, begin + at, examples, batch)

    def batches(self, epoch: int) -> Sequence[Tensor]:
        """Indices of the examples in each batch of an epoch."""
        train, seed = self.objective.train, self.objective.seed
        # From (seed, epoch) alone, so that resuming in the middle of an epoch needs no saved order.
        order = torch.from_numpy(Stream(seed, f"order/{epoch}").permutation(len(train)))
        if isinstance(train, Tensors):
            order = order.to(train.device)  # once an epoch: a copy for each batch would stall the GPU
        return torch.split(order, self.objective.training.batch_size)

    def make(self, step: Step) -> Tensor:
        """One step of the optimizer."""
        loss = self.gradient(step)
        self.before_step(step.number)  # after the gradient, which it clips
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
        """The examples of a step, on the device."""
        if step.batch is not None:
            return step.batch
        train, examples = self.objective.train, step.examples
        assert examples is not None
        device = self.objective.device
        if isinstance(train, Tensors):  # directly, as an Order costs a noticeable part of a small step
            return mapped(lambda tensor: tensor[examples].to(device), train.data)
        order = Order(examples, self.objective.seed, step.epoch)
        return next(iter(train.batches(order, len(examples), device)))

    def before_step(self, number: int) -> None:
        """Set the learning rate of this step, and clip its gradient."""
        factor = self.schedule(number)
        if self.rounding is not None:
            factor *= self.rounding.lr_factor(number)
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr * factor
        if self.objective.training.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.objective.subspace.coords, self.objective.training.clip_norm)

    def after_step(self, steps: int) -> None:
        """Round the coordinates that are due."""
        if self.rounding is not None:
            self.rounding.after_step(steps)

    def loss(self, theta: dict[str, Tensor], batch: Any) -> Tensor:
        """The task's loss plus l2 * sum(theta^2).

        `theta` holds all native parameters by name; frozen parameters and buffers in it are replaced too.
        """
        subspace, l2 = self.objective.subspace, self.objective.training.l2
        with self.autocast():
            loss = self.objective.task.loss(partial(subspace.at, theta), batch)
        if l2:
            # In the full space, over kernels but not biases, as the authors did.
            kernels = [theta[name].reshape(-1) for name, _ in subspace.sizes if theta[name].dim() >= 2]
            loss = loss + l2 * sum(torch.dot(k, k) for k in kernels)
        return loss

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """A context with the recipe's precision."""
        if self.objective.training.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.objective.device.type, dtype=torch.bfloat16)

    def seed_noise(self, step: Step) -> None:
        """Seed the noise of a step (dropout), so that it is independent of all steps before it."""
        if self._seeds is None or self._seeds[0] != step.epoch:
            stream = Stream(self.objective.seed, f"dropout/{step.epoch}")
            self._seeds = step.epoch, stream.words(self.objective.per_epoch).tolist()
        self._seed_device(self._seeds[1][step.index])

    def figures(self) -> dict[str, float]:
        """The learning rate of the last step."""
        return {"lr": self.optimizer.param_groups[0]["lr"]}

    def point(self) -> dict[str, Tensor]:
        """The codebook of the rounding."""
        return {} if self.rounding is None else {"book": self.rounding.quantiser.book}

    def tensors(self) -> dict[str, Tensor]:
        """State of the optimizer, and the slopes of the rounding."""
        return self._slopes() | {f"optimizer/{name}": t for name, t in optimizer_tensors(self.optimizer)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Set the state that `tensors` returned."""
        for name, tensor in self._slopes().items():
            tensor.copy_(tensors[name])
        restore_optimizer(self.optimizer, part(tensors, "optimizer/"))

    def _slopes(self) -> dict[str, Tensor]:
        slopes = None if self.rounding is None else self.rounding.slopes
        return {} if slopes is None else {"slopes": slopes}


def device_seeder(device: torch.device) -> Callable[[int], object]:
    """A function that seeds the random number generator of one device."""
    # torch.manual_seed is slower: it seeds the generators of all devices.
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        at = torch.cuda.current_device() if device.index is None else device.index
        return torch.cuda.default_generators[at].manual_seed
    return torch.mps.manual_seed if device.type == "mps" else torch.default_generator.manual_seed
