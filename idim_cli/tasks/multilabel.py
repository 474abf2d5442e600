"""Several labels for each example: binary cross-entropy is minimized, micro F1 is the performance."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.core.errors import DataError
from idim_cli.datasets.split import Data, Split
from idim_cli.tasks.base import Model, answer, answers, checkable, refuse_shape, require, some_targets

# Libraries store such targets as any of these; the loss converts them.
_DTYPES = (torch.int64, torch.float32, torch.bool, torch.uint8)


class Multilabel:
    """Any subset of k labels by binary cross-entropy; performance is the micro F1 of probabilities above 0.5.

    Args:
        score: the split whose F1 is the performance.
    """

    metric = "micro_f1"

    def __init__(self, *, score: Literal["validation", "train"] = "validation") -> None:
        self.score_on: Literal["train", "validation"] = score

    def check(self, split: Split, classes: int | None) -> None:
        """DataError unless targets are zeros and ones, [n, k]."""
        y = split.targets
        if not checkable(split):
            return
        require(y, _DTYPES, ["[n, k]"])
        if not ((y == 0) | (y == 1)).all():
            raise DataError("targets should be 0 or 1", "one column for each label")
        if classes is not None and y.shape[1] != classes:
            raise DataError(f"the data set declares {classes} classes, but targets have {y.shape[1]} columns")

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs`` and ``classes``: the number of labels."""
        labels = some_targets(data.train).shape[1]
        return {"outputs": labels, "classes": labels}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """Mean binary cross-entropy, in nats, of the logits [B, k] against the targets [B, k]."""
        logits, y = answer(model, batch)
        refuse_shape(logits, ["B", y.shape[1]])
        return functional.binary_cross_entropy_with_logits(logits, y.to(logits.dtype))

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``micro_f1``, ``mean_average_precision`` and ``nll`` in nats a label, over the whole split.

        The mean is over the labels that occur. F1 is 0 if no label is predicted and none occurs. All are
        NaN if any logit is not finite.
        """
        # Average precision sorts the scores of all examples, so no sums over batches will do. They are kept
        # on the CPU, as they may not fit next to a training on the GPU.
        pairs = [(logits.cpu(), y.cpu()) for logits, y in answers(model, split, batch_size)]
        logits, y = torch.cat([one for one, _ in pairs]), torch.cat([one for _, one in pairs]) > 0
        refuse_shape(logits, [len(y), y.shape[1]])
        # NaN is above no threshold: a diverged model would seem to predict no label.
        if not logits.isfinite().all():
            return dict.fromkeys(("micro_f1", "mean_average_precision", "nll"), float("nan"))
        # A logit above 0 is a probability above 0.5.
        predicted, right = (logits > 0).sum().item(), ((logits > 0) & y).sum().item()
        f1 = 2 * right / max(1, predicted + y.sum().item())
        nll = functional.binary_cross_entropy_with_logits(logits.double(), y.double()).item()
        # Precision of a label that never occurs is undefined: 0 or 1 would move the mean.
        precise = [average_precision(logits[:, at], y[:, at]) for at in y.any(0).nonzero()[:, 0]]
        known = {"mean_average_precision": sum(precise) / len(precise)} if precise else {}
        return {"micro_f1": f1, **known, "nll": nll}

    def chance(self, split: Split) -> float | None:
        """The micro F1 of the best constant answer: the k most frequent labels, for the best k."""
        if (y := split.targets) is None:
            return None
        counts = (y > 0).sum(0).double().sort(descending=True).values
        # F1 of k labels = 2 * correct / (answered + existing), with k answers for each example.
        answered = torch.arange(1, len(counts) + 1) * len(y)
        return float((2 * counts.cumsum(0).cpu() / (answered + counts.sum().cpu())).max())


def average_precision(scores: Tensor, y: Tensor) -> float:
    """The sum of precisions at each threshold, weighted by the recall that it adds.

    Args:
        scores: [n]; equal scores are one threshold.
        y: bool [n], at least one of them true.
    """
    order = scores.argsort(descending=True)
    scores, right = scores[order], y[order].double().cumsum(0)
    # Only the last of equal scores is a threshold: the order among them is arbitrary and must not count.
    last = torch.cat([scores[1:] != scores[:-1], torch.ones(1, dtype=torch.bool)])
    right, seen = right[last], torch.arange(1, len(y) + 1)[last]
    gained = right.diff(prepend=torch.zeros(1, dtype=torch.float64))
    return float((gained * right / seen).sum() / right[-1])
