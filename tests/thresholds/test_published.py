"""The readings of Li et al. 2018, from their published data points.

published_points.csv holds points that the authors published with "Measuring the Intrinsic Dimension of
Objective Landscapes" (repository uber-research/intrinsic-dimension): performance of single runs at subspace
dimension x, where x = 0 is direct training.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from idim_cli.thresholds import PAPER, Options, estimate, points, read, readings, sample
from idim_cli.thresholds.interval import paper_bootstrap

POINTS = Path(__file__).parent / "published_points.csv"
OWN, OWN_89 = PAPER, PAPER.but(fraction=0.89)
GLOBAL, FIXED_89 = PAPER.but(baseline=1.0), PAPER.but(baseline=0.89, fraction=1.0)
FIXED_45 = PAPER.but(baseline=0.45, fraction=1.0)


def published(problem: str, series: str) -> pd.DataFrame:
    table = pd.read_csv(POINTS).rename(columns={"x": "d"})
    return table[(table.problem == problem) & (table.series == series)]


@pytest.mark.parametrize(
    ("problem", "series", "options", "value"),
    [
        ("MNIST", "FC 2x200", GLOBAL, 850),
        ("MNIST", "FC 2x200", OWN, 625),
        ("MNIST", "LeNet", GLOBAL, 290),
        ("MNIST", "LeNet", OWN, 275),
        ("MNIST shuffled pixels", "LeNet", GLOBAL, 1400),
        ("MNIST shuffled pixels", "LeNet", OWN, 750),
        ("MNIST shuffled pixels", "LeNet", OWN_89, 650),
        ("MNIST shuffled pixels", "FC 2x200", GLOBAL, 650),
        ("MNIST shuffled pixels", "FC 2x200", OWN, 500),
        ("CIFAR-10", "LeNet", OWN, 2900),
        ("CIFAR-10", "LeNet", FIXED_45, 1000),
        ("MNIST", "Untied-LeNet", GLOBAL, 600),
        ("MNIST", "FCTied-LeNet", GLOBAL, 425),
        ("MNIST", "FC-LeNet", GLOBAL, 2000),
        ("CIFAR-10", "Untied-LeNet", FIXED_45, 2750),
        ("CIFAR-10", "FCTied-LeNet", FIXED_45, 2500),
        ("CIFAR-10", "FC-LeNet", FIXED_45, 35_000),
        ("MNIST shuffled labels 100%", "FC 5x400", FIXED_89, 190_000),
        ("MNIST shuffled labels 50%", "FC 5x400", FIXED_89, 130_000),
        ("MNIST shuffled labels 10%", "FC 5x400", FIXED_89, 90_000),
        ("MNIST shuffled labels 100%", "FC 5x400", GLOBAL, 190_000),
        ("MNIST shuffled labels 50%", "FC 5x400", GLOBAL, 140_000),
        ("MNIST shuffled labels 10%", "FC 5x400", GLOBAL, 100_000),
    ],
)
def test_published_value_comes_back(problem: str, series: str, options: Options, value: int) -> None:
    reading = estimate(published(problem, series), options)
    assert (reading.value, reading.verdict) == (value, "reached")


def test_bootstrap_of_the_fully_connected_net() -> None:
    """786 +- 66 from the authors' picks; the mean of 50 picks has a standard error of 66 / sqrt(50) = 9."""
    runs = sample(published("MNIST", "FC 2x200"))
    moments = [paper_bootstrap(runs, GLOBAL.but(seed=seed), 0.9).moments() for seed in range(20)]
    mean, sd = np.mean(moments, axis=0)
    assert mean == pytest.approx(786, abs=9)
    assert sd == pytest.approx(66, abs=6)


def test_paper_reading_carries_both_bars() -> None:
    table = published("MNIST", "FC 2x200")
    reading = estimate(table, GLOBAL)
    assert reading.bootstrap_sd == pytest.approx(66, abs=25)
    blue = dict(zip(reading.d_values, reading.performance_sd, strict=True))
    assert blue[625] == pytest.approx(np.std([0.8935, 0.8785, 0.8786], ddof=1))
    assert points(table).n.tolist() == [3] * 29


@pytest.mark.parametrize(
    ("problem", "series", "value"),
    [("MNIST", "FC 2x200", 625), ("MNIST", "LeNet", 275), ("CIFAR-10", "LeNet", 2900)],
)
def test_default_reading_holds_the_paper_s_own_baseline_value(problem: str, series: str, value: int) -> None:
    reading = estimate(published(problem, series))
    assert reading.low <= reading.value <= value <= reading.high
    assert reading.value > 0.9 * value


def test_readings_side_by_side() -> None:
    named = dict(readings(sample(published("MNIST", "LeNet"))))
    assert [r.value for r in named.values()] == [290, 275, 250, 275, 290, 50, 275, 275, 265, 265]


def test_median_of_runs_differs_from_mean() -> None:
    """At d = 850 the median is exactly .9, which is not strictly above it."""
    runs = sample(published("MNIST", "FC 2x200"))
    assert read(runs, GLOBAL.but(centre="median")).value == 900
