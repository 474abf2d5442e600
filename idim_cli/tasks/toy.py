"""The paper's toy problem: ten sums that a vector must have."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.datasets.split import Split
from idim_cli.tasks.base import batches, evaluating

GROUPS = 10


class Toy:
    """Ten groups of a vector must sum to 1, 2, .. 10 (paper, section 2); performance is exp(-loss).

    The loss is the squared error, summed over the groups. Its solutions fill D - 10 dimensions, so the
    intrinsic dimension is 10.
    """

    metric = "exp_minus_loss"
    score_on: Literal["train", "validation"] = "train"

    def loss(self, model: Callable[..., Tensor], x: Tensor, y: Tensor) -> Tensor:
        """Squared error of the sums of ten equal groups of ``model(x)`` [D]; `y` is ignored."""
        theta: Tensor = model(x)
        sums = theta.reshape(GROUPS, -1).sum(dim=1)
        wanted = torch.arange(1, GROUPS + 1, device=sums.device, dtype=sums.dtype)
        return functional.mse_loss(sums, wanted, reduction="sum")

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``exp_minus_loss``, 1 for a perfect solution, and ``loss``."""
        with evaluating(model):
            x, y = next(batches(model, split, batch_size))
            loss = self.loss(model, x, y).item()
        return {"exp_minus_loss": math.exp(-loss), "loss": loss}
