"""The noise of runs: residuals pooled over neighbouring d."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idim_cli.thresholds.rules import Floats

# Grid points on either side of the crossing whose residuals are pooled: enough for a stable estimate, and
# near enough that the noise is that of the crossing.
SIDE = 4
# With so many degrees of freedom a side has a noise of its own: near a jump the two differ a lot.
_ENOUGH = 4
# A parabola has three parameters, so that it leaves one residual of four points.
_STENCIL = 4


@dataclass(frozen=True)
class Noise:
    """Variance of one run about the true curve, and the degrees of freedom of that estimate."""

    variance: float
    dof: float

    def error(self, confidence: float) -> float:
        """Standard error of one run, widened by Student's t over the normal quantile for few residuals."""
        from scipy.special import ndtri, stdtrit

        q = (1 + confidence) / 2
        # At least 1: below that the t distribution has no useful quantiles.
        return float(np.sqrt(self.variance) * stdtrit(max(self.dof, 1.0), q) / ndtri(q))


@dataclass(frozen=True)
class Sides:
    """Noise of the swept runs below the crossing and above it."""

    below: Noise
    above: Noise


@dataclass(frozen=True)
class Swept:
    """What the noise of runs in subspaces is estimated from, at each d, ascending, [m].

    Attributes:
        d: subspace dimensions.
        means: of the runs.
        squares: sums of the squared residuals from them.
        n: numbers of runs.
        independent: whether P differs among the runs at one d.
    """

    d: Floats
    means: Floats
    squares: tuple[float, ...]
    n: tuple[int, ...]
    independent: bool


def swept_noise(runs: Swept, near: int, enough: int = _ENOUGH) -> Sides | None:
    """Noise of the swept runs below grid index `near` and from it on; None if there are too few runs.

    Runs at one d that share a seed of P, or are single, do not show how far their mean is off the curve.
    Then the scatter of the means about parabolas through neighbouring d is used where it is larger. A side
    with fewer than `enough` degrees of freedom is pooled with the other.
    """
    inside = slice(max(0, near - SIDE), near + SIDE)
    halves = (slice(inside.start, near), slice(near, inside.stop), inside)
    *sides, both = (_within(runs.squares[half], runs.n[half]) for half in halves)
    scatter = None
    if not runs.independent:
        # One point wider on either side, as a stencil has four points.
        wider = slice(max(0, min(near, len(runs.d)) - SIDE - 1), near + SIDE + 1)
        scatter = _between(runs.d[wider], runs.means[wider], runs.n[wider])
    below, above = (
        _larger(side if side is not None and side.dof >= enough else both, scatter) for side in sides
    )
    return None if below is None or above is None else Sides(below, above)


def _larger(one: Noise | None, other: Noise | None) -> Noise | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda noise: noise.variance)


def direct_noise(direct: Floats, swept: Noise) -> Noise:
    """Noise of the direct runs."""
    # They are few, so their noise is pooled with that of the swept runs, unless it is far larger: more than
    # twice the standard deviation.
    own = _within((float(np.sum((direct - direct.mean()) ** 2)),), (len(direct),))
    if own is None:
        return swept
    # Variances of two or three runs often differ by a factor of four by chance, so less is no difference.
    if own.variance > 4 * swept.variance:
        return own
    dof = own.dof + swept.dof
    return Noise((own.dof * own.variance + swept.dof * swept.variance) / dof, dof)


def _within(squares: Sequence[float], n: Sequence[int]) -> Noise | None:
    """Pooled sample variance: residuals from the mean at each d, made up for by n - 1."""
    dof = sum(n) - len(n)
    return Noise(sum(squares) / dof, dof) if dof else None


def _between(d: Floats, means: Floats, n: Sequence[int]) -> Noise | None:
    """Scatter of the means about parabolas in log d through each four neighbours, as variance of one run."""
    shares = 1 / np.array(n)
    squares = []
    for i in range(len(d) - _STENCIL + 1):
        part = slice(i, i + _STENCIL)
        weights = _blind_to_parabolas(np.log(d[part]))
        squares.append(float(weights @ means[part]) ** 2 / float(weights**2 @ shares[part]))
    # Neighbouring stencils share three points, so that their residuals count for about half.
    return Noise(float(np.mean(squares)), 0.6 * len(squares)) if squares else None


def _blind_to_parabolas(x: NDArray[np.float64]) -> Floats:
    """The unit vector orthogonal to 1, x and x^2 on four points."""
    powers = np.vander((x - x.mean()) / np.ptp(x), _STENCIL - 1)
    contrast: Floats = np.linalg.svd(powers.T)[2][-1]
    return contrast
