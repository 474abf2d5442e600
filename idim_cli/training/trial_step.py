"""One real step before the first run, which finds errors of a model, a task or a method before training."""

from __future__ import annotations

import random
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from idim_cli.core.errors import FOREIGN, CapacityError, ComponentError, ExitedError, IdimError, described
from idim_cli.core.shared_memory import put
from idim_cli.datasets.split import Data
from idim_cli.methods import base as methods
from idim_cli.methods.base import Step
from idim_cli.methods.gradient import Gradient
from idim_cli.models.base import too_large
from idim_cli.projectors.check import ColumnCheck
from idim_cli.projectors.identity import Identity
from idim_cli.projectors.native import Native, admit
from idim_cli.projectors.subspace import Subspace
from idim_cli.recipe.schema import Component, Recipe
from idim_cli.tasks import base as tasks
from idim_cli.training.loop import TOLERANCE, Loop
from idim_cli.training.prepare import Problem

_OFFSET = 0.05  # of theta_0, added to it: at theta_0 itself, code that wrongly uses it would go unnoticed
# No optimizer step is made, and `preflight` checks these settings by themselves.
_UNUSED = {"optimizer": Component(name="adam"), "schedule": Component(name="constant"), "l2": 0.0}
# Messages of torch when a model casts to another dtype than that of its parameters.
_MIXED = re.compile("same dtype|scalar type|Input type|but got (Double|Half|BFloat16|Float)")
_FLOAT32 = (
    "parameters and examples are float32: let the model cast to the dtype of its parameters; for lower "
    "precision set training.precision: bf16"
)
_UNCHECKED = ColumnCheck(0, 1.0, 1.0, None, {})


class TrialStep:
    """The gradients of the first and of the last, partial batch of a training, in the full space.

    Args:
        module: at theta_0; its parameters are changed.
        recipe: of the run.
        data: its data, on any device.
        device: where it will be trained.

    Attributes:
        idle: parameters without a gradient from the first batch.

    Raises:
        ComponentError: the network is not supported, see `native_parameters`.
    """

    def __init__(self, module: nn.Module, recipe: Recipe, data: Data, device: torch.device) -> None:
        self.recipe, self.data, self.module = recipe, data, module.to(device)
        self.native = admit(module, recipe.trainable)
        D = sum(self.sizes)
        # P = 1: the gradient of the coordinates is then that of theta, which the module itself can compute.
        subspace = Subspace(module, Identity(D, D, 0), recipe.trainable)
        problem = Problem(device, data, tasks.build(recipe.task), subspace, _UNCHECKED)
        self.loop = Loop(problem, recipe.training.model_copy(update=_UNUSED), recipe.seeds.data)
        assert isinstance(self.loop.method, Gradient)  # the default, also for a recipe with another method
        self.method = self.loop.method
        self.differentiates = True
        self.idle: list[Native] = []

    @property
    def sizes(self) -> list[int]:
        """Of the native parameters."""
        return [one.parameter.numel() for one in self.native]

    def use(self, method: Component) -> None:
        """Set whether the method of the run needs gradients; ComponentError if it cannot be built."""
        self.differentiates = methods.build(method, self.method.objective).differentiates

    def first(self) -> None:
        """Compute the gradient of the first batch in the subspace and without it, and evaluate.

        Raises:
            ComponentError: the model or the task fails, the loss is not a scalar, or the gradients differ.
            CapacityError: the batch does not fit into memory.
        """
        with _preserved_rng(self.loop):
            examples = self.method.batches(0)[0]
            start = torch.cat([one.parameter.detach().reshape(-1) for one in self.native])
            with torch.no_grad():
                self.loop.subspace.coords.copy_(_OFFSET * start)
            validation = self.data.validation
            if size := min(len(examples), len(validation)):
                with self._located(f"in evaluation, on {size} examples"):
                    self.loop.task.evaluate(self.loop.subspace, validation.take(slice(size)))
            (self._compare if self.differentiates else self._loss)(examples)

    def last(self) -> None:
        """Compute the gradient of the last, partial batch of an epoch, if there is one.

        Raises:
            ComponentError: the model fails on it, but not on a whole batch.
        """
        # Batch normalization, for example, fails on a batch of one, at the end of the first epoch.
        size, n = self.recipe.training.batch_size, len(self.data.train)
        examples = self.method.batches(0)[: self.loop.steps][-1]
        if len(examples) == size or n < size:
            return
        parts = f"{n:,} = {n // size:,} x {size:,} + {len(examples)}"
        some = f"{len(examples)} example" + "s" * (len(examples) > 1)
        try:
            with _preserved_rng(self.loop):
                (self._inside if self.differentiates else self._loss)(examples)
        except ComponentError as error:
            rest = str(error).partition(": ")[2]
            raise ComponentError(
                f"the last batch of an epoch has {some} ({parts}), and the model fails on it: {rest}",
                f"choose {_better_batch_size(n, size)}, for example, which leaves no batch so small",
            ) from error

    def _compare(self, examples: Tensor) -> None:
        """Compare the gradient with that of the module itself at the same parameters."""
        # Code that recomputes parts of itself in the backward pass by its own means, or keeps its own list
        # of parameters, silently uses theta_0 instead of theta: the gradient would be wrong.
        inside, theta = self._inside(examples), self.loop.subspace.native()
        parameters = [self._parameters(one) for one in self.native]
        with torch.no_grad():
            for (first, *_), value in zip(parameters, theta.values(), strict=True):
                first.data.copy_(value)
        outside = self._outside(examples, parameters)
        allowed = TOLERANCE[self.recipe.training.precision] * outside.norm()
        if not (inside - outside).norm() > allowed:
            return
        # A model with noise of its own differs from itself as well, and is not at fault.
        if not (self._outside(examples, parameters) - outside).norm() > allowed:
            raise ComponentError(
                f"the gradient of model {self.recipe.model.name!r} differs inside a subspace",
                "use torch.utils.checkpoint to recompute parts in the backward pass, and read parameters "
                "only as attributes of their modules",
            )

    def _parameters(self, one: Native) -> list[nn.Parameter]:
        """The Parameters of one weight: several if they share its memory."""
        places = [attrgetter(name)(self.module) for name in (one.name, *one.places)]
        return list({id(parameter): parameter.requires_grad_() for parameter in places}.values())

    @torch.no_grad()
    def _loss(self, examples: Tensor) -> None:
        """Compute the loss alone, for a method that does not differentiate it."""
        with self._located(f"in training, on {len(examples)} examples"):
            self.method.loss(self.loop.subspace.native(), self.method.batch(Step(0, 0, 0, examples)))

    def _inside(self, examples: Tensor) -> Tensor:
        """The gradient as in training, [D]."""
        subspace = self.loop.subspace
        subspace.coords.grad = None
        theta = subspace.native()
        self._backward(examples, partial(subspace.at, theta))
        return _flat_grad(subspace.coords)

    def _outside(self, examples: Tensor, parameters: list[list[nn.Parameter]]) -> Tensor:
        """The gradient of the module itself, [D]; sets `idle`."""
        self.module.zero_grad()
        self._backward(examples, self.module)
        self.idle = [
            one
            for one, tied in zip(self.native, parameters, strict=True)
            if all(parameter.grad is None for parameter in tied)
        ]
        # The gradient of a tied weight is the sum over its places.
        return torch.cat([torch.stack([_flat_grad(one) for one in tied]).sum(0) for tied in parameters])

    def _backward(self, examples: Tensor, model: Callable[..., Any]) -> None:
        """Backward pass of the loss of a batch; buffers are restored."""
        loop, buffers = self.loop, [(buffer, buffer.clone()) for buffer in self.module.buffers()]
        step = Step(0, 0, 0, examples)
        batch = self.method.batch(step)
        loop.subspace.train()
        self.method.seed_noise(step)  # the same dropout inside and outside

        with self._located(f"in training, on {len(examples)} examples"):
            with self.method.autocast():
                loss = loop.task.loss(model, batch)
            if loss.dim():
                name, shape = self.recipe.task.name, tuple(loss.shape)
                raise ComponentError(f"task {name!r} returned a loss of shape {shape}, expected a scalar")
            loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for buffer, before in buffers:
                put(buffer, before)

    @contextmanager
    def _located(self, when: str) -> Iterator[None]:
        """Errors of the model's and the task's code become one line with the place in the code."""
        try:
            yield
        except IdimError:
            raise
        except FOREIGN as error:
            if too_large(error):
                message = f"a step does not fit into the memory of {self.loop.device}"
                raise CapacityError(message, "choose a smaller batch size") from error
            name, task = self.recipe.model.name, self.recipe.task.name
            if isinstance(error, SystemExit):
                raise ExitedError(f"{name} asked to end the program: {described(error)}") from error
            shape, what = tuple(self.data.shape), described(error).partition("\n")[0]
            hint = "; ".join(filter(None, (_place(error), _FLOAT32 if _MIXED.search(what) else "")))
            message = f"model {name!r} with task {task!r} fails {when} of shape {shape}: {what}"
            raise ComponentError(message, hint) from error


def _flat_grad(parameter: Tensor) -> Tensor:
    """The gradient as a vector; zero if there is none."""
    return (torch.zeros_like(parameter) if parameter.grad is None else parameter.grad).reshape(-1)


def _better_batch_size(n: int, size: int) -> int:
    """The nearest batch size, smaller ones first, whose last batch is whole or at least half a batch."""
    sizes = sorted(range(1, 2 * size + 1), key=lambda other: (abs(other - size), other))
    return next((other for other in sizes if n % other == 0 or n % other >= other // 2 > 1), size)


def _place(error: BaseException) -> str:
    """File and line of an error in the user's code; empty if it arose elsewhere."""
    # Everything but torch, with what is installed next to it, and this package.
    skip = str(Path(torch.__file__).parents[1]), str(Path(__file__).parents[1])
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(skip)
    ]
    return f"at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""


@contextmanager
def _preserved_rng(loop: Loop) -> Iterator[None]:
    """Restore all random number generators, which the user's code may draw from, at the end."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with loop.forked_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
