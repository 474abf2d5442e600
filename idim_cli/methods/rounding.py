"""How the coordinates of a training come to take few values: how many of them are rounded by which step."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from idim_cli.projectors.quantiser import Quantiser
from idim_cli.recipe.schema import Quantise

_MEMORY = 0.98  # of the squares of slopes, from step to step
_FLAT = 1e-3  # of the mean square: flatter coordinates are all alike
_POWER = 0.25  # of the mean square slope, by which distances are divided; 0.5 did worse on CIFAR-10


class Rounding:
    """Rounds ever more coordinates of a training, in the end all of them.

    Of d coordinates d (1 - t)^2 are free when a share t of the steps from `begin` on has been made: the last
    ones have the most to make up for, and take the longest.

    Steep coordinates stay between two values until the last, when nothing can make up for them any more. In
    the order ``steepest`` the distance to a value is therefore divided by a root of the mean square slope.

    Args:
        quantise: to which values, and after which share of the training.
        coords: [d], rounded in place.
        steps: of the training.

    Attributes:
        quantiser: holds the values.
        begin: steps that are made before.
        slopes: [d], running mean square of the gradient; None if no order needs it.
    """

    def __init__(self, quantise: Quantise, coords: Tensor, steps: int) -> None:
        self.quantiser = Quantiser(quantise.levels, quantise.codebook, coords.device)
        self.coords, self.steps, self.begin = coords, steps, int(quantise.after * steps)
        self.slopes = torch.zeros_like(coords) if quantise.order == "steepest" else None

    def after_step(self, step: int) -> None:
        """Round what is to be rounded after so many steps."""
        if self.slopes is not None and self.coords.grad is not None:
            self.slopes.lerp_(self.coords.grad.square(), 1 - _MEMORY)
        if step <= self.begin:
            return
        if not self.quantiser.fitted:
            self.quantiser.fit(self.coords)
        self.quantiser.round(self.coords, self._free(step), self._haste())

    def pace(self, step: int) -> float:
        """Factor of the learning rate after so many steps, by which a step stays as long with fewer free."""
        return math.sqrt(len(self.coords) / max(1, self._free(step)))

    @property
    def pacing(self) -> tuple[int, int]:
        """What `pace` hangs on besides the steps."""
        return len(self.coords), self.begin

    def _haste(self) -> Tensor | None:
        """[d], by which distances to values are divided."""
        return None if self.slopes is None else (self.slopes / self.slopes.mean() + _FLAT) ** _POWER

    def _free(self, step: int) -> int:
        left = (self.steps - step) / (self.steps - self.begin)
        return round(len(self.coords) * min(left, 1.0) ** 2)
