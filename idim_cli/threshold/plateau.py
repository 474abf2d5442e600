"""d_int100: the smallest d whose runs cannot be told from the direct runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from idim_cli.threshold.noise import direct_noise, swept_noise
from idim_cli.threshold.sample import Sample

# Differences below this share of the baseline count as none, whatever the test says.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Plateau:
    """Where the sweep reaches the baseline itself.

    Attributes:
        d: d_int100, or None if no d reaches it or it cannot be tested.
        sees: the smallest shortfall that the test can see, in performance; NaN without a test.
        test: what was done, in words.
    """

    d: int | None
    sees: float
    test: str


def plateau(sample: Sample, confidence: float) -> Plateau:
    """Find d_int100 by a one-sided t-test at each d, from the smallest up.

    The runs at d pass unless the direct runs are better at this confidence. Variances are pooled over
    neighbouring d and differ between direct and swept runs (Welch's degrees of freedom). A high d_int100 from
    many runs is worth more than a low one from few: `sees` says how small a shortfall would have shown.
    """
    if not len(sample.direct):
        return Plateau(None, np.nan, "not tested: no direct runs")
    means = sample.points.mean
    best = float(sample.direct.mean())
    shortfall = best - means
    limits = np.array([_limit(sample, i, best, confidence) for i in range(len(means))])
    if np.isnan(limits).all():
        return Plateau(None, np.nan, "not tested: the runs are too few to show their noise")
    passed = np.flatnonzero(shortfall <= limits)
    d = int(sample.d[passed[0]]) if len(passed) else None
    sees = float(limits[passed[0] if len(passed) else -1])
    return Plateau(d, sees, f"one-sided Welch t-test, {1 - confidence:.2g} level, variances pooled over d")


def _limit(sample: Sample, index: int, best: float, confidence: float) -> float:
    """The largest shortfall at grid point `index` that the test lets pass; NaN if nothing is known."""
    from scipy.special import stdtrit

    swept = swept_noise(sample.d.astype(float), sample.runs, index, sample.independent)
    if swept is None:
        return float("nan")
    direct = direct_noise(sample.direct, swept.above)
    parts = np.array([swept.above.variance / len(sample.runs[index]), direct.variance / len(sample.direct)])
    if not parts.sum():
        return TOLERANCE * best
    shares = parts / parts.sum()
    dof = 1 / (shares**2 / [swept.above.dof, direct.dof]).sum()
    return float(max(stdtrit(max(dof, 1.0), confidence) * np.sqrt(parts.sum()), TOLERANCE * best))
