"""Intervals of d_int: a bootstrap of pooled residuals, and the paper's."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idim_cli.core.rng import Stream
from idim_cli.recipe.choices import Centre
from idim_cli.thresholds.noise import Noise, direct_noise, swept_noise
from idim_cli.thresholds.options import Options
from idim_cli.thresholds.rules import (
    Bracket,
    Floats,
    bracket,
    crossings,
    isotonic_fit,
    neighbours,
    with_ends,
)
from idim_cli.thresholds.samples import Sample

SAMPLES = 2000  # 50 of them lie beyond each end of a 95 % interval
PAPER_SAMPLES = 50  # as in the paper
BOOTSTRAP = f"bootstrap of pooled residuals, {SAMPLES} samples"
PAPER = f"the paper's bootstrap, one run at each d, {PAPER_SAMPLES} samples"


@dataclass(frozen=True)
class Draws:
    """Readings of resampled runs, [S]: -inf is "at or below the smallest d", +inf "beyond the largest"."""

    values: Floats
    method: str

    def interval(self, confidence: float) -> tuple[float, float]:
        """The percentiles that leave out (1 - confidence) / 2 on either side."""
        tail = (1 - confidence) / 2
        # One of the values, not a mean of two: of infinite ones that would be NaN.
        low, high = np.quantile(self.values, [tail, 1 - tail], method="inverted_cdf")
        return float(low), float(high)

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the readings inside the grid; NaN when there are none."""
        inside = self.values[np.isfinite(self.values)]
        return (float(inside.mean()), float(inside.std())) if len(inside) else (np.nan, np.nan)


def bootstrap(sample: Sample, options: Options, level: float) -> Draws | None:
    """Draw curves and baselines as other runs might have given them, and read each by the rule.

    A drawn curve is the isotonic fit of the means, or medians, plus normal noise at each d. The noise is that
    of the pooled residuals (`idim_cli.thresholds.noise`), widened for their degrees of freedom. The place
    between two d is drawn too (`_place_between`). None if the runs are too few to estimate their noise.
    """
    assert options.rule != "curve"  # its interval comes from the posterior
    d = sample.d.astype(float)
    weights = np.array([len(r) for r in sample.runs], dtype=float)
    fit = isotonic_fit(sample.centres(options.centre), weights)
    near = int(np.searchsorted(fit, level))
    # Noise near the crossing: far from it performance is much steadier, or much less steady.
    swept = swept_noise(sample.swept, near)
    if swept is None:
        return None
    shape = (SAMPLES, len(d))
    normals = _normals(options.seed, SAMPLES * (len(d) + 2))
    below, above = (side.error(options.confidence) for side in (swept.below, swept.above))
    error = np.where(np.arange(len(d)) < near, below, above) * _shares(options.centre, weights)
    curves = fit + error * normals[: SAMPLES * len(d)].reshape(shape)
    levels = _levels(sample, options, level, swept.above, fit, curves, normals[SAMPLES * len(d) : -SAMPLES])
    # A drawn curve may fall from one d to the next: the rule reads it as it reads the means themselves.
    crossed = bracket(options.rule, curves, weights, levels)
    return Draws(_place_between(options, d, fit, crossed, _uniforms(options.seed, SAMPLES)), BOOTSTRAP)


@functools.lru_cache(maxsize=4)
def _normals(seed: int, count: int) -> Floats:
    """Random numbers of curves and levels: the same for all groups with equally many d."""
    return Stream(seed, "threshold/bootstrap").normals(count)


@functools.lru_cache(maxsize=4)
def _uniforms(seed: int, count: int) -> Floats:
    """Random numbers of the places between two d."""
    return Stream(seed, "threshold/between").uniforms(count)


def paper_bootstrap(sample: Sample, options: Options, level: float) -> Draws | None:
    """One run picked at each d, read by the rule, 50 times (paper S5.1); the level is fixed.

    None where there is one run at each d.
    """
    if max((len(runs) for runs in sample.runs), default=1) == 1:
        return None
    picks = _picks(options.seed, PAPER_SAMPLES, len(sample.d))
    # The same picks for all groups, by remainder: each has its own number of runs at a d.
    columns = [runs[picks[:, i] % len(runs)] for i, runs in enumerate(sample.runs)]
    curves = np.stack(columns, axis=1)
    d, ones = sample.d.astype(float), np.ones(len(sample.d))
    assert options.rule != "curve"
    values = crossings(options.rule, d, curves, ones, np.full(PAPER_SAMPLES, level))
    # The paper counts a curve that is above the level everywhere as the smallest d.
    return Draws(np.where(values == -np.inf, d[0], values), PAPER)


@functools.lru_cache(maxsize=4)
def _picks(seed: int, samples: int, levels: int) -> NDArray[np.int64]:
    """One number for each sample and d, which picks a run by its remainder."""
    stream = Stream(seed, "threshold/paper")
    return stream.integers(samples * levels, 2**32).reshape(samples, -1)


def _shares(centre: Centre, runs: Floats) -> Floats:
    """Standard error of the mean or median of this many runs, relative to one run."""
    # The median of many normal runs is off by sqrt(pi / 2) times as much as their mean; of three to seven
    # runs by 1.09 to 1.21 times; of one or two they are the same.
    wider = np.where(runs > 2, np.sqrt(np.pi / 2), 1.0) if centre == "median" else 1.0
    return np.asarray(wider / np.sqrt(runs), dtype=float)


def _levels(
    runs: Sample, options: Options, level: float, swept: Noise, fit: Floats, curves: Floats, normals: Floats
) -> Floats:
    """A level for each curve, [S]; it moves as the baseline and the floor do.

    Performance is measured from the floor (`Sample.above`), so that a drawn floor ``min`` is near 0.
    """
    drawn: Floats = np.full(len(curves), level)
    if options.baseline == "best":
        drawn = options.fraction * curves.max(axis=1)
    elif options.baseline == "model":
        noise = direct_noise(runs.direct, swept)
        error = noise.error(options.confidence) / np.sqrt(len(runs.direct))
        drawn = level + options.fraction * error * normals
    if options.floor == "min":
        # At the same d in each sample: the minimum over all d would be lower the more d there are.
        lowest = int(runs.centres(options.centre).argmin())
        drawn = drawn + (1 - options.fraction) * (curves[:, lowest] - fit[lowest])
    return drawn


def _place_between(options: Options, d: Floats, fit: Floats, crossed: Bracket, uniforms: Floats) -> Floats:
    """Draw where between two grid points the level is crossed.

    The curve between them is unknown: straight along d^p with a p between -2 and 1 (0 is log d), or bent at
    most as far as extrapolating its slopes on either side allows. The draw is uniform among these.
    """
    left, right = neighbours(d, crossed.k)
    if options.rule == "first":  # which takes grid points alone
        return with_ends(crossed.k, right, len(d))
    width = np.log(right / left)
    straight = width * crossed.share
    curved = [np.log1p(crossed.share * np.expm1(p * width)) / p for p in (-2.0, 1.0)]
    places = np.stack([straight, *curved, *_extrapolated(d, fit, crossed, straight, width)])
    low, high = places.min(axis=0), places.max(axis=0)
    return with_ends(crossed.k, left * np.exp(low + uniforms * (high - low)), len(d))


def _extrapolated(
    d: Floats, fit: Floats, crossed: Bracket, straight: Floats, width: Floats
) -> Iterator[Floats]:
    """Where the extrapolated grid steps before and after meet the level, in log d from the left end."""
    slopes = np.diff(fit) / np.diff(np.log(d))
    slopes = np.concatenate([[np.nan], slopes, [np.nan, np.nan]])  # [i] belongs to the step that ends at i
    rise, rest = (
        crossed.share * (crossed.high - crossed.low),
        (1 - crossed.share) * (crossed.high - crossed.low),
    )
    before, after = slopes[np.maximum(crossed.k - 1, 0)], slopes[np.minimum(crossed.k, len(d) - 1) + 1]
    with np.errstate(divide="ignore", invalid="ignore"):  # a step without slope never meets the level
        for place, slope in ((rise / before, before), (width - rest / after, after)):
            yield np.where(np.isnan(slope), straight, np.clip(np.nan_to_num(place, nan=0.0), 0.0, width))
