"""Parts of a split with each class in proportion, for data that are sorted by class."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_BINS = 10  # parts of a sorted real target; also the most classes per example that whole numbers may define
_EXPECTED = 10  # examples of a class expected in a part: that it has none by chance has probability e^-10
# Changes of label from one example to the next, as a share of those expected in a random order. With fewer
# than five expected, a random order may have as few as a sorted one.
_FEW, _AT_MOST, _TOO_FEW = 0.1, 0.5, 5


def strata(targets: Any) -> Tensor | None:
    """The class of each example, int64 [n]; of a real target in sorted order its decile; else None."""
    # Real targets that merely change slowly have no strata: of a time series the last part is a fair test.
    if not isinstance(targets, Tensor) or targets.ndim > 2 or targets.numel() != len(targets):
        return None
    flat = targets.detach().cpu().reshape(-1)
    if flat.is_complex():  # which have no order
        return None
    if not flat.dtype.is_floating_point and int(flat.min()) >= 0 and int(flat.max()) < _BINS * len(flat):
        return flat.long()
    steps = flat.diff()
    if not ((steps >= 0).all() or (steps <= 0).all()):
        return None
    return torch.arange(len(flat)) * _BINS // len(flat)


def is_sorted(y: Tensor, last: int) -> bool:
    """Whether the `last` of the labels y [n] represent the others as badly as in data sorted by class.

    True if labels change far less often than in a random order, or if a class is missing of which the last
    part should have ten.
    """
    n, counts = len(y), torch.bincount(y)
    share = counts / n
    expected = float((n - 1) * (1 - share.square().sum()))
    changes = int((y[1:] != y[:-1]).sum())
    ordered = max(_FEW * expected, int((counts > 0).sum()) - 1)
    if expected >= _TOO_FEW and changes <= ordered and changes < _AT_MOST * expected:
        return True
    there = torch.bincount(y[n - last :], minlength=len(counts))
    return bool(((there == 0) & (share * last >= _EXPECTED)).any())


def spread(y: Tensor, count: int, last: bool = False) -> Tensor:
    """Select `count` of the labels y [n]: the first of each class, or the last, in the proportions of all.

    Returns:
        bool [n].
    """
    labels = y.flip(0) if last else y
    order = torch.argsort(labels, stable=True)  # stable: the first of a class stay the first
    sizes = torch.bincount(labels)
    begins = sizes.cumsum(0) - sizes
    rank = torch.empty(len(y), dtype=torch.float64)
    rank[order] = torch.arange(len(y), dtype=torch.float64) - begins[labels[order]]
    # The k-th of n_c is put at (k + 1/2) / n_c of the way: any part of that order has each class in
    # proportion.
    chosen = torch.zeros(len(y), dtype=torch.bool)
    chosen[torch.argsort((rank + 0.5) / sizes[labels], stable=True)[:count]] = True
    return chosen.flip(0) if last else chosen
