"""The model of the paper's toy problem: nothing but a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from idim_cli.core.rng import Stream


def toy(
    shape: Sequence[int],
    classes: int,
    *,
    D: Annotated[int, Field(ge=10, multiple_of=10)] = 1000,
    std: Annotated[float, Field(ge=0)] = 0.1,
) -> nn.Module:
    """One vector of D numbers that starts Gaussian (paper, section 2); for the toy task.

    Args:
        shape: ignored.
        classes: ignored.
        D: number of parameters, a multiple of the task's ten groups.
        std: standard deviation of theta0, which the paper does not give.
    """
    return Vector(D, std)


class Vector(nn.Module):
    """Returns its parameter vector [D] for any input."""

    def __init__(self, D: int, std: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(D))  # zeros: `draw_theta0` sets them, see `init.initialise`
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        """The parameter vector, [D]; `x` is ignored."""
        return self.theta

    def draw_theta0(self, seed: int) -> None:
        """Set the vector to normals of standard deviation `std`, from the project's own generator."""
        start = self.std * Stream(seed, "theta0/theta").normals(len(self.theta))
        self.theta.copy_(torch.from_numpy(start))
