"""The Method contract: it updates the coordinates step by step, and can save and restore all of its state."""

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
    """The problem that a method solves.

    Attributes:
        subspace: holds the coordinates, which are updated in place.
        task: computes the loss of a batch.
        train: the training split.
        device: where everything is computed.
        training: optimizer, schedule, batch size and budget of the recipe.
        seed: of the order of the examples and of noise.
        steps, per_epoch: number of steps, in total and in each epoch.
        quantise: levels to which the coordinates are rounded during training; None: no rounding.
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
    """The next step of a training.

    Attributes:
        number: steps completed before it.
        epoch, index: its epoch, counted from 0, and its position in that epoch.
        examples: indices into the training split, int64 [B]; None if the step needs none.
        batch: these examples, if they have been read already.
    """

    number: int
    epoch: int
    index: int
    examples: Tensor | None = None
    batch: Any = None


class Method(abc.ABC):
    """Updates the coordinates of a subspace; `training.loop` evaluates, and saves the state.

    An interrupted training ends with the same bits as an uninterrupted one: the random numbers of a step
    depend only on its epoch and index, and everything else is in `tensors`.

    Args:
        objective: the problem. Further parameters are keyword-only and may be set by a recipe.
    """

    #: Whether its steps are those of `methods.gradient`, which a pack can make for several runs together.
    batched: ClassVar[bool] = False
    #: Whether it computes gradients, so that the loss must be differentiable in the parameters.
    differentiates: ClassVar[bool] = True
    #: Whether the coordinates are a solution only after the last step, not at earlier evaluations.
    only_at_end: bool = False

    def __init_subclass__(cls) -> None:
        # Not inherited: a pack makes the steps of `Gradient` and would ignore what a subclass overrides.
        cls.batched = vars(cls).get("batched", False)

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    @abc.abstractmethod
    def steps(self, epoch: int, begin: int, end: int) -> Iterator[Step]:
        """The steps `begin` .. `end` - 1 of an epoch, in order."""

    @abc.abstractmethod
    def make(self, step: Step) -> Tensor:
        """Make a step; returns its loss, a scalar on any device."""

    def after_step(self, steps: int) -> None:  # noqa: B027
        """Called after each step with the number completed, also in a pack; does nothing by default."""

    def figures(self) -> dict[str, float]:
        """Columns for metrics.csv at each evaluation, such as the learning rate."""
        return {}

    def point(self) -> dict[str, Tensor]:
        """Tensors that are part of a solution in addition to the coordinates."""
        return {}

    def tensors(self) -> dict[str, Tensor]:
        """All other state needed to resume, by name."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Set the state that `tensors` returned; does nothing by default."""


def build(component: Component, objective: Objective) -> Method:
    """The method that a recipe names; ComponentError for invalid parameters."""
    made = METHODS.make(component.name, component.params, objective)
    if not isinstance(made, Method):
        kind = type(made).__name__
        raise ComponentError(f"{component.name} returned a {kind}, not a Method", "see idim_cli.methods.base")
    return made
