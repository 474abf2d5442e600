"""Classification: cross-entropy is minimised, accuracy is the performance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.datasets.split import Split
from idim_cli.tasks.base import batches, evaluating


class Classify:
    """Classification by cross-entropy; performance is accuracy.

    Args:
        score: the split whose accuracy is the performance. ``train`` is for shuffled labels, which nothing
            held out can confirm (paper, section 3.1).
    """

    metric = "accuracy"

    def __init__(self, *, score: Literal["validation", "train"] = "validation") -> None:
        self.score_on: Literal["train", "validation"] = score

    def loss(self, model: Callable[..., Tensor], x: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy, in nats, of the logits [B, classes] against the labels y [B]."""
        return functional.cross_entropy(model(x), y)

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``accuracy`` in 0..1 and ``nll``, the mean cross-entropy in nats, over the whole split.

        Both are NaN if any output is not finite: NaN has no largest entry, and argmax would name class 0.
        """
        with evaluating(model):
            sums = torch.stack([_sums(model(x).float(), y) for x, y in batches(model, split, batch_size)])
        right, nll = (sums.cpu().double().sum(dim=0) / len(split)).tolist()
        return {"accuracy": right, "nll": nll}

    def chance(self, split: Split) -> float:
        """The share of the most frequent class of a split: the accuracy of answering nothing else."""
        return int(split.y.bincount().max()) / len(split)


def _sums(logits: Tensor, y: Tensor) -> Tensor:
    """Right answers and sum of the cross-entropy of a batch, as [2]; NaN if an output is not finite."""
    right = (logits.argmax(dim=1) == y).sum()
    sums = torch.stack([right.to(logits.dtype), functional.cross_entropy(logits, y, reduction="sum")])
    return torch.where(logits.isfinite().all(), sums, torch.nan)
