"""Classification: cross-entropy is minimised, accuracy is the performance."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.core.errors import DataError
from idim_cli.datasets.split import Data, Split
from idim_cli.tasks.base import Model, answer, batches, evaluating, require

_TOP = 5  # of ImageNet's second figure


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
        require(y, [torch.int64], ["[n]"])
        refuse_labels(y, classes)

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs`` and ``classes``: what the data set says, else the highest training label plus one."""
        classes = classes_of(data)
        return {"outputs": classes, "classes": classes}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """Mean cross-entropy, in nats, of the logits [B, classes] against the labels [B]."""
        logits, y = answer(model, batch)
        return functional.cross_entropy(logits, y)

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``accuracy`` in 0..1 and ``nll``, the mean cross-entropy in nats, over the whole split.

        Of more than five classes also ``top5_accuracy``. All are NaN if any output is not finite: NaN has no
        largest entry, and argmax would name class 0.
        """
        with evaluating(model):
            found = (answer(model, batch) for batch in batches(model, split, batch_size))
            sums = torch.stack([_sums(logits.float(), y) for logits, y in found])
        figures = (sums.cpu().double().sum(dim=0) / len(split)).tolist()
        return dict(zip(("accuracy", "nll", "top5_accuracy"), figures, strict=False))

    def chance(self, split: Split) -> float | None:
        """The share of the most frequent class of a split: the accuracy of answering nothing else."""
        y = split.targets
        return None if y is None else int(y.bincount().max()) / len(split)


def refuse_labels(y: Tensor, classes: int | None) -> None:
    """DataError for labels that are negative, or beyond the number of classes where it is known."""
    low, high = (int(end) for end in torch.aminmax(y))
    if low < 0 or (classes is not None and high >= classes):
        wanted = "not be negative" if classes is None else f"lie in 0 .. {classes - 1}"
        raise DataError(f"labels should {wanted}, found {low} .. {high}")


def classes_of(data: Data, ignored: int | None = None) -> int:
    """How many classes there are: what the data set says, else the highest training label plus one."""
    if data.classes is not None:
        return data.classes
    y = data.train.targets
    if y is None:
        raise DataError("the number of classes is unknown", "say it: Source(..., classes=10)")
    return int(y.max() if ignored is None else y[y != ignored].max()) + 1


def _sums(logits: Tensor, y: Tensor) -> Tensor:
    """Right answers, sum of the cross-entropy, and right ones among five, as [2] or [3]; NaN if one is."""
    right = (logits.argmax(dim=1) == y).sum()
    sums = [right.to(logits.dtype), functional.cross_entropy(logits, y, reduction="sum")]
    if logits.shape[1] > _TOP:
        sums.append((logits.topk(_TOP, dim=1).indices == y[:, None]).sum().to(logits.dtype))
    return torch.where(logits.isfinite().all(), torch.stack(sums), torch.nan)
