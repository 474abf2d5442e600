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
        loss: what is minimized; ./mine.py:loss.
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
        # Both are opened here, so that a missing score is an error before training rather than after an
        # epoch.
        self.own_loss, self.own_score = map(user_code.find, self.names)
        self.count = outputs
        self.score_on: Literal["train", "validation"] = score_on

    def check(self, split: Split, classes: int | None) -> None:
        """Any targets are accepted: only the loss knows what it needs."""

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs``, and ``classes`` if the data set declares them."""
        classes = {} if data.classes is None else {"classes": data.classes}
        return {"outputs": self.count or data.classes or _size(some_targets(data.train)), **classes}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """The value of the user's loss on a batch."""
        outputs, targets = answer(model, batch)
        return self._loss(outputs, targets)

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``score`` over the whole split, and ``loss``, the mean over its batches, weighted by their size."""
        pairs, total = [], 0.0
        for outputs, targets in answers(model, split, batch_size):
            total += float(self._loss(outputs, targets)) * len(outputs)
            # Kept on the CPU: outputs of a whole split may not fit next to a training on the GPU.
            pairs.append((outputs.cpu(), pytree.tree_map(lambda one: one.cpu(), targets)))
        outputs, targets = _joined(pairs)
        # Of the whole split: a mean of scores of batches would depend on the batch size, or mean nothing
        # (AUC).
        with torch.no_grad():
            score = user_code.guarded(self.names[1], lambda: self.own_score(outputs, targets))
        # A score can hide NaN, as argmax does; the figure has to show that the training has diverged.
        finite = 1.0 if outputs.isfinite().all() else math.nan
        return {_SCORE: _number(score, self.names[1]) * finite, "loss": total / len(outputs)}

    def _loss(self, outputs: Tensor, targets: Any) -> Tensor:
        value = self.own_loss(outputs, targets)
        # backward() would fail as well, but with a message that does not name the user's function.
        if not isinstance(value, Tensor) or value.dim():
            what = f"shape {[*value.shape]}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
            raise ComponentError(f"{self.names[0]} returned a loss of {what}, not a scalar tensor")
        return value


def _joined(pairs: list[tuple[Tensor, Any]]) -> tuple[Tensor, Any]:
    """Outputs and targets of all batches as those of one batch."""
    # Targets may be any pytree, so they are joined leaf by leaf.
    _, form = pytree.tree_flatten(pairs[0][1])
    targets = [torch.cat(parts) for parts in zip(*(leaves(one) for _, one in pairs), strict=True)]
    return torch.cat([one for one, _ in pairs]), pytree.tree_unflatten(targets, form)


def _size(targets: Any) -> int:
    """How many numbers predict such targets."""
    if not isinstance(targets, Tensor):
        return 1  # nothing is known of targets of several tensors: `outputs` in the recipe sets it
    # One whole number for each example is most likely a class, which takes one logit for each.
    if targets.dtype == torch.int64 and targets.ndim == 1:
        return int(targets.max()) + 1
    return math.prod(targets.shape[1:])


def _number(score: Any, name: str) -> float:
    try:
        return float(score)  # also a tensor of one number; RuntimeError is that of a tensor of several
    except (TypeError, ValueError, RuntimeError) as error:
        raise ComponentError(f"{name} returned a {type(score).__name__}, not a number") from error
