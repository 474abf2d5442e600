"""One real step before the first run: what training would stumble over is found, and no trace is left."""

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

_AWAY = 0.05  # of theta_0: how far from it the step is made, so that theta_0 in theta's place is noticed
#: No step is made: faults of these are told elsewhere.
_ANY = {"optimizer": Component(name="adam"), "schedule": Component(name="constant"), "l2": 0.0}
# How torch says that a model casts to another kind of numbers than its parameters are.
_MIXED = re.compile("same dtype|scalar type|Input type|but got (Double|Half|BFloat16|Float)")
_FLOAT32 = (
    "parameters and examples are float32 here, whatever the model makes: let its code cast to the kind of "
    "its parameters; training.precision: bf16 computes in fewer bits"
)
_UNSEEN = ColumnCheck(0, 1.0, 1.0, None, {})


class TrialStep:
    """The first step and the last, partial batch of a training, in the full space: its gradient is theta's.

    Args:
        module: at theta_0; it is used up.
        recipe: of the run.
        data: its data, on any device.
        device: where it will be trained.

    Attributes:
        idle: parameters that got no gradient from the first batch.

    Raises:
        ComponentError: the network is refused, see `native_parameters`.
    """

    def __init__(self, module: nn.Module, recipe: Recipe, data: Data, device: torch.device) -> None:
        self.recipe, self.data, self.module = recipe, data, module.to(device)
        self.native = admit(module, recipe.trainable)
        D = sum(self.sizes)
        subspace = Subspace(module, Identity(D, D, 0), recipe.trainable)
        problem = Problem(device, data, tasks.build(recipe.task), subspace, _UNSEEN)
        self.loop = Loop(problem, recipe.training.model_copy(update=_ANY), recipe.seeds.data)
        assert isinstance(self.loop.method, Gradient)
        self.method = self.loop.method
        self.differentiates = True
        self.idle: list[Native] = []

    @property
    def sizes(self) -> list[int]:
        """Of the native parameters."""
        return [one.parameter.numel() for one in self.native]

    def use(self, method: Component) -> None:
        """Note what the method of the run needs; ComponentError if it cannot be made."""
        self.differentiates = methods.build(method, self.method.objective).differentiates

    def first(self) -> None:
        """Take the gradient of the first batch inside the subspace and outside of it, and evaluate.

        Raises:
            ComponentError: the model or the task fails, the loss is no scalar, or the gradients differ.
            CapacityError: the batch does not fit the memory.
        """
        with _untouched(self.loop.device):
            examples = self.method.batches(0)[0]
            start = torch.cat([one.parameter.detach().reshape(-1) for one in self.native])
            with torch.no_grad():
                self.loop.subspace.coords.copy_(_AWAY * start)
            self._evaluate(len(examples))
            if self.differentiates:
                self._compare(examples)
            else:
                self._loss(examples)

    def last(self) -> None:
        """Take the gradient of the last, partial batch of an epoch, if there is one.

        Raises:
            ComponentError: the model fails on it, though not on a whole one.
        """
        size, n = self.recipe.training.batch_size, len(self.data.train)
        examples = self.method.batches(0)[: self.loop.steps][-1]
        if len(examples) == size or n < size:
            return
        parts = f"{n:,} = {n // size:,} x {size:,} + {len(examples)}"
        some = f"{len(examples)} example" + "s" * (len(examples) > 1)
        try:
            with _untouched(self.loop.device):
                (self._inside if self.differentiates else self._loss)(examples)
        except ComponentError as error:
            rest = str(error).partition(": ")[2]
            raise ComponentError(
                f"the last batch of an epoch has {some} ({parts}), and the model fails on it: {rest}",
                f"with {_better(n, size)}, for example, no batch is so small",
            ) from error

    def _evaluate(self, size: int) -> None:
        validation = self.data.validation
        if len(validation):
            with self._told(f"in evaluation, on {min(size, len(validation))} examples"):
                self.loop.task.evaluate(self.loop.subspace, validation.take(slice(size)))

    def _compare(self, examples: Tensor) -> None:
        """Compare the gradient with that of the module itself at the same parameters.

        Code that runs parts of itself again in the backward pass by its own means, or has its own list of
        parameters, gets theta_0 where it means theta: in silence, but not here.
        """
        inside, theta = self._inside(examples), self.loop.subspace.native()
        parameters = [self._parameters(one) for one in self.native]
        with torch.no_grad():
            for (first, *_), value in zip(parameters, theta.values(), strict=True):
                first.data.copy_(value)
        outside = self._outside(examples, parameters)
        allowed = TOLERANCE[self.recipe.training.precision] * outside.norm()
        if not (inside - outside).norm() > allowed:
            return
        if not (self._outside(examples, parameters) - outside).norm() > allowed:  # it is no other noise
            raise ComponentError(
                f"the gradient of model {self.recipe.model.name!r} is another one inside of a subspace",
                "its code runs parts again in the backward pass (let torch.utils.checkpoint do that), "
                "or reads parameters past its modules' attributes",
            )

    def _parameters(self, one: Native) -> list[nn.Parameter]:
        """One weight: several Parameters where it is tied by memory."""
        found = [attrgetter(name)(self.module) for name in (one.name, *one.places)]
        return list({id(parameter): parameter.requires_grad_() for parameter in found}.values())

    @torch.no_grad()
    def _loss(self, examples: Tensor) -> None:
        """The loss alone, for a method that takes no gradient of it."""
        with self._told(f"in training, on {len(examples)} examples"):
            self.method.loss(self.loop.subspace.native(), self.method.batch(Step(0, 0, 0, examples)))

    def _inside(self, examples: Tensor) -> Tensor:
        """The gradient as in training, [D]."""
        subspace = self.loop.subspace
        subspace.coords.grad = None
        theta = subspace.native()
        self._backward(examples, partial(subspace.at, theta))
        return _grad(subspace.coords)

    def _outside(self, examples: Tensor, parameters: list[list[nn.Parameter]]) -> Tensor:
        self.module.zero_grad()
        self._backward(examples, self.module)
        self.idle = [
            one
            for one, tied in zip(self.native, parameters, strict=True)
            if all(parameter.grad is None for parameter in tied)
        ]
        return torch.cat([torch.stack([_grad(one) for one in tied]).sum(0) for tied in parameters])

    def _backward(self, examples: Tensor, model: Callable[..., Any]) -> None:
        """Backward pass of the loss of a batch, with its noise; buffers are as before."""
        loop, buffers = self.loop, [(buffer, buffer.clone()) for buffer in self.module.buffers()]
        step = Step(0, 0, 0, examples)
        batch = self.method.batch(step)
        loop.subspace.train()
        self.method.seed_noise(step)

        with self._told(f"in training, on {len(examples)} examples"):
            with self.method.autocast():
                loss = loop.task.loss(model, batch)
            if loss.dim():
                shape = tuple(loss.shape)
                raise ComponentError(
                    f"task {self.recipe.task.name!r} returned a loss of shape {shape}, no scalar"
                )
            loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for buffer, before in buffers:
                put(buffer, before)

    @contextmanager
    def _told(self, when: str) -> Iterator[None]:
        """Errors of the model's and the task's code as one line, with its place."""
        try:
            yield
        except IdimError:
            raise
        except FOREIGN as error:
            self._raise(error, when)

    def _raise(self, error: BaseException, when: str) -> None:
        if too_large(error):
            raise CapacityError(
                f"a step does not fit the memory of {self.loop.device}", "make it smaller"
            ) from error
        if isinstance(error, SystemExit):
            name = self.recipe.model.name
            raise ExitedError(f"{name} asked to end the program: {described(error)}") from error
        names = f"model {self.recipe.model.name!r} with task {self.recipe.task.name!r}"
        shape, what = tuple(self.data.shape), described(error).partition("\n")[0]
        hint = "; ".join(filter(None, (_place(error), _FLOAT32 if _MIXED.search(what) else "")))
        raise ComponentError(f"{names} fails {when} of shape {shape}: {what}", hint) from error


def _grad(parameter: Tensor) -> Tensor:
    """Flat; zero where no gradient came."""
    return (torch.zeros_like(parameter) if parameter.grad is None else parameter.grad).reshape(-1)


def _better(n: int, size: int) -> int:
    """The nearest batch size, smaller ones first, whose last batch is whole or at least half a batch."""
    sizes = sorted(range(1, 2 * size + 1), key=lambda other: (abs(other - size), other))
    return next((other for other in sizes if n % other == 0 or n % other >= other // 2 > 1), size)


def _place(error: BaseException) -> str:
    """File and line in the user's code at which an error arose; empty if it is in none."""
    skip = str(Path(torch.__file__).parents[1]), str(Path(__file__).parents[1])
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(skip)
    ]
    return f"at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""


@contextmanager
def _untouched(device: torch.device) -> Iterator[None]:
    """Leave every generator of random numbers as it was."""
    own, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(own)
        np.random.set_state(numpy)
