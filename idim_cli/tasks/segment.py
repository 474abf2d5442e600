"""Segmentation: the cross-entropy of each pixel is minimized, mean IoU is the performance."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.datasets.split import Data, Split
from idim_cli.tasks.base import Model, answer, answers, checkable, refuse_shape, require
from idim_cli.tasks.classify import classes_of, refuse_labels


class Segment:
    """A class for each pixel by cross-entropy; performance is the mean intersection over union.

    Args:
        ignore_index: the label of pixels that do not count, such as 255.
        score: the split whose mean IoU is the performance.
    """

    metric = "mean_iou"

    def __init__(
        self, *, ignore_index: int | None = None, score: Literal["validation", "train"] = "validation"
    ) -> None:
        self.ignore_index = ignore_index
        self.score_on: Literal["train", "validation"] = score

    def check(self, split: Split, classes: int | None) -> None:
        """DataError unless targets are int64 [n, H, W] in 0 .. classes - 1, or ignored."""
        y = split.targets
        if checkable(split):
            require(y, [torch.int64], ["[n, H, W]"])
            if (counted := y[self._counts(y)]).numel():  # aminmax needs at least one
                refuse_labels(counted, classes)

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs`` and ``classes``: as declared, else the highest training label plus one."""
        classes = classes_of(data, self.ignore_index)
        return {"outputs": classes, "classes": classes}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """Mean cross-entropy, in nats, of the logits [B, classes, H, W] over the pixels that count."""
        logits, y = answer(model, batch)
        refuse_shape(logits, ["B", "classes", *y.shape[1:]])
        total = functional.cross_entropy(logits, self._targets(y), reduction="sum")
        return total / self._counts(y).sum().clamp(min=1)  # a batch may have no pixel that counts

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 200) -> dict[str, float]:
        """``mean_iou``, ``pixel_accuracy`` and ``nll`` in nats a pixel, over the whole split.

        The mean is over the classes that occur, in targets or predictions. All are NaN if any logit is not
        finite.
        """
        # One table [target, prediction] for the whole split: a mean of the IoU of batches would depend on
        # their size.
        table, nll = torch.zeros(0), 0.0
        for logits, y in answers(model, split, batch_size):
            refuse_shape(logits, ["B", "classes", *y.shape[1:]])
            classes, counts = logits.shape[1], self._counts(y)
            # Also in pixels that do not count, which the cross-entropy below leaves out.
            if not logits.isfinite().all():
                nll = float("nan")
            nll += functional.cross_entropy(logits, self._targets(y), reduction="sum").item()
            pairs = (y * classes + logits.argmax(1))[counts].cpu()
            found = pairs.bincount(minlength=classes**2).view(classes, classes).double()
            table = found if not table.numel() else table + found
        right, union = table.diag(), table.sum(0) + table.sum(1) - table.diag()
        # `nan` is 0, or NaN if nll is: added, it spreads a diverged training to all figures.
        pixels, nan = table.sum().clamp(min=1), torch.tensor(nll) * 0
        # A class that occurs nowhere has no union to divide by, and is neither right nor wrong.
        iou = (right[union > 0] / union[union > 0]).sum() / (union > 0).sum().clamp(min=1)
        figures = {"mean_iou": iou, "pixel_accuracy": right.sum() / pixels, "nll": nll / pixels}
        return {name: (value + nan).item() for name, value in figures.items()}

    def chance(self, split: Split) -> float | None:
        """The mean IoU of answering the most frequent class everywhere."""
        # The IoU of that class is its share, and 0 for each other class that is present.
        if (y := split.targets) is None:
            return None
        counts = y[self._counts(y)].bincount()
        present = int((counts > 0).sum())
        return int(counts.max()) / int(counts.sum()) / present if present else None

    def _counts(self, y: Tensor) -> Tensor:
        """Whether each pixel counts, bool like y."""
        return torch.ones_like(y, dtype=torch.bool) if self.ignore_index is None else y != self.ignore_index

    def _targets(self, y: Tensor) -> Tensor:
        """Targets in which pixels that do not count have the label that torch's cross-entropy ignores."""
        # Replaced rather than passed as `ignore_index`, which must not be None there.
        return y.where(self._counts(y), -100)
