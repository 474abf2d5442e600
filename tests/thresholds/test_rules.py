"""Crossings of known curves, and the isotonic shortcut against a plain fit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from idim_cli.thresholds.rules import bracket, crossings, isotonic_fit

GRID = np.array([10.0, 100.0, 1000.0])
ONES = np.ones(3)


def cross(rule, means, level, weights=ONES, grid=GRID):
    found = crossings(rule, grid, np.array([means], dtype=float), weights, np.array([level]))
    return float(found[0])


@pytest.mark.parametrize("rule", ["first", "interpolate", "isotonic"])
def test_ends_of_the_grid(rule: str) -> None:
    assert cross(rule, [0.95, 0.96, 0.97], 0.9) == -np.inf
    assert cross(rule, [0.1, 0.2, 0.3], 0.9) == np.inf


def test_first_is_strictly_above() -> None:
    assert cross("first", [0.1, 0.9, 0.95], 0.9) == 1000
    assert cross("interpolate", [0.1, 0.9, 0.95], 0.9) == 100


def test_straight_in_log_d() -> None:
    assert cross("interpolate", [0.0, 0.8, 1.0], 0.9) == pytest.approx(10**2.5)
    assert cross("isotonic", [0.0, 0.8, 1.0], 0.9) == pytest.approx(10**2.5)


def test_a_lucky_peak_does_not_pass_the_isotonic_rule() -> None:
    grid = np.array([5.0, 6, 7, 8, 9, 10, 20])
    means = [0.2, 0.3, 0.95, 0.4, 0.5, 0.6, 0.97]
    assert cross("first", means, 0.9, np.ones(7), grid) == 7
    assert 10 < cross("isotonic", means, 0.9, np.ones(7), grid) < 20


def test_more_runs_weigh_more() -> None:
    means, grid = [0.1, 0.95, 0.85, 0.99], np.array([1.0, 2, 4, 8])
    few = cross("isotonic", means, 0.9, np.array([1.0, 1, 9, 1]), grid)
    many = cross("isotonic", means, 0.9, np.array([1.0, 9, 1, 1]), grid)
    assert many < 2 < 4 < few


def test_isotonic_shortcut_equals_a_plain_fit() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        m = int(rng.integers(2, 12))
        means = np.linspace(0, 1, m) + 0.4 * rng.standard_normal(m)
        weights, level = rng.integers(1, 5, m).astype(float), float(rng.uniform(0, 1))
        fit = isotonic_fit(means, weights)
        found = bracket("isotonic", means[None], weights, np.array([level]))
        k = int(found.k[0])
        assert k == int((fit < level).sum())
        if 0 < k < m:
            assert_allclose([found.low[0], found.high[0]], fit[k - 1 : k + 1], rtol=1e-12)


def test_one_grid_point() -> None:
    one = np.array([7.0])
    assert cross("isotonic", [0.5], 0.4, np.ones(1), one) == -np.inf
    assert cross("interpolate", [0.5], 0.6, np.ones(1), one) == np.inf
