"""Any projector applied to each parameter tensor by itself, with d divided by size. For comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from idim_cli.core.registry import short
from idim_cli.projectors.base import Cost, Projector, build, kind, params_of
from idim_cli.recipe.schema import Component


class Layerwise(Projector):
    """A block-diagonal P: one projector of kind `inner` for each parameter tensor.

    A tensor of size s gets about d s / D coordinates, and at least one if d allows (largest remainders
    first). A tensor without coordinates stays at its start.

    Args:
        inner: the projector of each tensor, by name or as a mapping with its parameters.
    """

    needs_sizes = True

    def __init__(
        self, D: int, d: int, seed: int, *, inner: str | dict[str, Any] = "tied", _sizes: Sequence[int] = ()
    ) -> None:
        component = Component.of(inner)
        super().__init__(D, d, seed, inner=short(component.name, params_of(component)))
        self.sizes = tuple(_sizes) or (D,)
        self.shares = share_out(d, self.sizes)
        # A seed for every tensor, used or not: the P of one does not change with the shares of others.
        seeds = self._stream().words(len(self.sizes))
        self.parts: Sequence[Projector] = nn.ModuleList(  # type: ignore[assignment]
            build(component, [size], share, int(part_seed))
            for size, share, part_seed in zip(self.sizes, self.shares, seeds, strict=True)
            if share
        )

    def _project(self, v: Tensor) -> Tensor:
        """P v: each tensor from its own coordinates."""
        pieces, parts = v.split(self.shares, dim=-1), iter(self.parts)
        out = [
            next(parts)._project(piece) if share else piece.new_zeros(*piece.shape[:-1], size)
            for piece, share, size in zip(pieces, self.shares, self.sizes, strict=True)
        ]
        return torch.cat(out, dim=-1)

    def _adjoint(self, g: Tensor) -> Tensor:
        """P' g: each tensor's gradient to its own coordinates."""
        kept = [piece for piece, share in zip(g.split(self.sizes, dim=-1), self.shares, strict=True) if share]
        return torch.cat([part._adjoint(x) for part, x in zip(self.parts, kept, strict=True)], dim=-1)

    @classmethod
    def expected_cost(
        cls,
        D: int,
        d: int,
        *,
        inner: str | dict[str, Any] = "tied",
        _sizes: Sequence[int] = (),
        **params: Any,
    ) -> Cost:
        """The sum over the tensors."""
        component, sizes = Component.of(inner), tuple(_sizes) or (D,)
        shares = zip(sizes, share_out(d, sizes), strict=True)
        own = params_of(component)
        return _total([kind(component).expected_cost(size, share, **own) for size, share in shares if share])

    def cost(self) -> Cost:
        """The sum over the tensors."""
        return _total([part.cost() for part in self.parts])


def share_out(d: int, sizes: Sequence[int]) -> list[int]:
    """Divide d over tensors in proportion to their sizes, each share at most its size; the sum is d."""
    size = np.asarray(sizes, dtype=np.int64)
    # A tensor without elements gets no coordinate; with fewer coordinates than tensors none is guaranteed.
    least = np.minimum(size, 1) * (d >= np.count_nonzero(size))
    shares = np.maximum((d * size) // size.sum(), least)
    remainder = d * size / size.sum() - shares
    # Rounding down leaves coordinates over; the guaranteed ones may have taken too many.
    while (missing := d - int(shares.sum())) != 0:
        step = 1 if missing > 0 else -1
        free = shares < size if step > 0 else shares > least
        at = int(np.argmax(np.where(free, step * remainder, -np.inf)))
        shares[at] += step
        remainder[at] -= step
    return [int(share) for share in shares]


def _total(costs: list[Cost]) -> Cost:
    return Cost(*(sum(parts) for parts in zip(*map(astuple, costs), strict=True)))
