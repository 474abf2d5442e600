"""Runs that lie close together count as one: how many are left, and that the posterior stays the same."""

from __future__ import annotations

import numpy as np
import pytest

from idim_cli.thresholds import merging, psychometric
from idim_cli.thresholds.curve import prior
from idim_cli.thresholds.psychometric import Evidence, posterior

LEVEL = 0.87
WINDOW = psychometric.WINDOW * LEVEL


def runs(at_one_d, grid, sd=0.01, slope=0.1):
    rng = np.random.default_rng(at_one_d)
    d = np.repeat(np.unique(np.geomspace(10, 4000, grid).astype(int)), at_one_d).astype(float)
    performance = LEVEL + slope * np.log(d / 200) + rng.normal(0, sd, len(d))
    return Evidence(d, performance, performance.copy())


def merged(some):
    return merging.merged(some.d, some.low - LEVEL, some.high - LEVEL, WINDOW)


@pytest.mark.parametrize(("at_one_d", "grid"), [(1000, 100), (1, 3000), (20_000, 1)])
def test_any_number_of_runs_becomes_no_more_than_a_thousand(at_one_d, grid):
    many = runs(at_one_d, grid)
    *_, counts = merged(many)
    assert len(counts) <= merging.MOST < len(many.d)
    assert counts.sum() == len(many.d)


def test_up_to_a_thousand_runs_stay_as_they_are():
    few = runs(10, 50)
    d, low, high, counts = merged(few)
    assert np.array_equal(d, few.d)
    assert np.array_equal(low, few.low - LEVEL)
    assert np.array_equal(high, few.high - LEVEL)
    assert (counts == 1).all()


@pytest.mark.parametrize(("at_one_d", "grid", "sd"), [(60, 20, 0.003), (30, 40, 0.05), (1, 1300, 0.02)])
def test_the_posterior_stays_the_same(monkeypatch, at_one_d, grid, sd):
    many = runs(at_one_d, grid, sd)
    some = posterior(many, LEVEL, prior(5000, (10, 4000)))
    monkeypatch.setattr(merging, "MOST", 10**9)
    each = posterior(many, LEVEL, prior(5000, (10, 4000)))
    middles = [float(one.weight.sum(axis=(1, 2)) @ one.t) for one in (some, each)]
    assert abs(middles[0] - middles[1]) < 0.02 * each.sd
    assert some.sd == pytest.approx(each.sd, rel=0.01)


def test_a_stopped_run_and_one_that_ended_are_never_one():
    ended = np.full(600, 0.01)
    d, low, high = np.full(1200, 50.0), np.concatenate([ended, ended]), np.concatenate([ended, ended + 1])
    _, lows, highs, counts = merging.merged(d, low, high, WINDOW)
    assert counts.tolist() == [600, 600]
    assert lows == pytest.approx([0.01, 0.01])
    assert sorted(highs) == pytest.approx([0.01, 2 * WINDOW])


def test_beyond_the_window_only_the_side_counts():
    performance = np.concatenate([np.linspace(0.1, 0.4, 1000), np.linspace(-0.4, -0.1, 1000)])
    _, low, high, counts = merging.merged(np.full(2000, 50.0), performance, performance, WINDOW)
    assert (low == high).all()
    assert sorted(low) == pytest.approx([-2 * WINDOW, 2 * WINDOW])
    assert counts.tolist() == [1000, 1000]
