"""The three rules from means of performance over d to the d where a level is reached.

Every rule works on many curves at once, shape [S, m], because the bootstrap has thousands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idim_cli.recipe.choices import GridRule

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bracket:
    """Where S curves pass their levels.

    Attributes:
        k: index of the grid point that passes, 0 .. m, where m means none, [S].
        share: position of the level between the values at k - 1 and k, 0 .. 1, [S].
        low, high: those two values; undefined where k is 0 or m, [S].
    """

    k: NDArray[np.int64]
    share: Floats
    low: Floats
    high: Floats


def bracket(rule: GridRule, curves: Floats, weights: Floats, levels: Floats) -> Bracket:
    """Find between which grid points each curve passes its level.

    Args:
        rule: ``first`` is the paper's: the first d strictly above the level, nothing between grid points.
            ``interpolate`` takes the first d at or above it and the one before. ``isotonic`` does so on the
            nondecreasing curve nearest to the means in weighted least squares.
        curves: means of performance, by ascending d, [S, m].
        weights: numbers of runs, [m].
        levels: [S].
    """
    if rule == "isotonic":
        k, low, high = _isotonic(curves, weights, levels)
    else:
        above = curves > levels[:, None] if rule == "first" else curves >= levels[:, None]
        k = np.where(above.any(axis=1), above.argmax(axis=1), curves.shape[1])
        low, high = _pick(curves, k - 1), _pick(curves, k)
    inside = (k > 0) & (k < curves.shape[1])
    low, high = np.where(inside, low, 0.0), np.where(inside, high, 1.0)
    if rule == "first":
        return Bracket(k, np.ones(len(k)), low, high)
    # Where two values are equal the level is reached at the right end.
    share = np.divide(levels - low, high - low, out=np.ones(len(k)), where=high > low)
    return Bracket(k, np.clip(share, 0.0, 1.0), low, high)


def crossings(rule: GridRule, d: Floats, curves: Floats, weights: Floats, levels: Floats) -> Floats:
    """The d at which each curve reaches its level, straight in log d between grid points, [S].

    -inf where it is reached at the smallest d already, +inf where it never is.
    """
    passed = bracket(rule, curves, weights, levels)
    left, right = neighbours(d, passed.k)
    return with_ends(passed.k, left * (right / left) ** passed.share, len(d))


def neighbours(d: Floats, k: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The grid points k - 1 and k, moved inside the grid."""
    right = np.clip(k, min(1, len(d) - 1), len(d) - 1)  # a grid may have a single point
    return d[np.maximum(right - 1, 0)], d[right]


def with_ends(k: NDArray[np.int64], inside: Floats, m: int) -> Floats:
    """`inside`, but -inf where k is 0 and +inf where k is m."""
    return np.where(k == 0, -np.inf, np.where(k == m, np.inf, inside))


def isotonic_fit(means: Floats, weights: Floats) -> Floats:
    """The nondecreasing curve nearest to the `means` in weighted least squares, [m]."""
    from scipy.optimize import isotonic_regression

    fit: Floats = isotonic_regression(means, weights=weights).x
    return fit


def _isotonic(curves: Floats, weights: Floats, levels: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    # The grid points where the isotonic fit is >= level are the suffix with the largest weighted excess over
    # the level, so a thousand curves need sums from the left only, no fit of each.
    excess = _sums_from_left(weights * (curves - levels[:, None]))
    k = (excess[:, -1:] - excess).argmax(axis=1)
    total, count = _sums_from_left(weights * curves), _sums_from_left(weights[None])
    here = k[:, None]
    part, size = np.take_along_axis(total, here, 1), count[0, here]
    mean = np.divide(total - part, count - size, out=np.full_like(total, np.nan), where=count != size)
    index = np.arange(total.shape[1])
    # Values of the block of equal fit that ends before k, and of the one that starts at k.
    low = np.max(np.where(index < here, mean, -np.inf), axis=1)
    high = np.min(np.where(index > here, mean, np.inf), axis=1)
    return k, low, high


def _sums_from_left(values: Floats) -> Floats:
    return np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))


def _pick(curves: Floats, k: NDArray[np.int64]) -> Floats:
    inside = np.clip(k, 0, curves.shape[1] - 1)[:, None]
    return np.take_along_axis(curves, inside, axis=1)[:, 0]
