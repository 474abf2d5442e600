"""The forms of data: a split, what a data set's own function returns, and what training gets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from idim_cli.core import tensor_digest
from idim_cli.core.errors import FOREIGN


@dataclass(frozen=True)
class Split:
    """Examples with their targets, each as one tensor.

    Attributes:
        x: float32 [n, *shape], finite; or int64 for numbers of tokens.
        y: int64 [n], in 0 .. classes - 1.
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: str | torch.device) -> Split:
        """The same split on another device."""
        return Split(self.x.to(device), self.y.to(device))

    def take(self, index: Tensor | slice) -> Split:
        """The examples at `index`."""
        return Split(self.x[index], self.y[index])


@dataclass(frozen=True)
class Source:
    """A data set as it is stored, before anything is held out or transformed.

    Attributes:
        train: all training examples, in the order of the files.
        test: reads the test split; called only for an explicit final evaluation.
        classes: number of classes.
        validation: the data set's own validation split, or how many of the last training examples, at
            least one, are held out unless the recipe says otherwise.
        notes: in words, what was done on reading that might surprise; users are told.
    """

    train: Split
    test: Callable[[], Split]
    classes: int
    validation: Split | int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Data:
    """What a run trains and is scored on.

    Attributes:
        train, validation: the splits, transformed as the recipe says.
        test: reads the test split, which nothing else touches.
        shape: of one example.
        classes: number of classes.
        notes: in words, how the splits were made.
        warnings: those of the notes that the user has to know of.
    """

    train: Split
    validation: Split
    test: Callable[[], Split]
    shape: tuple[int, ...]
    classes: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def digest(self, split: str) -> str | None:
        """The fingerprint of ``train``, ``validation`` or ``test``, taken once; None if it cannot be read."""
        if split not in self._digests:
            self._digests[split] = self._digest(split)
        return self._digests[split]

    @functools.cached_property
    def _digests(self) -> dict[str, str | None]:
        return {}

    def _digest(self, split: str) -> str | None:
        try:
            one = self.test() if split == "test" else getattr(self, split)
        except FOREIGN:  # there may be none, and none may be needed
            return None
        return tensor_digest.of({"x": one.x, "y": one.y})
