"""What a method is: it moves the coordinates from step to step, and can save and restore all of its state."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from idim_cli.core.errors import ComponentError
from idim_cli.datasets.split import Split
from idim_cli.methods import METHODS
from idim_cli.projectors.subspace import Subspace
from idim_cli.recipe.schema import Component, Quantise, Training
from idim_cli.tasks.base import Task


@dataclass(frozen=True, eq=False)
class Objective:
    """What a method works on.

    Attributes:
        subspace: holds the coordinates that are moved, in place.
        task: says how good they are on a batch.
        train: the training split.
        device: where all is computed.
        training: optimizer, schedule, batch size and budget of the recipe.
        seed: of the order of the examples and of noise.
        steps, per_epoch: how many there are.
        quantise: which few values the coordinates come to take; None leaves them free.
    """

    subspace: Subspace
    task: Task
    train: Split
    device: torch.device
    training: Training
    seed: int
    steps: int
    per_epoch: int
    quantise: Quantise | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """A step that is about to be made.

    Attributes:
        number: of steps made before it.
        epoch, index: its place: the epoch, and the steps of that epoch made before it.
        examples: which of the training split it is made on, int64 [B]; None if it needs none.
        batch: these examples, if they have been read already.
    """

    number: int
    epoch: int
    index: int
    examples: Tensor | None = None
    batch: Any = None


class Method(abc.ABC):
    """Moves the coordinates of a subspace; `training.loop` evaluates in between, and saves.

    An interrupted training ends with the same bits as an undisturbed one, because the numbers that a step
    draws depend on its place alone, and everything else is among `tensors`.

    Args:
        objective: what it works on. Further parameters are those that a recipe may set, keyword-only.
    """

    #: Whether its steps are those of `methods.gradient`, which a pack can make for several runs at once. It
    #: is not inherited: what a subclass overrides, a pack would pass over.
    batched: ClassVar[bool] = False
    #: Whether it takes gradients, so that the loss must be differentiable in the parameters.
    differentiates: ClassVar[bool] = True
    #: Whether the coordinates are a solution at the end alone, not at the evaluations before.
    only_at_end: bool = False

    def __init_subclass__(cls) -> None:
        cls.batched = vars(cls).get("batched", False)

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    @abc.abstractmethod
    def steps(self, epoch: int, begin: int, end: int) -> Iterator[Step]:
        """The steps `begin` .. `end` - 1 of an epoch, one after the other."""

    @abc.abstractmethod
    def make(self, step: Step) -> Tensor:
        """Make a step; returns its loss, a scalar on any device."""

    def after_step(self, steps: int) -> None:  # noqa: B027
        """Called when so many steps have been made, here or in a pack; does nothing unless overridden."""

    def figures(self) -> dict[str, float]:
        """What an evaluation's row of metrics.csv says of the method, such as its learning rate."""
        return {}

    def point(self) -> dict[str, Tensor]:
        """Tensors of the method that belong to a solution, besides the coordinates."""
        return {}

    def tensors(self) -> dict[str, Tensor]:
        """All else that going on needs, by name."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Set the state that `tensors` returned; does nothing unless overridden."""


def build(component: Component, objective: Objective) -> Method:
    """The method that a recipe names; ComponentError for parameters that do not fit."""
    made = METHODS.make(component.name, component.params, objective)
    if not isinstance(made, Method):
        kind = type(made).__name__
        raise ComponentError(f"{component.name} returned a {kind}, not a Method", "see idim_cli.methods.base")
    return made
