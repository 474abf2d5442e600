"""Coordinates that take few values: the values that fit them best, and rounding to them bit by bit."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from idim_cli.core.errors import ComponentError

Codebook = Literal["uniform", "kmeans"]

_ROUNDS = 50  # of improvement


class Quantiser:
    """Puts coordinates on few values, its book: each on the nearest, all of them or a share.

    The book is fitted once to coordinates that were trained without it (Lloyd, IEEE Trans. Inf. Theory 28,
    1982), and stays. Then a share of the coordinates that grows from none to all is rounded while the others
    are trained on and make up for it (Zhou et al., ICLR 2017, arXiv:1702.03044, with groups of weights).
    Those nearest to a value come first. A step of training moves a rounded one too, but no further than a
    little: it is among the nearest again, and is put back.

    Args:
        levels: how many values, 2 .. 256.
        codebook: ``uniform`` values are steps around zero, ``kmeans`` any.
        device: of the coordinates; the CPU by default.

    Attributes:
        book: float32 [levels], rising, each a bfloat16 number or (uniform) a multiple of one; NaN at first.

    Raises:
        ComponentError: there are no such levels or codebooks.
    """

    def __init__(
        self, levels: int, codebook: Codebook = "uniform", device: torch.device | None = None
    ) -> None:
        if not 2 <= levels <= 256 or codebook not in get_args(Codebook):
            raise ComponentError(f"no quantiser of {levels} levels and codebook {codebook!r}")
        self.levels, self.codebook = levels, codebook
        self.book = torch.full((levels,), torch.nan, device=device)

    @property
    def fitted(self) -> bool:
        """Whether there is a book."""
        return not bool(self.book.isnan().any())

    @torch.no_grad()
    def fit(self, coords: Tensor) -> None:
        """Choose the book that is closest to the coordinates [d]: a small mean squared error."""
        fit = _fit_uniform if self.codebook == "uniform" else _fit_free
        self.book.copy_(fit(coords.detach().float(), self.levels))

    def values(self, coords: Tensor) -> Tensor:
        """The nearest value of the book to each coordinate."""
        return self.book[self.symbols(coords)]

    def symbols(self, coords: Tensor) -> Tensor:
        """Which value of the book is the nearest, int64 [d]."""
        return _nearest(self.book, coords.detach())

    @torch.no_grad()
    def round(self, coords: Tensor, free: int = 0, haste: Tensor | None = None) -> None:
        """Round coordinates [d] in place, but for so many of them, the furthest from their values.

        With `haste` [d] their distances are divided by it first.
        Those come within the range of the book: beyond it they would only move away, until they come last.
        """
        coords.clamp_(self.book[0], self.book[-1])
        values = self.values(coords)
        distance = (values - coords).abs()
        if haste is not None:
            distance = distance / haste
        nearest = distance.topk(len(coords) - free, largest=False).indices
        coords[nearest] = values[nearest]


def _fit_uniform(coords: Tensor, levels: int) -> Tensor:
    grid = torch.arange(levels, device=coords.device) - (levels - 1) / 2
    step = _first_step(coords, grid)
    for _ in range(_ROUNDS):
        chosen = grid[_nearest(grid * step, coords)]
        step = (chosen * coords).sum() / chosen.square().sum().clamp(min=1.0)
        step = step.clamp(min=torch.finfo(torch.bfloat16).tiny)
    return grid * step.bfloat16().float()


def _first_step(coords: Tensor, grid: Tensor) -> Tensor:
    """The best of some steps, from one that leaves nothing outside the grid to one far smaller."""
    widest = coords.abs().max().clamp(min=torch.finfo(torch.bfloat16).tiny) / grid[-1]
    steps = [widest * 0.9**k for k in range(24)]
    errors = [(grid[_nearest(grid * step, coords)] * step - coords).square().sum() for step in steps]
    return steps[int(torch.stack(errors).argmin())]


def _fit_free(coords: Tensor, levels: int) -> Tensor:
    at = (torch.arange(levels, device=coords.device) + 0.5) / levels * len(coords)
    values = coords.sort().values[at.long()]
    for _ in range(_ROUNDS):
        chosen = _nearest(values, coords)
        count = torch.bincount(chosen, minlength=levels)
        total = torch.zeros_like(values).scatter_add_(0, chosen, coords)
        values = torch.where(count > 0, total / count.clamp(min=1), values)
    return values.bfloat16().float().sort().values


def _nearest(book: Tensor, coords: Tensor) -> Tensor:
    """Index of the nearest value of a rising book, int64 [d]; the upper one of two that are as near."""
    return torch.bucketize(coords.contiguous(), (book[1:] + book[:-1]) / 2, right=True)
