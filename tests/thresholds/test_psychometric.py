"""The posterior of a smooth curve: its limits, and what each kind of run tells."""

import numpy as np
import pytest

from idim_cli.thresholds import Options, estimate
from idim_cli.thresholds.curve import level_error
from idim_cli.thresholds.psychometric import Evidence, Prior, posterior

PRIOR = Prior(0.0, 12.0, 6.0, 2.0)
D = np.array([200.0, 300.0, 400.0, 450.0, 500.0, 550.0, 600.0, 700.0, 900.0, 1500.0])


def runs(width: float = 0.0, seed: int = 0) -> Evidence:
    """Runs whose curve passes 0.9 at d = 500, known up to `width`."""
    y = 1 - 0.1 * (D / 500) ** -0.7 + 0.004 * np.random.default_rng(seed).standard_normal(len(D))
    return Evidence(D, y - width / 2, y + width / 2)


def test_the_threshold_is_found():
    found = posterior(runs(), 0.9, PRIOR)
    x, below = found.distribution()
    low, middle, high = np.exp(np.interp([0.025, 0.5, 0.975], below, x))
    assert low < 500 < high
    assert middle == pytest.approx(500, rel=0.1)


@pytest.mark.parametrize("width", [1e-6, 1e-4, 1e-3])
def test_narrow_intervals_tell_as_much_as_known_values(width):
    exact, narrow = posterior(runs(), 0.9, PRIOR), posterior(runs(width), 0.9, PRIOR)
    assert narrow.sd == pytest.approx(exact.sd, rel=0.15)


def test_open_intervals_tell_the_side_alone():
    known = runs()
    open_ended = Evidence(D, np.where(D > 500, 0.9, known.low), np.where(D > 500, np.inf, known.high))
    assert posterior(open_ended, 0.9, PRIOR).sd > posterior(known, 0.9, PRIOR).sd


def test_without_runs_the_prior_remains():
    nothing = Evidence(np.empty(0), np.empty(0), np.empty(0))
    assert posterior(nothing, 0.9, PRIOR).sd > 1.5


def test_one_run_gone_wrong_spoils_little():
    good = runs()
    spoilt = Evidence(np.append(good.d, 800.0), np.append(good.low, 0.2), np.append(good.high, 0.2))
    one, other = posterior(good, 0.9, PRIOR), posterior(spoilt, 0.9, PRIOR)
    assert np.exp(one.t @ one.weight.sum((1, 2))) == pytest.approx(
        np.exp(other.t @ other.weight.sum((1, 2))), rel=0.05
    )


def test_an_uncertain_level_widens():
    found = posterior(runs(), 0.9, PRIOR)
    spreads = []
    for error in (0.001, 0.01):
        x, below = found.distribution(np.full(len(found.noise), error), 4)
        low, high = np.interp([0.025, 0.975], below, x)
        spreads.append(high - low)
    assert spreads[1] > 2 * spreads[0]


def test_the_noise_of_few_direct_runs():
    noise = np.array([0.004])
    alone, dof = level_error(np.array([1.0]), noise, 0.9)
    assert alone == pytest.approx(0.9 * 0.004)
    several, more = level_error(np.array([0.999, 1.0, 1.001]), noise, 0.9)
    assert several < alone
    assert more > dof
    noisy, own = level_error(np.array([0.9, 1.0, 1.1]), noise, 0.9)
    assert noisy == pytest.approx(0.9 * 0.1 / np.sqrt(3))
    assert own == 2


def test_the_rule_reads_a_plain_grid():
    import pandas as pd

    rows = [{"d": int(d), "performance": y, "direct": False} for d, y in zip(D, runs().low, strict=True)]
    rows += [{"d": 0, "performance": p, "direct": True} for p in (0.999, 1.0, 1.001)]
    found = estimate(pd.DataFrame(rows), Options(rule="curve"))
    assert found.low <= 500 <= found.high
