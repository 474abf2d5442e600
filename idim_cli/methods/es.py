"""An evolution strategy: the gradient is estimated from losses at random points around the coordinates."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from idim_cli.core.rng import Stream
from idim_cli.methods.base import Objective, Step
from idim_cli.methods.gradient import Gradient


class EvolutionStrategy(Gradient):
    """Antithetic noise and centred ranks, as Salimans et al. 2017 (arXiv:1703.03864) and the paper's authors.

    The optimizer, schedule, batches and rounding are those of `Gradient`; only losses are computed, so that a
    loss need not be differentiable. The noise of a step depends on (seed, epoch, step) alone.

    Args:
        population: points a step, half of them mirrored.
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
        """Estimate the gradient of the step's batch into `coords.grad`; returns their mean loss."""
        coords, batch = self.objective.subspace.coords, self.batch(step)
        noise = self._noise(step)
        center, losses = coords.clone(), []
        for shift in (noise, -noise):
            for row in shift:
                coords.copy_(center + self.sigma * row)
                self.seed_noise(step)  # all points see the same dropout: only theirs differ
                losses.append(self.loss(self.objective.subspace.native(), batch).float())
        coords.copy_(center)
        found = torch.stack(losses)
        plus, minus = _centred_ranks(found).split(self.pairs)
        coords.grad = (plus - minus) @ noise / (2 * self.pairs * self.sigma)
        return found.mean()

    def _noise(self, step: Step) -> Tensor:
        """Normals, [pairs, d]."""
        coords = self.objective.subspace.coords
        stream = Stream(self.objective.seed, f"es/{step.epoch}/{step.index}")
        drawn = torch.from_numpy(stream.normals(self.pairs * len(coords)))
        return drawn.to(coords).view(self.pairs, len(coords))


def _centred_ranks(losses: Tensor) -> Tensor:
    """Ranks of the losses [n], scaled to -1/2 .. 1/2; NaN where one is not finite."""
    ranks = losses.argsort(stable=True).argsort(stable=True).to(losses.dtype)
    return torch.where(losses.isfinite().all(), ranks / (len(losses) - 1) - 0.5, torch.nan)
