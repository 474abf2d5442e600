"""The paper's toy problem: ten sums that a vector must have."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.datasets.split import Data, Split
from idim_cli.tasks.base import Model, answer, batches, evaluating

GROUPS = 10  # the intrinsic dimension that a search should find


class Toy:
    """Ten groups of a vector must sum to 1, 2, .. 10 (paper, section 2); performance is exp(-loss).

    The loss is the squared error, summed over the groups. Its solutions fill D - 10 dimensions, so the
    intrinsic dimension is 10.
    """

    metric = "exp_minus_loss"
    score_on: Literal["train", "validation"] = "train"

    def check(self, split: Split, classes: int | None) -> None:
        """Any data are accepted: none are used."""

    def outputs(self, data: Data) -> dict[str, Any]:
        """One number, which the toy model ignores."""
        return {"outputs": data.classes or 1}

    def loss(self, model: Model, batch: Any) -> Tensor:
        """Squared error of the sums of ten equal groups of what the model returns, [D]."""
        theta, _ = answer(model, batch)
        sums = theta.reshape(GROUPS, -1).sum(dim=1)
        wanted = torch.arange(1, GROUPS + 1, device=sums.device, dtype=sums.dtype)
        return functional.mse_loss(sums, wanted, reduction="sum")

    def evaluate(self, model: nn.Module, split: Split, batch_size: int = 2000) -> dict[str, float]:
        """``exp_minus_loss``, 1 for a perfect solution, and ``loss``."""
        # One batch is enough, as the data are not used.
        with evaluating(model):
            loss = self.loss(model, next(batches(model, split, batch_size))).item()
        return {"exp_minus_loss": math.exp(-loss), "loss": loss}
