"""Dense Gaussian projection (Li et al. 2018, section S7): the reference, O(D d) in time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idim_cli.core import rng
from idim_cli.projectors.base import Cost, Projector


class Dense(Projector):
    """Independent standard normals, each column divided by its length.

    Args:
        orthogonal: make the columns exactly orthogonal, by the QR decomposition of the same normals. LAPACK
            computes it in float64, rounded to float32, so two machines may differ in the last bit.
    """

    rows: Tensor

    def __init__(self, D: int, d: int, seed: int, *, orthogonal: bool = False) -> None:
        super().__init__(D, d, seed, orthogonal=orthogonal)
        make = _orthonormal if orthogonal else _normalised
        # P transposed, [d, D]: each column of P is drawn in one call and contiguous.
        self._hold("rows", make(D, d, self._stream()))

    def _project(self, v: Tensor) -> Tensor:
        """P v by one matrix product."""
        return v @ self.rows.to(v.dtype)

    def _adjoint(self, g: Tensor) -> Tensor:
        """P' g by one matrix product."""
        return g @ self.rows.T.to(g.dtype)

    @classmethod
    def streamed(cls, D: int, d: int, seed: int, v: Tensor, **params: Any) -> Tensor | None:
        """P v column by column, summed in float64; None for orthogonal columns."""
        # QR needs all columns in memory.
        if params.get("orthogonal"):
            return None
        sums, stream = np.zeros(D), cls._stream_of(seed, d)
        for column, weight in zip(_columns(D, d, stream), v.tolist(), strict=True):
            sums += column * weight
        return torch.from_numpy(sums.astype(np.float32))

    @classmethod
    def expected_cost(cls, D: int, d: int, *, orthogonal: bool = False, **params: Any) -> Cost:
        """The matrix itself, and two operations an entry in each direction."""
        matrix = 4 * D * d
        # Ten times P: LAPACK's float64 copies of the normals and of Q, with the result.
        build = (10 if orthogonal else 1) * matrix + 64 * D + (1 << 22)
        return Cost(matrix, build, matrix, 4 * D * d**2 if orthogonal else 0)


def _normalised(D: int, d: int, stream: rng.Stream) -> np.ndarray:
    rows = np.empty((d, D), dtype=np.float32)
    for row, column in zip(rows, _columns(D, d, stream), strict=True):
        row[:] = column
    return rows


def _columns(D: int, d: int, stream: rng.Stream) -> Iterator[np.ndarray]:
    for j in range(d):
        column = stream.normals(D, j * D)
        # Not np.sum: its order of additions, and so the last bit, differs between processors.
        yield (column / np.sqrt(rng.fixed_sum(column * column))).astype(np.float32)


def _orthonormal(D: int, d: int, stream: rng.Stream) -> Tensor:
    gaussian = torch.from_numpy(stream.normals(D * d).reshape(d, D)).T
    q, r = torch.linalg.qr(gaussian)
    # With a positive diagonal of R the decomposition is unique in every library.
    return (q * torch.sign(torch.diagonal(r))).T.contiguous().float()
