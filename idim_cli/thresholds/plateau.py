"""d_int100: the smallest d whose runs are not worse than the direct runs, by a test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from idim_cli.thresholds.noise import Sides, direct_noise, swept_noise
from idim_cli.thresholds.samples import Sample
from idim_cli.thresholds.text import TOO_WEAK, number

# Smaller differences, as a share of the baseline, count as none even where the test finds them.
TOLERANCE = 1e-3
# Shortfall that the test has to detect when d_int is read at the baseline itself: as for the usual 90 %.
_MISSING = 0.1


@dataclass(frozen=True)
class Plateau:
    """Where the sweep reaches the baseline itself.

    Attributes:
        d: d_int100; None if no d reaches it or it is unknown.
        sees: the smallest shortfall in performance that the test can detect; NaN without a test.
        test: description.
    """

    d: int | None
    sees: float
    test: str


def plateau(sample: Sample, confidence: float, fraction: float = 0.9, value: float = -np.inf) -> Plateau:
    """Find d_int100 by a one-sided t-test at each d, from the smallest up.

    The runs at d pass unless the direct runs are better at this confidence. Variances are pooled over
    neighbouring d and differ between direct and swept runs (Welch's degrees of freedom). Few runs let a low d
    pass, so `sees` is the smallest shortfall that would have been detected. A test that would not even detect
    the shortfall at d_int is too weak: d_int100 is unknown.

    Args:
        sample: the runs.
        confidence: of the test.
        fraction: share of the baseline that d_int is read at.
        value: d_int, -inf at the smallest d and +inf if not reached; no d below it is d_int100.
    """
    if not len(sample.direct):
        return Plateau(None, np.nan, "not tested: no direct runs")
    if len(sample.stopped.d):  # only runs that did less well have a final performance
        return Plateau(None, np.nan, "not tested: runs were stopped early")
    means = sample.points.mean
    best = float(sample.direct.mean())
    shortfall = best - means
    needed = best * (1 - fraction if fraction < 1 else _MISSING)
    limits = np.array([_limit(sample, i, best, confidence, needed) for i in range(len(means))])
    if np.isnan(limits).all():
        return Plateau(None, np.nan, "not tested: too few runs to estimate their noise")
    passes = shortfall <= limits  # False where the limit is NaN
    if fraction < 1:
        if value == np.inf and passes.any():  # the baseline is not the direct runs, but higher
            return Plateau(None, np.nan, "not reported: runs pass the test, but none reaches the level")
        passes &= sample.d >= value  # a d that does not reach 90 % cannot reach 100 %
    passed = np.flatnonzero(passes)
    d = int(sample.d[passed[0]]) if len(passed) else None
    sees = float(limits[passed[0] if len(passed) else -1])
    test = f"one-sided Welch t-test, {1 - confidence:.2g} level, variances pooled over d"
    if sees > needed:
        weak = f"{TOO_WEAK}: it detects a shortfall of {number(sees)} or more, d_int has {number(needed)}"
        return Plateau(None, sees, f"{weak}; {test}")
    return Plateau(d, sees, test)


def _limit(sample: Sample, index: int, best: float, confidence: float, needed: float) -> float:
    """The largest shortfall at grid point `index` that passes the test; NaN if the noise is unknown."""
    swept = swept_noise(sample.swept, index)
    if swept is None:
        return float("nan")
    limit = _passing(sample, index, best, confidence, swept)
    # At the end of a grid, the few runs from here on are pooled with those of a cliff below. If that makes
    # the test too weak, they are used alone, with Student's t for their few degrees of freedom.
    alone = swept_noise(sample.swept, index, enough=1)
    if limit > needed and alone is not None:
        return min(limit, _passing(sample, index, best, confidence, alone))
    return limit


def _passing(sample: Sample, index: int, best: float, confidence: float, swept: Sides) -> float:
    """The same for known noise."""
    from scipy.special import stdtrit

    direct = direct_noise(sample.direct, swept.above)
    parts = np.array([swept.above.variance / len(sample.runs[index]), direct.variance / len(sample.direct)])
    if not parts.sum():  # no noise at all, as of a task that is solved exactly
        return TOLERANCE * best
    shares = parts / parts.sum()
    dof = 1 / (shares**2 / [swept.above.dof, direct.dof]).sum()
    return float(max(stdtrit(max(dof, 1.0), confidence) * np.sqrt(parts.sum()), TOLERANCE * best))
