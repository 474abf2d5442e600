"""Very sparse random projection (Li, Hastie, Church, KDD 2006): O(sqrt(D) d) in time and memory."""

from __future__ import annotations

import math
import warnings
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from idim_cli.core.errors import ComponentError
from idim_cli.projectors.base import Cost, Projector
from idim_cli.projectors.kernels.loops import OUT_OF_RANGE, REBUILD


class Sparse(Projector):
    """Each entry is nonzero with probability `density`, +1 or -1 equally often, then columns are scaled.

    A column without an entry gets one at a random row, so every column has unit length.

    Args:
        density: probability of an entry; the default is 1/sqrt(D) (paper, section S7).
    """

    scale: Tensor
    pick: Tensor
    place: Tensor
    backward_start: Tensor
    backward_index: Tensor
    backward_value: Tensor

    def __init__(
        self, D: int, d: int, seed: int, *, density: Annotated[float, Field(gt=0, le=1)] | None = None
    ) -> None:
        density = _density(D, density)
        super().__init__(D, d, seed, density=density)
        self._sound: list[tuple[int, int]] = []
        at = self._positions(density)
        column, row = np.divmod(at, D)
        length = np.sqrt(np.bincount(column, minlength=d).astype(np.float64))
        sign = self._stream("sign").signs(len(at))
        self._hold("scale", (1 / length).astype(np.float32))
        self._hold_levels(row, column + d * (sign < 0))
        start = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=d))])
        # int32 halves the memory of the indices, and starts count nonzeros.
        index = np.int32 if len(at) < 2**31 else np.int64
        self._hold("backward_start", start.astype(index))
        self._hold("backward_index", row.astype(index))
        self._hold("backward_value", (sign / length[column]).astype(np.float32))

    def _project(self, v: Tensor) -> Tensor:
        """P v: the first nonzero of every row, then the second, ..., rows with most nonzeros first."""
        # Sorted that way, the rows that have a k-th nonzero are the first ones: one gather and one addition
        # to a contiguous slice per level, in the same order on every device.
        v = v * self.scale
        _refuse_beyond(self.pick, 2 * self.d)
        _refuse_beyond(self.place, self.D)
        table, out = torch.cat([v, -v], dim=-1), v.new_zeros(*v.shape[:-1], self.D)
        for pick in self.pick.split(self.levels):
            out[..., : len(pick)] += table.index_select(-1, pick)
        return out.index_select(-1, self.place)

    def _adjoint(self, g: Tensor) -> Tensor:
        """P' g by a sparse product with P', whose rows are long."""
        matrix = self._transposed(g.dtype)
        if g.dim() == 1:
            return matrix @ g
        return (matrix @ g.reshape(-1, self.D).T).T.reshape(*g.shape[:-1], self.d)

    def _transposed(self, kind: torch.dtype) -> Tensor:
        """P' as a sparse matrix; ComponentError if its indices were changed."""
        # The product reads memory at any index. On the CPU they are checked each time; on a GPU a check waits
        # for the device, so they are checked when the tensors are other ones.
        _refuse_beyond(self.backward_index, self.D)
        _refuse_beyond(self.backward_start, len(self.backward_index) + 1)
        parts = self.backward_start, self.backward_index, self.backward_value
        mark = [(part.data_ptr(), 0 if part.is_inference() else part._version) for part in parts]
        with warnings.catch_warnings():
            # The second warning comes from torch 2.11 on CUDA, although `check_invariants` is given below.
            for message in ("Sparse CSR tensor support is in beta", "Sparse invariant checks"):
                warnings.filterwarnings("ignore", message=message)
            try:
                matrix = torch.sparse_csr_tensor(
                    *parts[:2], parts[2].to(kind), (self.d, self.D), check_invariants=mark != self._sound
                )
            except RuntimeError as error:
                raise ComponentError(OUT_OF_RANGE, REBUILD) from error
        self._sound = mark
        return matrix

    @classmethod
    def expected_cost(cls, D: int, d: int, *, density: float | None = None, **params: Any) -> Cost:
        """The cost of the expected number of nonzeros."""
        return _cost(D, d, round(D * d * _density(D, density)))

    def cost(self) -> Cost:
        """The cost of the nonzeros that were drawn."""
        return _cost(self.D, self.d, self.pick.numel())

    def _positions(self, density: float) -> np.ndarray:
        """The places of the nonzeros, column * D + row, ascending."""
        at = self._stream("place").hits(self.D * self.d, density)
        empty = np.flatnonzero(np.bincount(at // self.D, minlength=self.d) == 0)
        rows = self._stream("empty").integers(len(empty), self.D)
        return np.sort(np.concatenate([at, empty * self.D + rows]))

    def _hold_levels(self, row: np.ndarray, pick: np.ndarray) -> None:
        """Hold what `project` reads, in reading order: indices into the table (v, -v) for each level."""
        # Stable sorts: the order of equal keys, and with it the bits of sums, is the same everywhere.
        pick = pick[np.argsort(row, kind="stable")].astype(np.int32)
        count = np.bincount(row, minlength=self.D)
        start = np.cumsum(count) - count
        order = np.argsort(-count, kind="stable")
        place = np.empty(self.D, dtype=np.int32)
        place[order] = np.arange(self.D, dtype=np.int32)
        self.levels = [np.count_nonzero(count > level) for level in range(count.max())]
        levels = [pick[start[order[:size]] + level] for level, size in enumerate(self.levels)]
        self._hold("pick", np.concatenate(levels))
        self._hold("place", place)


def _refuse_beyond(index: Tensor, size: int) -> None:
    """ComponentError unless a CPU index is in 0 .. size - 1 everywhere."""
    # Each time: a tensor's version does not count writes through ``.data``.
    if index.device.type == "cpu" and len(index):
        least, most = index.aminmax()
        if least < 0 or most >= size:
            raise ComponentError(OUT_OF_RANGE, REBUILD)


def _density(D: int, density: float | None) -> float:
    return 1 / math.sqrt(D) if density is None else density


def _cost(D: int, d: int, nonzeros: int) -> Cost:
    index = 4 if nonzeros < 2**31 else 8
    state = nonzeros * (8 + index) + (d + 1) * index + 4 * D + 4 * d
    # 80 bytes a nonzero while P is built: its position, row, column and sort order are int64 each.
    return Cost(state, 80 * nonzeros + 24 * (D + d) + (1 << 23), 4 * nonzeros)
