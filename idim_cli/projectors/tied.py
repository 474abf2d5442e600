"""One signed nonzero in each row: random weight tying, exactly orthonormal, O(D) in time and memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from idim_cli.projectors.base import Cost, Projector


class Tied(Projector):
    """Every native parameter follows one of the d coordinates, with a random sign.

    The subspace of randomly hashed weights (Chen et al. 2015; paper, section 3.1), later used for fine-tuning
    as Uni-LoRA. Rows are shared out over columns by random permutations of the columns, one for each d rows,
    so that the columns differ by at most one in their number of rows; their supports are disjoint.

    One int32 for each parameter is all that is held: it picks from the table (v, -v) of 2 d numbers, which
    brings the sign along.
    """

    pick: Tensor
    scale: Tensor

    def __init__(self, D: int, d: int, seed: int) -> None:
        super().__init__(D, d, seed)
        column = self._stream("column").permutations(-(-D // d), d).reshape(-1)[:D]
        negative = self._stream("sign").signs(D) < 0
        self._hold("pick", column + np.int32(d) * negative)
        self._hold("scale", (1 / np.sqrt(np.bincount(column, minlength=d))).astype(np.float32))

    def project(self, v: Tensor) -> Tensor:
        """P v: each parameter reads its signed, scaled coordinate."""
        v = v * self.scale
        return torch.cat([v, -v], dim=-1).index_select(-1, self.pick)

    def adjoint(self, g: Tensor) -> Tensor:
        """P' g: each coordinate sums the gradients of its parameters, in the order of the parameters."""
        total = g.new_zeros(*g.shape[:-1], 2 * self.d).index_add_(-1, self.pick, g)
        return (total[..., : self.d] - total[..., self.d :]) * self.scale

    @classmethod
    def expected_cost(cls, D: int, d: int, **params: Any) -> Cost:
        """One index a parameter, one scale a column."""
        return Cost(4 * D + 4 * d, 24 * D + 24 * d + (1 << 22), 2 * D + 6 * d)

    def cost(self) -> Cost:
        """As expected: the size of P is fixed."""
        return self.expected_cost(self.D, self.d)
