"""Fastfood (Le, Sarlos, Smola, ICML 2013; paper, section S7): O(D log d) in time, O(D) in memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from idim_cli.core import rng
from idim_cli.projectors.base import Cost, Projector, each
from idim_cli.projectors.kernels import loops
from idim_cli.projectors.kernels.butterflies import transform
from idim_cli.projectors.kernels.hadamard import hadamard
from idim_cli.projectors.kernels.loops import compiled, refuse_beyond


class Fastfood(Projector):
    """Stacked blocks H G Pi H B: signs B, Hadamard H, permutation Pi, Gaussian diagonal G.

    Blocks have the length n = 2^ceil(log2 d), and v is padded with zeros. Every column of a whole block has
    the length sqrt(n) |G|, so one number scales all columns to unit length exactly. A last, partial block of
    r = D mod n rows would break this: it is sqrt(n) Pi H B instead, r distinct rows of a Hadamard matrix,
    whose columns have equal length too.

    Args:
        stacked: False gives the authors' form: one block of length 2^ceil(log2 D), cut to D rows, each
            column divided by its own length (d transforms while P is built). For comparison.
    """

    sign: Tensor
    place: Tensor
    gauss: Tensor
    scale: Tensor

    def __init__(self, D: int, d: int, seed: int, *, stacked: bool = True) -> None:
        super().__init__(D, d, seed, stacked=stacked)
        self.stacked = stacked
        self.n, self.blocks, self.rest = _layout(D, d, stacked)
        count = self.blocks + (self.rest > 0)
        place = self._stream("Pi").permutations(count, self.n)
        # Positions in all blocks together, so that one gather permutes every block.
        place = (place + np.arange(0, count * self.n, self.n)[:, None]).reshape(-1)
        gauss = self._stream("G").normals(self.blocks * self.n).astype(np.float32)
        self._hold("sign", self._stream("B").signs(count * self.n).reshape(count, self.n))
        # The partial block needs its first `rest` rows alone.
        self._hold("place", place[: self.blocks * self.n + self.rest].astype(np.int32))
        self._hold("gauss", gauss)
        # Last: the scales of a single block are measured by projecting with the tensors above.
        self._hold("scale", self._scales(gauss))

    def _project(self, v: Tensor) -> Tensor:
        """P v, block by block."""
        return each(self._project_one, v, self.d)[..., : self.D]

    def _adjoint(self, g: Tensor) -> Tensor:
        """P' g: the same steps, transposed, in reverse."""
        return each(self._adjoint_one, g, self.D) * self.scale

    def _project_one(self, v: Tensor) -> Tensor:
        v = v * self.scale
        if not loops.runs_here(v):
            return self._project_on_device(v)
        out = v.new_empty(len(self.place))
        count = loops.parts(len(out), len(self.sign))
        loops.in_parts(_spread, len(self.sign), count, v, self.sign, self.place, self.gauss, out)
        return out

    def _adjoint_one(self, g: Tensor) -> Tensor:
        g = pad(g, (0, len(self.place) - self.D))
        if not loops.runs_here(g):
            return self._adjoint_on_device(g)
        count = loops.parts(len(g), len(self.sign))
        sums = g.new_zeros(count, self.d)
        loops.in_parts(
            _collect, len(self.sign), count, g.contiguous(), self.sign, self.place, self.gauss, sums
        )
        return sums.sum(0)

    def _project_on_device(self, v: Tensor) -> Tensor:
        spread = hadamard(pad(v, (0, self.n - self.d)) * self.sign).view(-1)[self.place]
        whole, rest = spread[: len(self.gauss)], spread[len(self.gauss) :]
        blocks = hadamard((whole * self.gauss).view(-1, self.n))
        return torch.cat([blocks.view(-1), rest * math.sqrt(self.n)])

    def _adjoint_on_device(self, g: Tensor) -> Tensor:
        whole, rest = g[: len(self.gauss)], g[len(self.gauss) :]
        blocks = hadamard(whole.view(-1, self.n)).view(-1) * self.gauss
        moved = g.new_zeros(self.sign.shape)
        moved.view(-1)[self.place] = torch.cat([blocks, rest * math.sqrt(self.n)])
        return (hadamard(moved) * self.sign).sum(0)[: self.d]

    @classmethod
    def expected_cost(cls, D: int, d: int, *, stacked: bool = True, **params: Any) -> Cost:
        """Nine bytes for each parameter, and two transforms of its block in each direction."""
        n, blocks, rest = _layout(D, d, stacked)
        count, size = blocks + (rest > 0), blocks * n
        scales = 1 if stacked else d
        state = count * n + 4 * (size + rest) + 4 * size + 4 * scales
        # 40 bytes a number: int64 permutations and their keys, float64 normals, and the results.
        build = 40 * (count * n + d) + (1 << 23) + (0 if stacked else 1 << 28)
        return Cost(state, build, 4 * count * n * int(math.log2(n)) + 8 * (size + rest))

    def _scales(self, gauss: np.ndarray) -> Tensor:
        """One over the columns' lengths: [1] for stacked blocks, [d] for a truncated single one."""
        if self.stacked:
            square = self.n * rng.fixed_sum(gauss.astype(np.float64) ** 2) + float(self.n) * self.rest
            return torch.tensor([1 / math.sqrt(square)], dtype=torch.float32)
        self.scale = torch.ones(1)  # `project` multiplies by it
        rows = max(1, (1 << 22) // self.n)  # 16 MB of columns at a time
        lengths = []
        for first in range(0, self.d, rows):
            count = min(rows, self.d - first)
            units = torch.zeros(count, self.d)
            units[torch.arange(count), torch.arange(first, first + count)] = 1.0
            lengths.append(self.project(units).double().square().sum(-1).sqrt())
        del self.scale
        return (1 / torch.cat(lengths)).float()


def _layout(D: int, d: int, stacked: bool) -> tuple[int, int, int]:
    """Length of a block, number of whole blocks, rows of the partial block."""
    if not stacked:
        return 1 << (D - 1).bit_length(), 1, 0
    n = 1 << (d - 1).bit_length()
    return n, D // n, D % n


@compiled
def _spread(
    v: np.ndarray,
    sign: np.ndarray,
    place: np.ndarray,
    gauss: np.ndarray,
    out: np.ndarray,
    part: int,
    first: int,
    last: int,
) -> None:
    """Blocks first .. last - 1 of P v, before scaling."""
    n = sign.shape[1]
    mixed = np.zeros(n, v.dtype)
    for b in range(first, last):
        start, stop = b * n, min(b * n + n, place.size)
        # The last block's numbers beyond v; `transform` overwrote the zeros.
        mixed[v.size :] = 0
        for i in range(v.size):
            mixed[i] = v[i] * sign[b, i]
        transform(mixed)
        # Slices, so that the compiler sees that no index is negative.
        places, rows, factors = place[start:stop], out[start:stop], gauss[start:stop]
        refuse_beyond(places, start, n)
        if factors.size:
            for i in range(n):
                rows[i] = mixed[np.uint32(places[i] - start)] * factors[i]
            transform(rows)
        else:
            for i in range(places.size):
                rows[i] = mixed[np.uint32(places[i] - start)] * np.sqrt(n)


@compiled
def _collect(
    g: np.ndarray,
    sign: np.ndarray,
    place: np.ndarray,
    gauss: np.ndarray,
    sums: np.ndarray,
    part: int,
    first: int,
    last: int,
) -> None:
    """Add what blocks first .. last - 1 contribute to P' g, before scaling, to the sums of a part."""
    n = sign.shape[1]
    block, mixed, total = np.empty(n, g.dtype), np.empty(n, g.dtype), sums[part]
    for b in range(first, last):
        start, stop = b * n, min(b * n + n, place.size)
        places, rows, factors = place[start:stop], g[start:stop], gauss[start:stop]
        refuse_beyond(places, start, n)
        if factors.size:
            block[:] = rows
            transform(block)
            for i in range(n):
                mixed[np.uint32(places[i] - start)] = block[i] * factors[i]
        else:
            # A partial block has no rows for the other places.
            mixed[:] = 0
            for i in range(places.size):
                mixed[np.uint32(places[i] - start)] = rows[i] * np.sqrt(n)
        transform(mixed)
        for i in range(total.size):
            total[i] += mixed[i] * sign[b, i]
