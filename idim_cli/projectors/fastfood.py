"""Fastfood (Le, Sarlos, Smola, ICML 2013; paper, section S7): O(D log d) in time, O(D) in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idim_cli import rng
from idim_cli.projectors.base import Cost, Projector, each
from idim_cli.projectors.hadamard import hadamard, head, width
from idim_cli.projectors.scratch import Scratch

_CACHED = 1 << 18  # numbers at a time on a CPU
_AT_ONCE = 1 << 24  # and elsewhere, where memory is the limit


class Fastfood(Projector):
    """Stacked blocks H G Pi H B: signs B, Hadamard H, permutation Pi, Gaussian diagonal G.

    Blocks have the length n = 2^ceil(log2 d), and v is padded with zeros. Every column of a whole block has
    the length sqrt(n) |G|, so that one number scales all columns to unit length exactly. A last, partial
    block of r = D mod n rows would break this: it is sqrt(n) Pi H B instead, r distinct rows of a Hadamard
    matrix, whose columns are of equal length too.

    Args:
        stacked: False gives the authors' form: one block of length 2^ceil(log2 D), cut to D rows, each
            column divided by its own length (which takes d transforms when P is made). For comparison.
    """

    sign: Tensor
    place: Tensor
    gauss: Tensor
    scale: Tensor

    def __init__(self, D: int, d: int, seed: int, *, stacked: bool = True) -> None:
        super().__init__(D, d, seed)
        self.stacked = stacked
        self.n, self.blocks, self.rest = _layout(D, d, stacked)
        count = self.blocks + (self.rest > 0)
        place = self._stream("Pi").permutations(count, self.n)
        place = (place + np.arange(0, count * self.n, self.n)[:, None]).reshape(-1)
        gauss = self._stream("G").normals(self.blocks * self.n).astype(np.float32)
        self._hold("sign", self._stream("B").signs(count * self.n).reshape(count, self.n))
        self._hold("place", place[: self.blocks * self.n + self.rest].astype(np.int32))
        self._hold("gauss", gauss)
        self._hold("scale", self._scales(gauss))

    def project(self, v: Tensor) -> Tensor:
        """P v, a few blocks at a time."""
        return each(self._project, v, self.d)

    def adjoint(self, g: Tensor) -> Tensor:
        """P' g: the same steps, transposed, in reverse."""
        return each(self._adjoint, g, self.D)

    def _project(self, v: Tensor) -> Tensor:
        n, out = self.n, v.new_empty(max(self.D, self.blocks * self.n))
        v = torch.nn.functional.pad(v * self.scale, (0, width(n, self.d) - self.d))
        for blocks, whole, rest, room in self._turns(v):
            signed = torch.mul(
                v, sign := self.sign[blocks, : len(v)], out=room(sign.numel()).view(sign.shape)
            )
            spread, rows = hadamard(signed, n, room).view(-1), slice(whole.start, rest.stop)
            place = torch.sub(self.place[rows], rows.start, out=room.index(rows, torch.int32))
            x = torch.index_select(spread, 0, place, out=room(len(place)))
            if rest.start < rest.stop:
                torch.mul(x[rest.start - rows.start :], math.sqrt(n), out=out[rest])
            if whole.start < whole.stop:
                x = x[: whole.stop - rows.start].mul_(self.gauss[whole])
                hadamard(x.view(-1, n), room=room, out=out[whole])
        return out[: self.D]

    def _adjoint(self, g: Tensor) -> Tensor:
        n, m = self.n, width(self.n, self.d)
        g = torch.nn.functional.pad(g, (0, missing)) if (missing := len(self.place) - self.D) else g
        total = g.new_zeros(m)
        for blocks, whole, rest, room in self._turns(g):
            rows, size = slice(whole.start, rest.stop), whole.stop - whole.start
            place = torch.sub(self.place[rows], rows.start, out=room.index(rows, torch.int64))
            x = hadamard(g[whole].view(-1, n), room=room).view(-1).mul_(self.gauss[whole]) if size else g[:0]
            moved = room((blocks.stop - blocks.start) * n)
            moved[size:].zero_()
            moved.scatter_(0, place[:size], x).scatter_(0, place[size:], g[rest] * math.sqrt(n))
            total += head(moved.view(-1, n), m, room).mul_(self.sign[blocks, :m]).sum(0)
        return total[: self.d] * self.scale

    def _turns(self, like: Tensor) -> Iterator[tuple[slice, slice, slice, Scratch]]:
        """A few blocks at a time: which, their rows in whole blocks and in a partial one, and room."""
        step = max(1, (_CACHED if like.device.type == "cpu" else _AT_ONCE) // self.n)
        count, size = len(self.sign), self.blocks * self.n
        room = Scratch(min(step, count) * self.n, like)
        for first in range(0, count, step):
            start, stop = first * self.n, min((first + step) * self.n, len(self.place))
            yield (
                slice(first, min(first + step, count)),
                slice(start, max(start, min(stop, size))),
                slice(max(start, min(stop, size)), stop),
                room,
            )

    @classmethod
    def expected_cost(cls, D: int, d: int, *, stacked: bool = True, **params: Any) -> Cost:
        """Nine bytes for each parameter, and two transforms of its block in each direction."""
        n, blocks, rest = _layout(D, d, stacked)
        count, size = blocks + (rest > 0), blocks * n
        scales = 1 if stacked else d
        state = count * n + 4 * (size + rest) + 4 * size + 4 * scales
        build = 40 * (count * n + d) + (1 << 23) + (0 if stacked else 1 << 28)
        return Cost(state, build, 4 * count * n * int(math.log2(n)) + 8 * (size + rest))

    def cost(self) -> Cost:
        """As expected: the size of P is fixed."""
        return self.expected_cost(self.D, self.d, stacked=self.stacked)

    def _scales(self, gauss: np.ndarray) -> Tensor:
        """One over the columns' lengths: [1] for stacked blocks, [d] for a truncated single one."""
        if self.stacked:
            square = self.n * rng.fixed_sum(gauss.astype(np.float64) ** 2) + float(self.n) * self.rest
            return torch.tensor([1 / math.sqrt(square)], dtype=torch.float32)
        self.scale = torch.ones(1)
        rows = max(1, (1 << 22) // self.n)
        lengths = [self._lengths(range(j, min(j + rows, self.d))) for j in range(0, self.d, rows)]
        del self.scale
        return (1 / torch.cat(lengths)).float()

    def _lengths(self, columns: range) -> Tensor:
        units = torch.zeros(len(columns), self.d)
        units[torch.arange(len(columns)), torch.tensor(columns)] = 1.0
        return self.project(units).double().square().sum(-1).sqrt()


def _layout(D: int, d: int, stacked: bool) -> tuple[int, int, int]:
    """Length of a block, number of whole blocks, rows of the partial one."""
    if not stacked:
        return 1 << (D - 1).bit_length(), 1, 0
    n = 1 << (d - 1).bit_length()
    return n, D // n, D % n
