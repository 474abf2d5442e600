"""Performance as a smooth curve of log d near the level, and the posterior of where it crosses.

Threshold estimation as in psychophysics (Watson and Pelli 1983; Kontsevich and Tyler 1999), with one change:
a run that was trained to its end counts with its performance, not only with whether it succeeded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idim_cli.thresholds.merging import merged
from idim_cli.thresholds.rules import Floats

#: Further than this share of the level from it, only the side on which a run lies is used: the form of the
#: curve has to hold near the level alone.
WINDOW = 0.06
# The curve may be off by this share of its distance from the level.
_DISCREPANCY = 0.15
# This share of runs fails for other reasons: their noise is five times as large, their side arbitrary.
_LAPSES, _LAPSE_NOISE = 0.02, 5.0
# Performance approaches its plateau as d**-k, as learning curves do: k = 0.2 is nearly straight in log d.
_BENDS, _BEND_WEIGHTS = np.array([0.2, 0.5, 1.0, 2.0, 4.0]), np.array([0.1, 0.25, 0.3, 0.25, 0.1])
# Slope in log d, and noise of one run, as shares of the level: range of the grid, centre of the prior, and
# its spread as a factor. Small networks have a noise of .025 to .056 near the level, MNIST .005
# (docs/adaptive.md); if the prior expects less, a few runs that agree by chance end a search.
_SLOPES, _SLOPE, _SLOPE_FACTOR = (0.01, 30.0), 0.2, 4.0
_NOISES, _NOISE, _NOISE_FACTOR = (3e-4, 0.3), 0.03, 4.0
# Each pass has a grid of thresholds x slopes x noises over the plausible range of the pass before. The first
# passes limit the weight of the runs: a sharp peak could lie between two of their wide steps.
_PASSES = (((28, 9, 7), 4.0), ((28, 9, 7), 12.0), ((28, 9, 7), np.inf), ((61, 15, 11), np.inf))
_PLAUSIBLE = 9.0  # in log likelihood below the best


@dataclass(frozen=True)
class Evidence:
    """Final performance of runs in subspaces, [n].

    Attributes:
        d: subspace dimensions.
        low, high: bounds of the final performance; equal where it is known.
    """

    d: Floats
    low: Floats
    high: Floats

    def where(self, chosen: NDArray[np.bool_]) -> Evidence:
        """Some of them, by a mask [n]."""
        return Evidence(self.d[chosen], self.low[chosen], self.high[chosen])


@dataclass(frozen=True)
class Prior:
    """Prior of the threshold: log d from `low` to `high`, most likely near `centre`."""

    low: float
    high: float
    centre: float
    sd: float

    def log(self, t: Floats) -> Floats:
        """Log density; its constant part keeps the tails from being excluded."""
        bell = np.exp(-0.5 * ((t - self.centre) / self.sd) ** 2)
        return np.log(0.9 * bell + 0.1)


@dataclass(frozen=True)
class Posterior:
    """A grid of thresholds, slopes and noises, with weights that sum to one.

    Attributes:
        t: thresholds in log d, evenly spaced, [T].
        slope: of performance at the level, in log d, [S].
        noise: standard deviation of one run, [N].
        weight: [T, S, N].
    """

    t: Floats
    slope: Floats
    noise: Floats
    weight: Floats

    @property
    def sd(self) -> float:
        """Standard deviation of the threshold, in log d."""
        weight = self.weight.sum(axis=(1, 2))
        return float(np.sqrt(weight @ (self.t - weight @ self.t) ** 2))

    @property
    def blur(self) -> float:
        """Effect of the noise of one run on the crossing, in log d: noise / slope, geometric mean."""
        weight = self.weight.sum(axis=0)
        return float(np.exp(np.sum(weight * np.log(self.noise / self.slope[:, None]))))

    def level_blur(self, error: Floats) -> float:
        """Effect of a standard error of the level, for each noise [N], on the crossing, in log d."""
        return float(np.sqrt(np.sum(self.weight.sum(axis=0) * (error / self.slope[:, None]) ** 2)))

    def distribution(self, error: Floats | None = None, dof: float = np.inf) -> tuple[Floats, Floats]:
        """Places in log d, ascending, and the probability that the threshold lies below each, [x].

        Args:
            error: standard error of the level, for each noise [N]; None if the level is known.
            dof: degrees of freedom of that error.
        """
        from scipy.special import stdtr

        weight = self.weight.sum(axis=2)  # [T, S]
        step = float(self.t[1] - self.t[0])
        # Blurred by a third of a step at least, so that the sum over the grid is smooth in x.
        blurred = np.full(len(self.slope), step / 3)
        if error is not None:
            # The mean error for each slope; 1e-30 where a slope has no weight, instead of 0 / 0.
            each = (self.weight.sum(axis=0) + 1e-30) @ error / (self.weight.sum(axis=(0, 2)) + 1e-30)
            blurred = np.hypot(blurred, each / self.slope)
        # Twelve standard errors: the tails of few degrees of freedom are long.
        reach = step + 12 * float(weight.sum(axis=0) @ blurred)
        x = np.linspace(self.t[0] - reach, self.t[-1] + reach, 401)
        z = (x[:, None, None] - self.t[:, None]) / blurred  # [x, T, S]
        table = np.sinh(np.linspace(-6, 6, 1201))  # fine in the middle; the function itself is slow
        return x, np.einsum("xts,ts->x", np.interp(z, table, stdtr(min(dof, 1e6), table)), weight)


def posterior(runs: Evidence, level: float, prior: Prior) -> Posterior:
    """The posterior given `runs`.

    Args:
        runs: the evidence; without any, the result is the prior.
        level: performance to be reached.
        prior: of the threshold.
    """
    ends = (level * share for shares in (_SLOPES, _NOISES) for share in shares)
    slope, most_slope, noise, most_noise = (float(np.log(end)) for end in ends)
    axes = [(prior.low, prior.high), (slope, most_slope), (noise, most_noise)]
    for sizes, count in _PASSES:
        # From coarse to fine: one grid fine enough for a sharp peak anywhere would have millions of points.
        grid = [np.linspace(*ends, size) for ends, size in zip(axes, sizes, strict=True)]
        log = _log_posterior(runs, level, prior, grid, min(1.0, count / max(len(runs.d), 1)))
        axes = list(_plausible(log, grid))
    # Minus the maximum, so that exp neither overflows nor is 0 everywhere; the bends are summed out.
    weight = np.exp(log - log.max()).sum(axis=3)
    return Posterior(grid[0], np.exp(grid[1]), np.exp(grid[2]), weight / weight.sum())


def _log_posterior(runs: Evidence, level: float, prior: Prior, grid: list[Floats], share: float) -> Floats:
    """Over threshold, slope, noise and bend, [T, S, N, K]; each run counts for a `share` of itself."""
    t, slope, noise, bend = np.ix_(*grid, _BENDS)
    slope, variance = np.exp(slope), np.exp(2 * noise)
    log = prior.log(t) + np.log(_BEND_WEIGHTS)
    log = log + _bell(np.log(slope / level), _SLOPE, _SLOPE_FACTOR)
    log = log + _bell(np.log(variance) / 2 - np.log(level), _NOISE, _NOISE_FACTOR)
    several = merged(runs.d, runs.low - level, runs.high - level, WINDOW * level)
    for d, low, high, count in zip(*several, strict=True):
        # The curve, measured from the level; clipped, as exp overflows far from it, where only its side
        # counts.
        above = -slope * np.expm1(np.clip(bend * (t - np.log(d)), -50, 50)) / bend
        spread = np.sqrt(variance + (_DISCREPANCY * above) ** 2)
        log = log + share * count * np.log(_likelihood(low, high, above, spread, WINDOW * level))
    result: Floats = log
    return result


def _bell(log_share: Floats, middle: float, factor: float) -> Floats:
    result: Floats = -0.5 * ((log_share - np.log(middle)) / np.log(factor)) ** 2
    return result


def _likelihood(low: float, high: float, above: Floats, spread: Floats, window: float) -> Floats:
    """Of one run with a performance from `low` to `high`; all, also the curve `above`, minus the level."""
    from scipy.special import ndtr

    if low == high and abs(low) <= window:
        z = (low - above) / spread
        wide = np.exp(-0.5 * (z / _LAPSE_NOISE) ** 2) / _LAPSE_NOISE
        density: Floats = ((1 - _LAPSES) * np.exp(-0.5 * z**2) + _LAPSES * wide) / spread
        return density + 1e-300  # its logarithm stays finite
    low = -np.inf if low <= -window else min(low, window)
    high = np.inf if high >= window else max(high, -window)

    def share(noise: Floats) -> Floats:
        result: Floats = ndtr((high - above) / noise) - ndtr((low - above) / noise)
        return result

    if np.isinf(low) or np.isinf(high):  # a lapse may be on either side
        return (1 - _LAPSES) * share(spread) + _LAPSES / 2
    return (1 - _LAPSES) * share(spread) + _LAPSES * share(_LAPSE_NOISE * spread) + 1e-300


def _plausible(log: Floats, grid: list[Floats]) -> Iterator[tuple[float, float]]:
    """The plausible range along each axis, extended by one step on either side."""
    # By the maximum over the other axes, not by sums: a thin ridge must not be lost.
    for axis, points in enumerate(grid):
        best = log.max(axis=tuple(i for i in range(log.ndim) if i != axis))
        kept = np.flatnonzero(best > best.max() - _PLAUSIBLE)
        yield float(points[max(kept[0] - 1, 0)]), float(points[min(kept[-1] + 1, len(points) - 1)])
