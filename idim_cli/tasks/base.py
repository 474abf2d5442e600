"""The `Task` protocol, how a task is built from a recipe, and what the shipped tasks share."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor, nn

from idim_cli.core.errors import ComponentError, DataError
from idim_cli.datasets.batch import TARGETS, parts, predictions
from idim_cli.datasets.split import Data, Order, Split, Tensors
from idim_cli.recipe.schema import Component
from idim_cli.tasks import REGISTRY

Model = Callable[..., Any]
# Checked when a task is built: a missing method is reported before training, not after an epoch of it.
_NEEDED = ("metric", "score_on", "check", "outputs", "loss", "evaluate")


class Task(Protocol):
    """What is minimized and what the score means. Higher performance is better.

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
        """Check that the targets of a split have the type and shape that this task learns.

        Args:
            split: any split of the data set.
            classes: the number of classes that the data set declares; None if it declares none.

        Raises:
            DataError: they do not.
        """

    def outputs(self, data: Data) -> dict[str, Any]:
        """What a model needs to know about the data: at least `outputs`, how many numbers it returns.

        A user's model gets the entries that its signature names; a shipped model gets `outputs`.
        """

    def loss(self, model: Model, batch: Any) -> Tensor:
        """The scalar to minimize on a batch (any pytree, see `datasets.batch`)."""

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """All figures of `model` on a whole `split`, by name.

        Without gradients and in evaluation mode; the modes of the model's parts are left as they were.
        The split may lie on another device than the model. Outputs that are not finite must give figures that
        are not: that is how a run is recognized as diverged.
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
    """Targets with the dtype and shape of all: those of the whole split, or of its first example."""
    if split.targets is not None:
        return split.targets
    # A streamed dataset without `targets`: one example is enough, reading all of them could take hours.
    return parts(next(iter(split.batches(Order(torch.zeros(1, dtype=torch.int64)), 1, "cpu")))).targets


def checkable(split: Split) -> bool:
    """Whether the targets of a split can be checked, or are missing although they should be there."""
    # Of a streamed dataset without `targets` only the first batch shows what they are.
    return split.targets is not None or isinstance(split, Tensors)


def require(y: Any, dtypes: Sequence[torch.dtype], axes: Sequence[str]) -> None:
    """Check that targets have one of these dtypes and as many axes as one of the texts in `axes`.

    >>> require(torch.zeros(3, 2), [torch.float32], ["[n]", "[n, k]"])

    Raises:
        DataError: they do not; its message gives what they are.
    """
    # Axes are counted in the text that the message shows, so that the check and the message cannot differ.
    if isinstance(y, Tensor) and y.dtype in dtypes and y.ndim in [text.count(",") + 1 for text in axes]:
        return
    wanted = f"{' or '.join(map(_name, dtypes))} {' or '.join(axes)}"
    if y is None:
        hint = f"return pairs (x, y), or a dict with an entry {', '.join(TARGETS[:-1])} or {TARGETS[-1]}"
        raise DataError(f"there are no targets; they should be {wanted}", hint)
    found = f"{_name(y.dtype)} of shape {[*y.shape]}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
    raise DataError(f"y should be {wanted}, not {found}", "convert it in the data set, or take another task")


def refuse_shape(outputs: Tensor, wanted: Sequence[int | str]) -> None:
    """ComponentError if a model's outputs have another shape; a text in `wanted` matches any size."""
    # Checked before each loss, as losses broadcast: wrong shapes would give a number, and no error.
    fits = outputs.ndim == len(wanted) and all(
        isinstance(size, str) or size == found for size, found in zip(wanted, outputs.shape, strict=True)
    )
    if not fits:
        shape = ", ".join(map(str, wanted))
        raise ComponentError(f"the model returned outputs of shape {[*outputs.shape]}, not [{shape}]")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def chance(task: Task, split: Split) -> float | None:
    """The performance of the best constant answer on a split, by the task's ``chance(split)``.

    None if the task has no such method, or cannot know.
    """
    # Not in `_NEEDED`: the best constant answer is unknown for a loss of the user's own.
    known: Callable[[Split], float | None] | None = getattr(task, "chance", None)
    # An empty split has no most frequent answer.
    return None if known is None or not len(split) else known(split)


def not_finite(figures: Mapping[str, float]) -> str:
    """Which of the figures of an evaluation are NaN or infinite, with their values; empty if none is."""
    return ", ".join(f"{name} is {value}" for name, value in figures.items() if not math.isfinite(value))


def build(component: Component) -> Task:
    """The task that a recipe names; ComponentError for parameters that do not fit.

    ``./mine.py:loss``, a function of (outputs, targets), is short for the task `loss` with that function.
    """
    # Only code of the user's can be such a function; built-in tasks are not imported to find out.
    if REGISTRY.is_code(component.name) and _is_loss(REGISTRY.open(component.name), component.params):
        component = Component(name="loss", params={"loss": component.name, **component.params})
    task = REGISTRY.make(component.name, component.params)
    missing = [name for name in _NEEDED if not hasattr(task, name)]
    if missing:
        message = f"{component.name} gives a {type(task).__name__} without {', '.join(missing)}"
        raise ComponentError(message, "see idim_cli.tasks.base.Task; a loss is a function (outputs, targets)")
    return cast(Task, task)


def _is_loss(found: object, params: Mapping[str, Any]) -> bool:
    """Whether `found` is a loss of (outputs, targets), rather than a function that builds a task."""
    if not inspect.isfunction(found):
        return False
    # The two are distinguished by their required parameters. Those of a function that builds a task are set
    # in the recipe, so what the recipe sets does not count. Names do not either: a loss may call its
    # arguments anything.
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    required = [arg for arg in inspect.signature(found).parameters.values() if arg.default is arg.empty]
    return [arg.kind for arg in required if arg.name not in params] == [plain, plain]


def checked(component: Component, data: Data, dataset: str) -> Task:
    """As `build`; DataError, with the split's name, for data that the task cannot learn from."""
    task = build(component)
    # Not the test split: only an explicit final evaluation reads it.
    for name, split in (("training", data.train), ("validation", data.validation)):
        try:
            task.check(split, data.classes)
        except DataError as error:
            raise DataError(f"{dataset}: {name} split: {error.message}", error.hint) from error
    return task


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every part of `model` has its own mode again."""
    # `model.train()` afterwards would also switch on parts that the user keeps in evaluation mode, such as
    # frozen batch normalization.
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
