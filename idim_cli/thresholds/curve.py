"""The rule `curve`: d_int from a smooth curve near the level, with runs that were stopped early."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from idim_cli.thresholds.interval import SAMPLES, Draws
from idim_cli.thresholds.merging import MOST
from idim_cli.thresholds.options import Options
from idim_cli.thresholds.psychometric import Posterior, Prior, posterior
from idim_cli.thresholds.rules import Floats
from idim_cli.thresholds.samples import Sample

METHOD = "posterior of a smooth curve"
_OF_MANY = f", runs close together merged (more than {MOST:,})"
# Published thresholds have log d between .27 and .93 of log D, most of them near the middle.
_CENTRE, _SPREAD = 0.55, 0.2
_BEYOND = math.log(2)  # the prior extends this far outside 1 .. D, so that its ends are not certain
_FOREIGN = 8  # without D, it extends from the tried d by this factor to either side
# Direct runs are less noisy than runs in subspaces: on MNIST and on digits by a factor of five. So _SHARE of
# the noise in subspaces, twice what was seen, is the prior of theirs, weighted as _DOF degrees of freedom.
_SHARE, _DOF = 0.4, 4


@dataclass(frozen=True)
class Crossing:
    """Where the curve passes the level.

    Attributes:
        posterior: of the threshold, for a known level.
        error: standard error of the level, for each noise of the posterior [N]; None if it is known.
        dof: of that error.
        tried: smallest and largest d with a run.
        runs: number of runs behind it.
    """

    posterior: Posterior
    error: Floats | None
    dof: float
    tried: tuple[int, int]
    runs: int = 0

    @functools.cached_property
    def _distribution(self) -> tuple[Floats, Floats]:
        return self.posterior.distribution(self.error, self.dof)

    def quantiles(self, shares: Floats) -> Floats:
        """Thresholds in log d with these `shares` of the probability below; the level is uncertain too."""
        x, below = self._distribution
        return np.interp(shares, below, x)

    @property
    def value(self) -> float:
        """The median as a whole d; -inf at the smallest d tried or below it, +inf beyond the largest."""
        median = self._inside(np.exp(self.quantiles(np.array([0.5]))))[0]
        return float(np.ceil(median * (1 - 1e-9)))  # the slack undoes the rounding of exp and log

    @property
    def draws(self) -> Draws:
        """Equally likely thresholds, for an interval."""
        # Midpoints of equal shares, not random numbers: the interval has no noise of its own.
        shares = (np.arange(SAMPLES) + 0.5) / SAMPLES
        method = METHOD + (_OF_MANY if self.runs > MOST else "")
        return Draws(self._inside(np.exp(self.quantiles(shares))), method)

    def _inside(self, d: Floats) -> Floats:
        low, high = self.tried
        return np.where(d <= low * (1 - 1e-9), -np.inf, np.where(d > high, np.inf, d))


def crossing(runs: Sample, options: Options, level: float) -> Crossing:
    """Find where `runs` pass `level`, whose uncertainty comes from the direct runs."""
    tried = (int(runs.tried[0]), int(runs.tried[-1]))
    evidence = runs.evidence
    grid, count = posterior(evidence, level, prior(runs.D, tried)), len(evidence.d)
    if options.baseline != "model":  # a number: the level is known exactly
        return Crossing(grid, None, math.inf, tried, count)
    error, dof = level_error(runs.direct, grid.noise, options.fraction)
    return Crossing(grid, error, dof, tried, count)


def prior(D: int | None, tried: tuple[int, int]) -> Prior:
    """The prior: around the square root of D, and almost as wide as 1 .. D."""
    low, high = (1, D) if D else (tried[0] / _FOREIGN, tried[1] * _FOREIGN)
    span = max(math.log(high / low), _BEYOND)  # not 0 for a problem with one parameter
    centre = math.log(low) + _CENTRE * span
    return Prior(math.log(low) - _BEYOND, math.log(high) + _BEYOND, centre, _SPREAD * span if D else span)


def level_error(direct: Floats, noise: Floats, fraction: float) -> tuple[Floats, float]:
    """Standard error of fraction x the mean of the direct runs, [N] as `noise`, and degrees of freedom."""
    # A few direct runs hardly determine their own noise: a part of that of the runs in subspaces is pooled
    # in, unless their own is larger.
    n = len(direct)
    squares = float(np.sum((direct - direct.mean()) ** 2))
    pooled = (squares + _DOF * (_SHARE * noise) ** 2) / (n - 1 + _DOF)
    own = squares / (n - 1) if n > 1 else 0.0
    # A single run says nothing of its noise, and is given all of that in subspaces.
    variance = np.maximum(pooled, own) if n > 1 else noise**2
    error: Floats = fraction * np.sqrt(variance / n)
    alone = n > 1 and own > np.median(pooled)
    return error, n - 1.0 if alone else n - 1.0 + _DOF
