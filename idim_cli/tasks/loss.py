"""A loss and a score of the user's own: two functions in a file, no class to write."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from idim_cli.core import user_code
from idim_cli.core.errors import ComponentError
from idim_cli.core.source_signature import Code
from idim_cli.datasets.batch import leaves
from idim_cli.datasets.split import Data, Split
from idim_cli.tasks.base import Model, answer, answers, some_targets

_SCORE = "score"


class Loss:
    """A loss and a score of the user's own, two functions (outputs, targets).

    The loss gets a batch and returns a scalar tensor. The score gets a whole split on the CPU and returns a
    number, the higher the better.

    Args:
        loss: what is minimised; ./mine.py:loss.
        score: the performance; ./mine.py:score, or by default the function `score` of the loss's file.
        outputs: how many numbers the model returns; by default as many as there are classes, or targets.
        score_on: the split whose score is the performance.
    """

    metric = _SCORE

    def __init__(
        self,
        *,
        loss: Code,
        score: Code | None = None,
        outputs: int | None = None,
        score_on: Literal["validation", "train"] = "validation",
    ) -> None:
        self.names = loss, score or f"{loss.rpartition(':')[0]}:{_SCORE}"
        self.own_loss, self.own_score = map(user_code.find, self.names)
        self.count = outputs
        self.score_on: Literal["train", "validation"] = score_on

    def check(self, split: Split, classes: int | None) -> None:
        """Any targets will do: the loss knows."""

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs``, and ``classes`` if the data set says how many there are."""
        classes = {} if data.classes is None else {"classes": data.classes}
        return {"outputs": self.count or data.classes or _size(some_targets(data.train)), **classes}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """What the user's loss says of a batch."""
        outputs, targets = answer(model, batch)
        return self._loss(outputs, targets)

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``score`` over the whole split, and ``loss``, the mean over its batches by their examples."""
        pairs, total = [], 0.0
        for outputs, targets in answers(model, split, batch_size):
            total += float(self._loss(outputs, targets)) * len(outputs)
            pairs.append((outputs.cpu(), pytree.tree_map(lambda one: one.cpu(), targets)))
        outputs, targets = _joined(pairs)
        with torch.no_grad():
            score = user_code.guarded(self.names[1], lambda: self.own_score(outputs, targets))
        finite = 1.0 if outputs.isfinite().all() else math.nan
        return {_SCORE: _number(score, self.names[1]) * finite, "loss": total / len(outputs)}

    def _loss(self, outputs: Tensor, targets: Any) -> Tensor:
        found = self.own_loss(outputs, targets)
        if not isinstance(found, Tensor) or found.dim():
            what = f"shape {[*found.shape]}" if isinstance(found, Tensor) else f"type {type(found).__name__}"
            raise ComponentError(f"{self.names[0]} returned a loss of {what}, not a scalar tensor")
        return found


def _joined(pairs: list[tuple[Tensor, Any]]) -> tuple[Tensor, Any]:
    """Outputs and targets of all batches as those of one."""
    _, form = pytree.tree_flatten(pairs[0][1])
    targets = [torch.cat(parts) for parts in zip(*(leaves(one) for _, one in pairs), strict=True)]
    return torch.cat([one for one, _ in pairs]), pytree.tree_unflatten(targets, form)


def _size(targets: Any) -> int:
    """How many numbers predict such targets: one for each column, or for each class of whole numbers."""
    if not isinstance(targets, Tensor):
        return 1
    if targets.dtype == torch.int64 and targets.ndim == 1:
        return int(targets.max()) + 1
    return math.prod(targets.shape[1:])


def _number(score: Any, name: str) -> float:
    try:
        return float(score)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ComponentError(f"{name} returned a {type(score).__name__}, not a number") from error
