"""The default interval covers the truth about as often as it says, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from idim_cli.thresholds import Options, Sample
from idim_cli.thresholds.interval import bootstrap

# Curves of performance with the d at which each reaches 0.9 of its plateau.
CURVES = {
    "exponential": (lambda d: 1 - np.exp(-d / 270), 270 * np.log(10)),
    "hyperbolic": (lambda d: d / (70 + d), 630.0),
    "sigmoid": (lambda d: d**2 / (200**2 + d**2), 600.0),
    "step": (lambda d: 0.05 + 0.95 / (1 + np.exp(-(d - 500) / 60)), 500 + 60 * np.log(0.85 / 0.1)),
}
GRIDS = {
    "dense": np.array([100, 200, 300, *range(350, 801, 25), 850, 900, 1000, 1250, 1500, 2000]),
    "x 1.25": np.array([50, 62, 78, 98, 122, 153, 191, 238, 298, 373, 466, 582, 728, 909, 1137, 1421, 1776]),
    "x 2": np.array([43, 86, 172, 344, 688, 1376, 2752]),
}


def simulate(rng, curve, grid, runs, noise, dips, direct) -> Sample:
    """Runs with noise of their own and a deviation at each d that all of its runs share."""
    own = noise * rng.standard_normal((len(grid), runs))
    shared = dips * rng.standard_normal((len(grid), 1))
    baseline = 1 + noise * rng.standard_normal(direct)
    performance = curve(grid.astype(float))[:, None] + own + shared
    independent = runs > 1 and not dips
    return Sample(grid, tuple(performance), baseline, None, "", independent, 0)


def coverage(repeats, **settings) -> dict[tuple[str, str], float]:
    """Share of 95 % intervals with the truth inside, for each curve and grid."""
    rng, found = np.random.default_rng(7), {}
    for curve, (function, truth) in CURVES.items():
        for grid, d in GRIDS.items():
            inside = 0
            for seed in range(repeats):
                runs = simulate(rng, function, d, **settings)
                draws = bootstrap(runs, Options(seed=seed), 0.9 * runs.direct.mean())
                low, high = draws.interval(0.95)
                inside += low <= truth <= high
            found[curve, grid] = inside / repeats
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"runs": 3, "noise": 0.004, "dips": 0.0, "direct": 3},
        {"runs": 3, "noise": 0.001, "dips": 0.004, "direct": 3},
        {"runs": 1, "noise": 0.004, "dips": 0.0, "direct": 1},
    ],
    ids=["three-seeds", "shared-seed-with-dips", "single-runs"],
)
def test_coverage(settings, monkeypatch) -> None:
    monkeypatch.setattr("idim_cli.thresholds.interval.SAMPLES", 300)
    found = coverage(30, **settings)
    # 30 repeats: a true 95 % falls below 0.83 once in a hundred times.
    assert min(found.values()) >= 0.83, found
    assert np.mean(list(found.values())) >= 0.93, found


def test_interval_narrows_with_noise_and_is_not_trivial() -> None:
    rng = np.random.default_rng(0)
    curve, _ = CURVES["hyperbolic"]
    widths = []
    for noise in (0.001, 0.004, 0.016):
        runs = simulate(rng, curve, GRIDS["dense"], 3, noise, 0.0, 3)
        low, high = bootstrap(runs, Options(), 0.9).interval(0.95)
        widths.append(high / low)
    assert widths[0] < 1.1 < 1.2 < widths[2]
    assert widths == sorted(widths)
