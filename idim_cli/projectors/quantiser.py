"""Coordinates of few values: choosing the values, and rounding to them step by step."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from idim_cli.core.errors import ComponentError

Codebook = Literal["uniform", "kmeans"]

# Rounds of Lloyd's algorithm. A fixed number, no tolerance: the book then depends on the coordinates alone.
_ROUNDS = 50


class Quantiser:
    """Rounds coordinates to few values, its book: each to the nearest, all of them or a share.

    The book is fitted once to coordinates that were trained without it (Lloyd, IEEE Trans. Inf. Theory 28,
    1982), and stays. Then a share of the coordinates that grows from none to all is rounded while training of
    the others compensates (Zhou et al., ICLR 2017, arXiv:1702.03044, with groups of weights). Those nearest
    to a value are rounded first. A training step moves a rounded coordinate only a little: it is among the
    nearest again, and is rounded again.

    Args:
        levels: number of values, 2 .. 256.
        codebook: ``uniform`` values are multiples of a step around zero, ``kmeans`` values are free.
        device: of the coordinates; the CPU by default.

    Attributes:
        book: float32 [levels], ascending, each a bfloat16 number or (uniform) a multiple of one; NaN until
            fitted.

    Raises:
        ComponentError: an unknown codebook, or levels outside of 2 .. 256.
    """

    def __init__(
        self, levels: int, codebook: Codebook = "uniform", device: torch.device | None = None
    ) -> None:
        if not 2 <= levels <= 256 or codebook not in get_args(Codebook):
            raise ComponentError(
                f"no quantiser has {levels} levels and the codebook {codebook!r}",
                f"levels must be in 2 .. 256, the codebook one of {', '.join(get_args(Codebook))}",
            )
        self.levels, self.codebook = levels, codebook
        self.book = torch.full((levels,), torch.nan, device=device)

    @property
    def fitted(self) -> bool:
        """Whether the book was fitted."""
        return not bool(self.book.isnan().any())

    @torch.no_grad()
    def fit(self, coords: Tensor) -> None:
        """Choose a book with a small mean squared error for the coordinates [d]."""
        fit = _fit_uniform if self.codebook == "uniform" else _fit_free
        self.book.copy_(fit(coords.detach().float(), self.levels))

    def values(self, coords: Tensor) -> Tensor:
        """The nearest value of the book to each coordinate."""
        return self.book[self.symbols(coords)]

    def symbols(self, coords: Tensor) -> Tensor:
        """Index of the nearest value of the book, int64 [d]."""
        return _nearest(self.book, coords.detach())

    @torch.no_grad()
    def round(self, coords: Tensor, free: int = 0, haste: Tensor | None = None) -> None:
        """Round coordinates [d] in place, except for the `free` ones furthest from their values.

        With `haste` [d] the distances are divided by it first.
        """
        # A coordinate beyond the last value would drift further away and be rounded last, with a large error.
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
        # Coordinates that are all zero give a step of zero, and a book of equal values has no order.
        step = step.clamp(min=torch.finfo(torch.bfloat16).tiny)
    return grid * step.bfloat16().float()  # a compressed file stores it in 16 bits


def _first_step(coords: Tensor, grid: Tensor) -> Tensor:
    """The best of some steps, the largest of which leaves no coordinate outside the grid."""
    # Lloyd's algorithm finds a local minimum: the start decides. 0.9^23 = 0.09 is below the best step for
    # normal coordinates at any number of levels.
    widest = coords.abs().max().clamp(min=torch.finfo(torch.bfloat16).tiny) / grid[-1]
    steps = [widest * 0.9**k for k in range(24)]
    errors = [(grid[_nearest(grid * step, coords)] * step - coords).square().sum() for step in steps]
    return steps[int(torch.stack(errors).argmin())]


def _fit_free(coords: Tensor, levels: int) -> Tensor:
    # Starts at quantiles: every value has coordinates.
    at = (torch.arange(levels, device=coords.device) + 0.5) / levels * len(coords)
    values = coords.sort().values[at.long()]
    for _ in range(_ROUNDS):
        chosen = _nearest(values, coords)
        count = torch.bincount(chosen, minlength=levels)
        total = torch.zeros_like(values).scatter_add_(0, chosen, coords)
        values = torch.where(count > 0, total / count.clamp(min=1), values)  # an unused value stays
    return values.bfloat16().float().sort().values


def _nearest(book: Tensor, coords: Tensor) -> Tensor:
    """Index of the nearest value of an ascending book, int64 [d]; the upper of two equally near values."""
    return torch.bucketize(coords.contiguous(), (book[1:] + book[:-1]) / 2, right=True)
