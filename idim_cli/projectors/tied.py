"""One signed nonzero in each row: random weight tying, exactly orthonormal, O(D) in time and memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idim_cli.projectors.base import BlockDiagonal, Cost, Projector, each
from idim_cli.projectors.kernels import loops
from idim_cli.projectors.kernels.loops import compiled, refuse_beyond


class Tied(Projector):
    """Every native parameter follows one of the d coordinates, with a random sign.

    The subspace of randomly hashed weights (Chen et al. 2015; paper, section 3.1), later used for fine-tuning
    as Uni-LoRA. Rows are assigned to columns by random permutations of the columns, one for each d rows, so
    columns differ by at most one in their number of rows; their supports are disjoint.

    P holds one int32 for each parameter: an index into the table (v, -v) of 2 d numbers, which includes the
    sign.
    """

    pick: Tensor
    scale: Tensor

    def __init__(self, D: int, d: int, seed: int) -> None:
        super().__init__(D, d, seed)
        column = self._stream("column").permutations(-(-D // d), d).reshape(-1)[:D]
        negative = self._stream("sign").signs(D) < 0
        self._hold("pick", column + np.int32(d) * negative)
        self._hold("scale", (1 / np.sqrt(np.bincount(column, minlength=d))).astype(np.float32))

    def _project(self, v: Tensor) -> Tensor:
        """P v: each parameter reads its signed, scaled coordinate."""
        return each(lambda row: _read(row, self.scale, self.pick), v, self.d)

    def _adjoint(self, g: Tensor) -> Tensor:
        """P' g: each coordinate sums the gradients of its parameters, in the order of the parameters."""
        return each(lambda row: _sum(row, self.scale, self.pick), g, self.D)

    @classmethod
    def block_diagonal(cls, parts: Sequence[Tied]) -> BlockDiagonal:
        """One table for all."""
        return _OneTable(parts)

    @classmethod
    def expected_cost(cls, D: int, d: int, **params: Any) -> Cost:
        """One index a parameter, one scale a column."""
        # 24 bytes bound the peak of columns, signs and sums; 4 MB are the random words of a chunk.
        return Cost(4 * D + 4 * d, 24 * D + 24 * d + (1 << 22), 2 * D + 6 * d)


class _OneTable(BlockDiagonal):
    """Several projectors whose rows read one table of all coordinates."""

    pick: Tensor
    scale: Tensor

    def __init__(self, parts: Sequence[Tied]) -> None:
        super().__init__()
        self.shape = len(parts), parts[0].D
        *starts, total = accumulate((part.d for part in parts), initial=0)
        # The negative half of the table begins at `total` instead of d.
        moved = [
            p.pick + (p.pick >= p.d).int().mul_(total - p.d).add_(start)
            for p, start in zip(parts, starts, strict=True)
        ]
        self.register_buffer("pick", torch.cat(moved), persistent=False)
        self.register_buffer("scale", torch.cat([part.scale for part in parts]), persistent=False)

    def project(self, v: Tensor) -> Tensor:
        return _read(v, self.scale, self.pick).view(self.shape)

    def adjoint(self, g: Tensor) -> Tensor:
        return _sum(g.reshape(-1), self.scale, self.pick)


def _read(v: Tensor, scale: Tensor, pick: Tensor) -> Tensor:
    """Entries of the table (v, -v), scaled."""
    v = v * scale
    table = torch.cat([v, -v])
    # Copies: the bits are the same either way, and one call is not worth importing numba.
    if not loops.runs_here(v) or not loops.ready():
        return table.index_select(0, pick)
    out = v.new_empty(len(pick))
    loops.in_parts(_look_up, len(pick), loops.parts(len(pick)), table, pick, out)
    return out


def _sum(g: Tensor, scale: Tensor, pick: Tensor) -> Tensor:
    """The transpose of `_read`."""
    g, d = g.to(torch.promote_types(g.dtype, scale.dtype)), len(scale)
    if loops.runs_here(g):
        # Each part has sums of its own: at least eight numbers for each, or adding up the parts would cost
        # more than it saves. The number of parts is independent of the threads, and so are the bits.
        count = loops.parts(len(g), len(g) // (8 * d))
        sums = g.new_zeros(count, 2 * d)
        loops.in_parts(_add_up, len(g), count, g.contiguous(), pick, sums)
        total = sums.sum(0)
    else:
        total = g.new_zeros(2 * d).index_add_(0, pick, g)
    return (total[:d] - total[d:]) * scale


@compiled
def _look_up(table: np.ndarray, pick: np.ndarray, out: np.ndarray, part: int, first: int, last: int) -> None:
    pick, out = pick[first:last], out[first:last]
    refuse_beyond(pick, 0, table.size)
    # Unsigned: the compiler then leaves out Python's rule for negative indices.
    for i in range(pick.size):
        out[i] = table[np.uint32(pick[i])]


@compiled
def _add_up(g: np.ndarray, pick: np.ndarray, sums: np.ndarray, part: int, first: int, last: int) -> None:
    pick, g, total = pick[first:last], g[first:last], sums[part]
    refuse_beyond(pick, 0, total.size)
    for i in range(pick.size):
        total[np.uint32(pick[i])] += g[i]
