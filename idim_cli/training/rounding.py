"""How the coordinates of a training come to take few values: how many of them are rounded by which step."""

from __future__ import annotations

import math

from torch import Tensor

from idim_cli.quantiser import Quantiser
from idim_cli.recipe.schema import Quantise


class Rounding:
    """Rounds ever more coordinates of a training, in the end all of them.

    Of d coordinates d (1 - t)^2 are free when a share t of the steps from `begin` on has been made: the last
    ones have the most to make up for, and take the longest.

    Args:
        quantise: to which values, and after which share of the training.
        coords: [d], rounded in place.
        steps: of the training.

    Attributes:
        quantiser: holds the values.
        begin: steps that are made before.
    """

    def __init__(self, quantise: Quantise, coords: Tensor, steps: int) -> None:
        self.quantiser = Quantiser(quantise.levels, quantise.codebook, coords.device)
        self.coords, self.steps, self.begin = coords, steps, int(quantise.after * steps)

    def after_step(self, step: int) -> None:
        """Round what is to be rounded after so many steps."""
        if step <= self.begin:
            return
        if not self.quantiser.fitted:
            self.quantiser.fit(self.coords)
        self.quantiser.round(self.coords, self._free(step))

    def pace(self, step: int) -> float:
        """Factor of the learning rate after so many steps, by which a step stays as long with fewer free."""
        return math.sqrt(len(self.coords) / max(1, self._free(step)))

    @property
    def pacing(self) -> tuple[int, int]:
        """What `pace` hangs on besides the steps."""
        return len(self.coords), self.begin

    def _free(self, step: int) -> int:
        left = (self.steps - step) / (self.steps - self.begin)
        return round(len(self.coords) * min(left, 1.0) ** 2)
