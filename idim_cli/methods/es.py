"""Evolution strategy: the gradient is estimated from losses at random points around the coordinates."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from idim_cli.core.rng import Stream
from idim_cli.methods.base import Objective, Step
from idim_cli.methods.gradient import Gradient


class EvolutionStrategy(Gradient):
    """Antithetic noise and centred ranks, as in Salimans et al. 2017 (arXiv:1703.03864) and by the authors.

    Optimizer, schedule, batches and rounding are those of `Gradient`. The loss need not be differentiable.

    Args:
        population: points evaluated per step: pairs of opposite noise.
        sigma: standard deviation of the noise.
    """

    batched: ClassVar[bool] = False
    differentiates: ClassVar[bool] = False

    def __init__(
        self,
        objective: Objective,
        *,
        population: Annotated[int, Field(ge=2, multiple_of=2)] = 32,
        sigma: Annotated[float, Field(gt=0)] = 0.05,
    ) -> None:
        super().__init__(objective)
        self.pairs, self.sigma = population // 2, sigma

    @torch.no_grad()
    def gradient(self, step: Step) -> Tensor:
        """Estimate the gradient of the step's batch into `coords.grad`; returns the mean of the losses."""
        coords, batch = self.objective.subspace.coords, self.batch(step)
        # A stream of its own for each step: a resumed training draws the same numbers.
        stream = Stream(self.objective.seed, f"es/{step.epoch}/{step.index}")
        drawn = torch.from_numpy(stream.normals(self.pairs * len(coords)))
        noise = drawn.to(coords).view(self.pairs, len(coords))
        center, losses = coords.clone(), []
        for row in (*noise, *-noise):
            coords.copy_(center + self.sigma * row)
            # The same dropout for all points, so that their losses differ by the coordinates alone.
            self.seed_noise(step)
            losses.append(self.loss(self.objective.subspace.native(), batch).float())
        coords.copy_(center)
        values = torch.stack(losses)
        # Ranks make the step independent of the scale of the loss and of outliers.
        plus, minus = _centred_ranks(values).split(self.pairs)
        coords.grad = (plus - minus) @ noise / (2 * self.pairs * self.sigma)
        return values.mean()


def _centred_ranks(losses: Tensor) -> Tensor:
    """Ranks of the losses [n], scaled to -1/2 .. 1/2."""
    ranks = losses.argsort(stable=True).argsort(stable=True).to(losses.dtype)
    # Sorting gives a NaN a rank like any other, which would hide that the training diverged.
    return torch.where(losses.isfinite().all(), ranks / (len(losses) - 1) - 0.5, torch.nan)
