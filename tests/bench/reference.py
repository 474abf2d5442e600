"""Fastfood as it is mostly written, ``./tests/bench/reference.py:OneBlockFastfood``: a measure of speed.

One zero-padded block, and butterflies in a Python loop.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from idim_cli.core import rng
from idim_cli.projectors.base import Cost, Projector


class OneBlockFastfood(Projector):
    """The first D rows and d columns of H G Pi H B of length n = 2^ceil(log2 D), over sqrt(D) |G|.

    Columns are of unit length in expectation, and exactly so when D is a power of two.
    """

    sign: Tensor
    place: Tensor
    gauss: Tensor

    def __init__(self, D: int, d: int, seed: int) -> None:
        super().__init__(D, d, seed)
        self.n = 1 << (D - 1).bit_length()
        gauss = self._stream("G").normals(self.n)
        self.scale = 1 / math.sqrt(D * rng.fixed_sum(gauss**2))
        self._hold("gauss", torch.from_numpy(gauss).float())
        self._hold("sign", torch.from_numpy(self._stream("B").signs(self.n)).float())
        self._hold("place", self._stream("Pi").permutation(self.n))

    def _project(self, v: Tensor) -> Tensor:
        """P v of a zero-padded v."""
        x = torch.nn.functional.pad(v, (0, self.n - self.d))
        x = butterflies(x * self.sign)[..., self.place]
        return butterflies(x * self.gauss)[..., : self.D] * self.scale

    def _adjoint(self, g: Tensor) -> Tensor:
        """P' g: the same steps, transposed, in reverse."""
        x = torch.nn.functional.pad(g, (0, self.n - self.D))
        x, moved = butterflies(x) * self.gauss, torch.empty_like(x)
        moved[..., self.place] = x
        return (butterflies(moved) * self.sign)[..., : self.d] * self.scale

    @classmethod
    def expected_cost(cls, D: int, d: int, **params: Any) -> Cost:
        """Three numbers for each row of the block, one of them of eight bytes."""
        n = 1 << (D - 1).bit_length()
        return Cost(16 * n, 64 * n + (1 << 23), 4 * n * int(math.log2(n)) + 8 * n)

    def cost(self) -> Cost:
        """As expected: the size of P is fixed."""
        return self.expected_cost(self.D, self.d)


def butterflies(x: Tensor) -> Tensor:
    """H x along the last dimension: log2 n stages of sums and differences of neighbours."""
    n, width = x.shape[-1], 1
    while width < n:
        a, b = x.unflatten(-1, (-1, 2 * width)).chunk(2, dim=-1)
        x = torch.cat([a + b, a - b], dim=-1).flatten(-2)
        width *= 2
    return x
