"""Splits, the `Source` that a data set returns, and the `Data` that training gets."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from idim_cli.core import tensor_digest
from idim_cli.core.errors import FOREIGN
from idim_cli.datasets import batch as batches


@dataclass(frozen=True, eq=False)
class Order:
    """Which examples are read, in which order, and what their augmentation depends on.

    Attributes:
        examples: int64 [n], indices into the split; None is all of it in its own order.
        seed, epoch: augmentation of example i depends on (seed, epoch, i) alone; without an epoch, as in an
            evaluation, nothing is augmented.
    """

    examples: Tensor | None = None
    seed: int = 0
    epoch: int | None = None


class Split(abc.ABC):
    """Examples that can be read in any order as batches: pytrees of tensors whose first axis counts examples.

    A split does not interpret targets: tasks do. ``Split(x, y)`` makes `Tensors`.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Split:
        """Make `Tensors` unless a subclass is named."""
        # So that users' code can write Split(x, y) without knowing the subclasses.
        return object.__new__(Tensors if cls is Split else cls)

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def batches(self, order: Order, size: int, device: str | torch.device) -> Iterator[Any]:
        """The examples of `order` in batches of `size` (the last may be smaller), on `device`."""

    @abc.abstractmethod
    def take(self, index: Tensor | slice) -> Split:
        """A split of the examples at `index`."""

    @property
    @abc.abstractmethod
    def shape(self) -> Any:
        """Shape of one example's inputs, see `batch.shape`."""

    @property
    @abc.abstractmethod
    def targets(self) -> Any:
        """The targets of all examples, as in a batch; None if that would take reading every example."""

    @abc.abstractmethod
    def digest(self) -> str | None:
        """A digest of the content, the same in every process; None if it is unknown."""

    @abc.abstractmethod
    def with_targets(self, targets: Any) -> Split:
        """The same examples with other targets, in their order."""

    def to(self, device: str | torch.device) -> Split:
        """The same split on another device; no effect unless it is held in memory."""
        return self

    def read_by(self, workers: int) -> Split:
        """The same split read by `workers` processes; no effect if it is held in memory."""
        return self


class Tensors(Split):
    """A split that is held in memory, with random access.

    Args:
        parts: the inputs and, last, the targets; or one pytree, such as a dict. All tensors have the same
            first axis.

    >>> split = Tensors(torch.zeros(5, 3), torch.arange(5))
    >>> len(split), split.shape, split.at(torch.tensor([4]))[1]
    (5, (3,), tensor([4]))
    """

    def __init__(self, *parts: Any) -> None:
        self.data = parts[0] if len(parts) == 1 else parts

    def __len__(self) -> int:
        return len(self._first)

    @functools.cached_property
    def _first(self) -> Tensor:
        # Cached: its length and device are needed in every step, and finding it walks a tree.
        return batches.leaves(self.data)[0]

    def at(self, index: Tensor | slice) -> Any:
        """The batch of the examples at `index`, on the device of the split."""
        return batches.mapped(lambda tensor: tensor[index], self.data)

    def batches(self, order: Order, size: int, device: str | torch.device) -> Iterator[Any]:
        """The examples of `order` in batches."""
        # Slices are views: reading a whole split in its own order copies nothing.
        if order.examples is None:
            places: list[Any] = [slice(begin, begin + size) for begin in range(0, len(self), size)]
        else:
            # Indices are moved to the data, as they are much smaller.
            places = [*torch.split(order.examples.to(self.device), size)]
        for place in places:
            yield batches.mapped(lambda tensor, place=place: tensor[place].to(device), self.data)

    def take(self, index: Tensor | slice) -> Tensors:
        """A split of the examples at `index`."""
        return Tensors(self.at(index))

    def with_targets(self, targets: Any) -> Tensors:
        """The same examples with other targets, in their order."""
        return Tensors(batches.with_targets(self.data, targets))

    def to(self, device: str | torch.device) -> Tensors:
        """The same split on another device."""
        return Tensors(batches.mapped(lambda tensor: tensor.to(device), self.data))

    @property
    def x(self) -> Any:
        """The inputs: one tensor, or the arguments if the model takes several."""
        args, kwargs, _ = batches.parts(self.data)
        return kwargs or (args[0] if len(args) == 1 else args)

    @property
    def targets(self) -> Any:
        """The targets of all examples."""
        return batches.parts(self.data).targets

    y = targets

    @property
    def shape(self) -> Any:
        """Shape of one example's inputs."""
        return batches.shape(self.data)

    @property
    def device(self) -> torch.device:
        """Where the data lie."""
        return self._first.device

    @property
    def nbytes(self) -> int:
        """Memory of all tensors."""
        return sum(tensor.nbytes for tensor in batches.tensors(self.data).values())

    def digest(self) -> str:
        """A digest of all tensors by name, dtype, shape and bits."""
        return tensor_digest.of(batches.tensors(self.data))


@dataclass(frozen=True)
class Source:
    """A data set as it is stored, before anything is held out or transformed.

    Attributes:
        train: all training examples, in the order of the files.
        test: reads the test split; called only for an explicit final evaluation.
        classes: number of classes, if the targets are classes; a part of the examples may lack some.
        validation: the data set's own validation split, or how many of the last training examples are held
            out unless the recipe says otherwise; None is a tenth.
        bytes_per_token: mean bytes of text per token, for bits per byte.
        notes: in words, what was left out or changed while reading; shown to users.
    """

    train: Split
    test: Callable[[], Split]
    classes: int | None = None
    validation: Split | int | None = None
    notes: tuple[str, ...] = ()
    bytes_per_token: float | None = None


@dataclass(frozen=True)
class Data:
    """The splits that a run trains and is scored on.

    Attributes:
        train, validation: the splits, transformed as the recipe says.
        test: reads the test split.
        classes: number of classes, if the data set declares it.
        bytes_per_token: mean bytes of text per token, if the data set declares it.
        notes: in words, how the splits were made.
        warnings: the notes that are shown to the user as warnings.
    """

    train: Split
    validation: Split
    test: Callable[[], Split]
    classes: int | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    bytes_per_token: float | None = None

    @property
    def shape(self) -> Any:
        """Shape of one example's inputs, see `batch.shape`."""
        return self.train.shape

    def digest(self, split: str) -> str | None:
        """The fingerprint of ``train``, ``validation`` or ``test``, taken once; None if it cannot be read."""
        if split not in self._digests:
            try:
                held = self.test() if split == "test" else getattr(self, split)
                self._digests[split] = held.digest()
            except FOREIGN:  # a data set may have no test split, and only some runs need one
                self._digests[split] = None
        return self._digests[split]

    # Not a field: `replace` copies fields, and the digests of other splits would go with them.
    @functools.cached_property
    def _digests(self) -> dict[str, str | None]:
        return {}
