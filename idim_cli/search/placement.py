"""Where to place the next runs, in d."""

from __future__ import annotations

import math

import numpy as np

from idim_cli.thresholds.curve import Crossing, prior

# The batch spreads about the likely crossing by this multiple of the blur of one run; docs/adaptive.md has
# the simulations behind this number and the form of the spread.
_BLUR = 2.0


def initial_d(D: int, n: int) -> list[int]:
    """The first d, spread over what is plausible for a problem with D parameters."""
    from scipy.special import ndtri

    # At equal steps of the prior's probability.
    before = prior(D, (1, D))
    return _whole(before.centre + before.sd * ndtri((np.arange(n) + 1) / (n + 1)), D)


def next_d(crossing: Crossing, D: int, n: int) -> list[int]:
    """The next d: around the likely crossing, spread by its uncertainty and by the blur of a run."""
    # Runs at the crossing show best whether it lies higher or lower. Runs on either side show the slope of
    # the curve, which is needed to convert a shortfall in performance to d.
    from scipy.special import ndtri

    # One standard deviation on either side: the distribution has long tails, which its own sd would follow.
    low, centre, high = crossing.quantiles(np.array([0.1587, 0.5, 0.8413]))
    spread = math.hypot((high - low) / 2, _BLUR * crossing.posterior.blur)
    return _whole(centre + spread * ndtri((np.arange(n) + 0.5) / n), D)


def _whole(log_d: np.ndarray, D: int) -> list[int]:
    """Whole d in 1 .. D, ascending."""
    whole: list[int] = []
    for value in np.exp(log_d):
        d = min(max(round(float(value)), 1), D)
        # Equal ones move up where there is room, as a new d says more than a repeat.
        whole.append(min(max(d, whole[-1] + 1), D) if whole else d)
    return whole
