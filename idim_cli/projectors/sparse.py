"""Very sparse random projection (Li, Hastie, Church, KDD 2006): O(sqrt(D) d) in time and memory."""

from __future__ import annotations

import math
import warnings
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from idim_cli.projectors.base import Cost, Projector


class Sparse(Projector):
    """Each entry is nonzero with probability `density`, positive or negative alike, then columns are scaled.

    A column that drew no entry gets one at a random row, so that every column has unit length.

    Args:
        density: probability of an entry; the default is 1/sqrt(D) (paper, section S7).
    """

    forward_value: Tensor

    def __init__(
        self, D: int, d: int, seed: int, *, density: Annotated[float, Field(gt=0, le=1)] | None = None
    ) -> None:
        super().__init__(D, d, seed)
        at = self._positions(_density(D, density))
        column, row = np.divmod(at, D)
        length = np.sqrt(np.bincount(column, minlength=d).astype(np.float64))
        value = (self._stream("sign").signs(len(at)) / length[column]).astype(np.float32)
        by_row = np.argsort(row, kind="stable")
        self._hold_csr("forward", row[by_row], column[by_row], value[by_row], D)
        self._hold_csr("backward", column, row, value, d)

    def project(self, v: Tensor) -> Tensor:
        """P v by a sparse product with P."""
        return self._multiply("forward", v, self.D, self.d)

    def adjoint(self, g: Tensor) -> Tensor:
        """P' g by a sparse product with P', which is kept too: both directions then read rows in order."""
        return self._multiply("backward", g, self.d, self.D)

    @classmethod
    def expected_cost(cls, D: int, d: int, *, density: float | None = None, **params: Any) -> Cost:
        """Of the expected number of nonzeros."""
        return _cost(D, d, round(D * d * _density(D, density)))

    def cost(self) -> Cost:
        """Of the nonzeros that were drawn."""
        return _cost(self.D, self.d, self.forward_value.numel())

    def _positions(self, density: float) -> np.ndarray:
        """Where the nonzeros are, as column * D + row, rising."""
        at = self._stream("place").hits(self.D * self.d, density)
        empty = np.flatnonzero(np.bincount(at // self.D, minlength=self.d) == 0)
        rows = self._stream("empty").integers(len(empty), self.D)
        return np.sort(np.concatenate([at, empty * self.D + rows]))

    def _hold_csr(self, name: str, row: np.ndarray, column: np.ndarray, value: np.ndarray, rows: int) -> None:
        start = np.zeros(rows + 1, dtype=np.int64)
        np.cumsum(np.bincount(row, minlength=rows), out=start[1:])
        index = np.int32 if len(row) < 2**31 else np.int64
        self._hold(f"{name}_start", start.astype(index))
        self._hold(f"{name}_index", column.astype(index))
        self._hold(f"{name}_value", value)

    def _multiply(self, name: str, x: Tensor, rows: int, columns: int) -> Tensor:
        start, index, value = (getattr(self, f"{name}_{part}") for part in ("start", "index", "value"))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            matrix = torch.sparse_csr_tensor(start, index, value, (rows, columns), check_invariants=False)
        if x.dim() == 1:
            return matrix @ x
        return (matrix @ x.reshape(-1, columns).T).T.reshape(*x.shape[:-1], rows)


def _density(D: int, density: float | None) -> float:
    return 1 / math.sqrt(D) if density is None else density


def _cost(D: int, d: int, nonzeros: int) -> Cost:
    index = 4 if nonzeros < 2**31 else 8
    state = 2 * nonzeros * (4 + index) + (D + d + 2) * index
    return Cost(state, 80 * nonzeros + 24 * (D + d) + (1 << 23), 4 * nonzeros)
