"""What a task is: all that training asks of it, and how one is made from a recipe."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor, nn

from idim_cli.core.errors import ComponentError, DataError
from idim_cli.datasets.batch import parts, predictions
from idim_cli.datasets.split import Data, Order, Split
from idim_cli.recipe.schema import Component
from idim_cli.tasks import REGISTRY

Model = Callable[..., Any]
_NEEDED = ("metric", "score_on", "check", "outputs", "loss", "evaluate")


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


def answers(model: nn.Module, split: Split, batch_size: int) -> Iterator[tuple[Tensor, Any]]:
    """Predictions in float32 and targets of a whole split, batch by batch, in evaluation mode."""
    with evaluating(model):
        for batch in batches(model, split, batch_size):
            outputs, targets = answer(model, batch)
            yield outputs.float(), targets


def some_targets(split: Split) -> Any:
    """Targets that tell the shape of all: those of the whole split, or of its first example."""
    if split.targets is not None:
        return split.targets
    return parts(next(iter(split.batches(Order(torch.zeros(1, dtype=torch.int64)), 1, "cpu")))).targets


def require(y: Any, dtypes: Sequence[torch.dtype], axes: Sequence[str]) -> None:
    """Check that targets are of one of these dtypes and of as many axes as one of the `axes` names.

    >>> require(torch.zeros(3, 2), [torch.float32], ["[n]", "[n, k]"])

    Raises:
        DataError: they are not; names what they are.
    """
    if isinstance(y, Tensor) and y.dtype in dtypes and y.ndim in [one.count(",") + 1 for one in axes]:
        return
    wanted = f"{' or '.join(map(_name, dtypes))} {' or '.join(axes)}"
    if y is None:
        raise DataError(f"there are no targets; they should be {wanted}", "see idim_cli.datasets.split.Split")
    found = f"{_name(y.dtype)} of shape {[*y.shape]}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
    raise DataError(f"y should be {wanted}, not {found}", "convert it in the data set, or take another task")


def refuse_shape(outputs: Tensor, wanted: Sequence[int | str]) -> None:
    """ComponentError if a model's outputs are of another shape; a text in `wanted` matches any size."""
    fits = outputs.ndim == len(wanted) and all(
        isinstance(size, str) or size == own for size, own in zip(wanted, outputs.shape, strict=True)
    )
    if not fits:
        shape = ", ".join(map(str, wanted))
        raise ComponentError(f"the model returned outputs of shape {[*outputs.shape]}, not [{shape}]")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


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
    """The task that a recipe names; ComponentError for parameters that do not fit.

    A function (outputs, targets) of the user's is a loss: ``./mine.py:loss`` is short for `loss` with it.
    """
    if REGISTRY.is_code(component.name) and _is_loss(REGISTRY.open(component.name), component.params):
        component = Component(name="loss", params={"loss": component.name, **component.params})
    made = REGISTRY.make(component.name, component.params)
    missing = [name for name in _NEEDED if not hasattr(made, name)]
    if missing:
        message = f"{component.name} gives a {type(made).__name__} without {', '.join(missing)}"
        raise ComponentError(message, "see idim_cli.tasks.base.Task; a loss is a function (outputs, targets)")
    return cast(Task, made)


def _is_loss(found: object, params: Mapping[str, Any]) -> bool:
    """Whether it is a function of outputs and targets, rather than one that makes a task from parameters."""
    if not inspect.isfunction(found):
        return False
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    needed = [one for one in inspect.signature(found).parameters.values() if one.default is one.empty]
    return [one.kind for one in needed if one.name not in params] == [plain, plain]


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
