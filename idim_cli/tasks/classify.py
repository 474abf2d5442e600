"""Classification: cross-entropy is minimised, accuracy is the performance."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.core.errors import DataError
from idim_cli.datasets.split import Data, Split
from idim_cli.tasks.base import Model, answer, batches, evaluating


class Classify:
    """Classification by cross-entropy; performance is accuracy.

    Args:
        score: the split whose accuracy is the performance. ``train`` is for shuffled labels, which nothing
            held out can confirm (paper, section 3.1).
    """

    metric = "accuracy"

    def __init__(self, *, score: Literal["validation", "train"] = "validation") -> None:
        self.score_on: Literal["train", "validation"] = score

    def check(self, split: Split, classes: int | None) -> None:
        """DataError unless targets are int64 [n] in 0 .. classes - 1."""
        y = split.targets
        if y is None:  # not known without reading everything: the first batch will show it
            return
        if not isinstance(y, Tensor) or y.dtype != torch.int64 or y.ndim != 1:
            raise DataError(f"y should be int64 [n], not {_kind(y)}", "or take another task, such as regress")
        low, high = (int(end) for end in torch.aminmax(y))
        if low < 0 or (classes is not None and high >= classes):
            wanted = "not be negative" if classes is None else f"lie in 0 .. {classes - 1}"
            raise DataError(f"labels should {wanted}, found {low} .. {high}")

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs`` and ``classes``: what the data set says, else the highest training label plus one."""
        classes = data.classes
        if classes is None:
            if data.train.targets is None:
                raise DataError("the number of classes is unknown", "say it: Source(..., classes=10)")
            classes = int(data.train.targets.max()) + 1
        return {"outputs": classes, "classes": classes}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """Mean cross-entropy, in nats, of the logits [B, classes] against the labels [B]."""
        logits, y = answer(model, batch)
        return functional.cross_entropy(logits, y)

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``accuracy`` in 0..1 and ``nll``, the mean cross-entropy in nats, over the whole split.

        Both are NaN if any output is not finite: NaN has no largest entry, and argmax would name class 0.
        """
        with evaluating(model):
            found = (answer(model, batch) for batch in batches(model, split, batch_size))
            sums = torch.stack([_sums(logits.float(), y) for logits, y in found])
        right, nll = (sums.cpu().double().sum(dim=0) / len(split)).tolist()
        return {"accuracy": right, "nll": nll}

    def chance(self, split: Split) -> float | None:
        """The share of the most frequent class of a split: the accuracy of answering nothing else."""
        y = split.targets
        return None if y is None else int(y.bincount().max()) / len(split)


def _kind(y: Any) -> str:
    if not isinstance(y, Tensor):
        return f"a {type(y).__name__}"
    return f"{str(y.dtype).removeprefix('torch.')} of shape {[*y.shape]}"


def _sums(logits: Tensor, y: Tensor) -> Tensor:
    """Right answers and sum of the cross-entropy of a batch, as [2]; NaN if an output is not finite."""
    right = (logits.argmax(dim=1) == y).sum()
    sums = torch.stack([right.to(logits.dtype), functional.cross_entropy(logits, y, reduction="sum")])
    return torch.where(logits.isfinite().all(), sums, torch.nan)
