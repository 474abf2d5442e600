"""Coordinates that take few values: the values that fit them best, and training through the rounding."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from idim_cli.errors import ComponentError

Codebook = Literal["uniform", "kmeans"]

_ROUNDS = 50  # of improvement


class Quantiser(nn.Module):
    """Rounds each coordinate to the nearest of `levels` values, its book, and lets gradients pass.

    The book is fitted once to coordinates that were trained without it (Lloyd, IEEE Trans. Inf. Theory 28,
    1982); then it stays, and they are trained on by the straight-through estimator (Bengio et al.,
    arXiv:1308.3432): the gradient is that of the values, and zero outside the range of the book, so that
    coordinates do not wander off. A book that follows the coordinates grows with them and does worse.

    Args:
        levels: how many values, 2 .. 256.
        codebook: ``uniform`` values are steps around zero, ``kmeans`` any.
        after: share of a training that passes before `fit`; the loop keeps to it.

    Raises:
        ComponentError: there are no such levels or codebooks.
    """

    book: Tensor

    def __init__(self, levels: int, codebook: Codebook = "uniform", after: float = 0.0) -> None:
        super().__init__()
        if not 2 <= levels <= 256 or codebook not in get_args(Codebook):
            raise ComponentError(f"no quantiser of {levels} levels and codebook {codebook!r}")
        self.levels, self.codebook, self.after = levels, codebook, after
        #: float32 [levels], rising, each a bfloat16 number or (uniform) a multiple of one; NaN at first.
        self.register_buffer("book", torch.full((levels,), torch.nan))

    @property
    def fitted(self) -> bool:
        """Whether there is a book."""
        return not bool(self.book.isnan().any())

    def forward(self, coords: Tensor) -> Tensor:
        """The values that coordinates [d] stand for; before `fit` they are the coordinates themselves."""
        if not self.fitted:
            return coords
        book = self.book
        low, high = book[0] - (book[1] - book[0]) / 2, book[-1] + (book[-1] - book[-2]) / 2
        inside = coords.clamp(low, high)
        # In this order the sum is the value to its last bit: what is added is an exact zero.
        return self.values(coords) + (inside - inside.detach())

    def values(self, coords: Tensor) -> Tensor:
        """The nearest value of the book to each coordinate."""
        return self.book[self.symbols(coords)]

    def symbols(self, coords: Tensor) -> Tensor:
        """Which value of the book is the nearest, int64 [d]."""
        return _nearest(self.book, coords.detach())

    @torch.no_grad()
    def fit(self, coords: Tensor) -> None:
        """Choose the book that is closest to the coordinates [d]: a small mean squared error."""
        fit = _fit_uniform if self.codebook == "uniform" else _fit_free
        self.book.copy_(fit(coords.detach().float(), self.levels))


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
