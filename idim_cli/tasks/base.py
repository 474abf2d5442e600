"""What a task is: all that training asks of it, and how one is made from a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor, nn

from idim_cli.core.errors import DataError
from idim_cli.datasets.batch import parts, predictions
from idim_cli.datasets.split import Data, Order, Split
from idim_cli.recipe.schema import Component
from idim_cli.tasks import REGISTRY

Model = Callable[..., Any]


class Task(Protocol):
    """What is minimised and what the score means. Higher performance is better.

    Training calls `check` and `outputs` once, `loss` on each batch and `evaluate` after an epoch, on the
    training split, the validation split or both. The performance of a run is ``evaluate(...)[metric]`` on
    `score_on`.

    Attributes:
        metric: which of the figures of `evaluate` is the performance.
        score_on: the split on which performance is measured.
    """

    metric: str
    score_on: Literal["train", "validation"]

    def check(self, split: Split, classes: int | None) -> None:
        """Check that the targets of a split are of the kind that this task learns.

        Args:
            split: any of the data set's.
            classes: how many the data set says that there are; None if it does not say.

        Raises:
            DataError: they are not.
        """

    def outputs(self, data: Data) -> dict[str, Any]:
        """What a model must know of the data: at least `outputs`, how many numbers it returns.

        A user's model gets those that its signature names; a shipped model gets `outputs`.
        """

    def loss(self, model: Model, batch: Any) -> Tensor:
        """The scalar to minimise on a batch (any pytree, see `datasets.batch`)."""

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """All figures of `model` on a whole `split`, by name.

        Without gradients and in evaluation mode; the modes of the model's parts are left as they were.
        The split may lie on another device than the model. A figure that is not finite, as that of outputs
        that are not, says that the training has diverged.
        """


def answer(model: Model, batch: Any) -> tuple[Tensor, Any]:
    """What a model predicts for a batch, and the targets."""
    args, kwargs, targets = parts(batch)
    return predictions(model(*args, **kwargs)), targets


def chance(task: Task, split: Split) -> float | None:
    """The performance of the best constant answer on a split; None where the task does not say.

    A task says so by a method ``chance(split)``, which it need not have.
    """
    known: Callable[[Split], float | None] | None = getattr(task, "chance", None)
    return None if known is None or not len(split) else known(split)


def not_finite(figures: Mapping[str, float]) -> str:
    """Which of the figures of an evaluation are NaN or infinite, with their values; empty if none is."""
    return ", ".join(f"{name} is {value}" for name, value in figures.items() if not math.isfinite(value))


def build(component: Component) -> Task:
    """The task that a recipe names; ComponentError for parameters that do not fit."""
    return cast(Task, REGISTRY.make(component.name, component.params))


def checked(component: Component, data: Data, dataset: str) -> Task:
    """As `build`; DataError, with the split's name, for data that the task cannot learn from."""
    task = build(component)
    for name, split in (("training", data.train), ("validation", data.validation)):
        try:
            task.check(split, data.classes)
        except DataError as error:
            raise DataError(f"{dataset}: {name} split: {error.message}", error.hint) from error
    return task


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every part of `model` has its own mode again."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes:
            part.training = mode


def batches(model: nn.Module, split: Split, batch_size: int) -> Iterator[Any]:
    """The split in its own order, in batches on the device of the model."""
    return split.batches(Order(), batch_size, next(model.parameters()).device)
