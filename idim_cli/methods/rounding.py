"""Rounding of the coordinates to a few levels during training: how many, and in which order."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from idim_cli.projectors.quantiser import Quantiser
from idim_cli.recipe.schema import Quantise

_DECAY = 0.98  # of the mean square gradient: an average over about 50 steps evens out single batches
_FLAT = 1e-3  # share of the mean square below which coordinates count as equally flat
_POWER = 0.25  # of the mean square gradient, by which distances are divided; 0.5 did worse on CIFAR-10


class Rounding:
    """Rounds an increasing number of coordinates, by the last step all of them.

    Args:
        quantise: number of levels, codebook, order, and the share of the training before the first rounding.
        coords: [d], rounded in place.
        steps: of the training.

    Attributes:
        quantiser: holds the levels.
        begin: steps before the first rounding.
        slopes: [d], running mean square of the gradient; None if the order does not need it.
    """

    def __init__(self, quantise: Quantise, coords: Tensor, steps: int) -> None:
        self.quantiser = Quantiser(quantise.levels, quantise.codebook, coords.device)
        self.coords, self.steps, self.begin = coords, steps, int(quantise.after * steps)
        self.slopes = torch.zeros_like(coords) if quantise.order == "steepest" else None

    def after_step(self, step: int) -> None:
        """Round the coordinates that are due after this many steps."""
        if self.slopes is not None and self.coords.grad is not None:
            self.slopes.lerp_(self.coords.grad.square(), 1 - _DECAY)
        if step <= self.begin:
            return
        if not self.quantiser.fitted:  # fitted once: with levels that move, trainings were less steady
            self.quantiser.fit(self.coords)
        # Otherwise steep coordinates stay between two levels until the end, when no other coordinate is
        # free to compensate: their distances to a level count as smaller, so they are rounded earlier.
        scale = None if self.slopes is None else (self.slopes / self.slopes.mean() + _FLAT) ** _POWER
        self.quantiser.round(self.coords, self._free(step), scale)

    def lr_factor(self, step: int) -> float:
        """Factor of the learning rate after this many steps."""
        # With fewer free coordinates a step of the same rate would be shorter, as the root of their number.
        return math.sqrt(len(self.coords) / max(1, self._free(step)))

    @property
    def settings(self) -> tuple[int, int]:
        """All that `lr_factor` depends on except the steps."""
        return len(self.coords), self.begin

    def _free(self, step: int) -> int:
        """Coordinates not rounded yet: d (1 - t)^2 of d after a share t of the steps since `begin`."""
        # Quadratic: the last free coordinates compensate for all the others, and need the most steps.
        left = (self.steps - step) / (self.steps - self.begin)
        return round(len(self.coords) * min(left, 1.0) ** 2)
