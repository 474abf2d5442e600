"""The interval of the adaptive search holds the truth as often as it says, on problems drawn at random."""

import statistics

import numpy as np
import pandas as pd
import pytest
from synthetic import carried_out, crossing, problem

from idim_cli import thresholds
from idim_cli.runs.results import row

PROBLEMS = 200


def outcome(seed: int) -> tuple[bool, float]:
    """Whether the interval holds the truth, and what the search cost, in full runs."""
    one = problem(np.random.default_rng(seed))
    told, _ = carried_out(one, seed)
    found = thresholds.estimate(pd.DataFrame([row(result) for result in told.values()]), rule="curve")
    low = found.low or 0  # None: open to that side
    high = found.high or float("inf")
    cost = sum(result["epoch"] for result in told.values()) / one.epochs
    return low - 1 < crossing(one) <= high, cost


@pytest.mark.slow
def test_the_interval_holds_the_truth():
    """Docs say: coverage and median cost of these very problems."""
    held, costs = zip(*(outcome(seed) for seed in range(PROBLEMS)), strict=True)
    print(f"{sum(held)} of {PROBLEMS} hold the truth, median cost {statistics.median(costs):.1f} full runs")
    assert 0.90 <= sum(held) / PROBLEMS <= 0.99
    assert statistics.median(costs) <= 20
