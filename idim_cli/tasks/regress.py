"""Regression: the squared error is minimized, R^2 is the performance."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.datasets.split import Data, Split
from idim_cli.tasks.base import Model, answer, answers, checkable, refuse_shape, require, some_targets


class Regress:
    """Regression by squared error; performance is R^2, the mean over the outputs where there are several.

    Targets are used as they are: outputs of very different scales share one loss, so scale them in the data
    set. R^2 is independent of the scale.

    Args:
        score: the split whose R^2 is the performance.
    """

    metric = "r2"

    def __init__(self, *, score: Literal["validation", "train"] = "validation") -> None:
        self.score_on: Literal["train", "validation"] = score

    def check(self, split: Split, classes: int | None) -> None:
        """DataError unless targets are float32 [n] or [n, k]."""
        if checkable(split):
            require(split.targets, [torch.float32], ["[n]", "[n, k]"])

    def outputs(self, data: Data) -> dict[str, Any]:
        """``outputs``, how many numbers are predicted for each example."""
        y = some_targets(data.train)
        return {"outputs": 1 if y.ndim == 1 else y.shape[1]}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """Mean squared error over examples and outputs."""
        outputs, y = answer(model, batch)
        return functional.mse_loss(_like(outputs, y), y)

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``r2`` and ``mse`` over the whole split.

        For an output whose targets are all equal, R^2 is 1 for exact predictions and 0 for others.
        """
        # A single pass in float64, as a streamed split is expensive to read twice. Sums of squares about the
        # mean are merged batch by batch (Chan et al. 1979): the sum of squares less the squared sum would
        # cancel where the mean is large.
        n, mean, spread, error = 0, torch.zeros(1), torch.zeros(1), torch.zeros(1)
        for outputs, targets in answers(model, split, batch_size):
            y = targets.cpu().double().reshape(len(targets), -1)
            error = error + (_like(outputs, targets).cpu().double().reshape(y.shape) - y).square().sum(0)
            shift, centered = y.mean(0) - mean, y - y.mean(0)
            spread = spread + centered.square().sum(0) + shift.square() * n * len(y) / (n + len(y))
            mean, n = mean + shift * len(y) / (n + len(y)), n + len(y)
        # Constant targets have no spread to divide by; NaN in the predictions has to stay NaN, not become 0.
        flat = torch.where(error == 0, 1.0, 0.0).double()
        r2 = torch.where(spread == 0, torch.where(error.isnan(), error, flat), 1 - error / spread)
        return {"r2": r2.mean().item(), "mse": error.sum().item() / (n * len(error))}

    def chance(self, split: Split) -> float:
        """Zero: the best constant answer is the mean, whose R^2 is 0."""
        return 0.0


def _like(outputs: Tensor, y: Tensor) -> Tensor:
    """Outputs in the shape of the targets; [B, 1] is accepted for [B]."""
    # Most networks end in a linear layer, which returns [B, 1]; against [B], mse_loss would broadcast it to
    # [B, B] with a mere warning.
    if y.ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1:
        outputs = outputs[:, 0]
    refuse_shape(outputs, ["B", *y.shape[1:]])
    return outputs
