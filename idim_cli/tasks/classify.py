"""Classification: cross-entropy is minimized, accuracy is the performance."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.core.errors import ComponentError, DataError
from idim_cli.datasets.split import Data, Split
from idim_cli.tasks.base import Model, answer, answers, checkable, require

_TOP = 5  # the second figure that is customary for ImageNet


class Classify:
    """Classification by cross-entropy; performance is accuracy.

    Args:
        score: the split whose accuracy is the performance. ``train`` is for shuffled labels, which cannot
            be predicted for held-out examples (paper, section 3.1).
    """

    metric = "accuracy"

    def __init__(self, *, score: Literal["validation", "train"] = "validation") -> None:
        self.score_on: Literal["train", "validation"] = score
        self.classes = 0  # until `outputs` has seen the data

    def check(self, split: Split, classes: int | None) -> None:
        """DataError unless targets are int64 [n] in 0 .. classes - 1."""
        y = split.targets
        if not checkable(split):
            return
        require(y, [torch.int64], ["[n]"])
        refuse_labels(y, classes)

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs`` and ``classes``: as declared, else the highest training label plus one."""
        self.classes = classes = classes_of(data)
        return {"outputs": classes, "classes": classes}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """Mean cross-entropy, in nats, of the logits [B, classes] against the labels [B]."""
        logits, y = answer(model, batch)
        self._refuse_few(logits)
        return functional.cross_entropy(logits, y)

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``accuracy`` in 0..1 and ``nll``, the mean cross-entropy in nats, over the whole split.

        With more than five classes also ``top5_accuracy``. All are NaN if any output is not finite.
        """
        # The sums stay on the device until the end: a copy after each batch would make a GPU wait.
        sums = torch.stack([self._sums(*both) for both in answers(model, split, batch_size)])
        # In float64, which adds the batches of any split without rounding that depends on the batch size.
        figures = (sums.cpu().double().sum(dim=0) / len(split)).tolist()
        # Not strict: with five classes or fewer there are two figures.
        return dict(zip(("accuracy", "nll", "top5_accuracy"), figures, strict=False))

    def _sums(self, logits: Tensor, y: Tensor) -> Tensor:
        self._refuse_few(logits)
        return _sums(logits, y)

    def _refuse_few(self, logits: Tensor) -> None:
        """ComponentError for logits without an entry for each class."""
        # More are allowed: heads of pretrained networks may have classes that these data lack.
        if logits.ndim != 2 or logits.shape[1] < self.classes:
            message = f"the model returned outputs of shape {[*logits.shape]}, not [B, {self.classes}]"
            raise ComponentError(message, "one for each class of the data")

    def chance(self, split: Split) -> float | None:
        """The share of the most frequent class of a split: the accuracy of answering nothing else."""
        y = split.targets
        return None if y is None else int(y.bincount().max()) / len(split)


def refuse_labels(y: Tensor, classes: int | None) -> None:
    """DataError for labels that are negative, or beyond the number of classes where it is known."""
    # On a GPU such labels end the process in a device assertion that does not say which label is wrong.
    low, high = (int(end) for end in torch.aminmax(y))
    if low < 0 or (classes is not None and high >= classes):
        wanted = "not be negative" if classes is None else f"lie in 0 .. {classes - 1}"
        raise DataError(f"labels should {wanted}, found {low} .. {high}")


def classes_of(data: Data, ignored: int | None = None) -> int:
    """The number of classes: as the data set declares it, else the highest training label plus one."""
    # Declared first: a small or sorted part of the examples may lack the last class.
    if data.classes is not None:
        return data.classes
    y = data.train.targets
    if y is None:
        raise DataError("the number of classes is unknown", "set it: Source(..., classes=10)")
    return int(y.max() if ignored is None else y[y != ignored].max()) + 1


def _sums(logits: Tensor, y: Tensor) -> Tensor:
    """Correct answers, sum of the cross-entropy and, if it applies, correct among five, as [2] or [3]."""
    right = (logits.argmax(dim=1) == y).sum()
    sums = [right.to(logits.dtype), functional.cross_entropy(logits, y, reduction="sum")]
    if logits.shape[1] > _TOP:
        sums.append((logits.topk(_TOP, dim=1).indices == y[:, None]).sum().to(logits.dtype))
    # argmax takes NaN for the largest entry, so a diverged model would seem to answer, and might score. No
    # `if`: it would make the GPU wait for each batch.
    return torch.where(logits.isfinite().all(), torch.stack(sums), torch.nan)
