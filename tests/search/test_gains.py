"""What runs of a search teach of its learning curves, and how often that is wrong on real ones."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from idim_cli.search.remaining_gain import FEWEST, goal

CURVES = Path(__file__).parents[2] / "docs" / "measured" / "learning-curves.csv"


def result(curve, status="ok"):
    return {"status": status, "curve": curve, "performance": curve[-1]}


def results(n, spread=0.01):
    rng = np.random.default_rng(0)
    return [result([0.7, 0.8 + spread * e, 0.9]) for e in rng.standard_normal(n)]


def test_nothing_is_stopped_before_there_is_evidence():
    assert goal(0.9, results(FEWEST - 1)) is None
    assert goal(0.9, results(FEWEST)) is not None


def test_only_runs_to_their_end_and_near_the_level_teach():
    few = results(FEWEST - 1)
    assert goal(0.9, [*few, result([0.7, 0.8, 0.9], "failed")]) is None
    assert goal(0.9, [*few, result([0.2, 0.3, 0.4])]) is None
    assert goal(0.9, [*few, {"status": "ok", "performance": 0.9}]) is None  # of an older version
    assert goal(0.9, [*few, result([0.7, 0.8, 0.85])]) is not None


def test_gains_are_bounded_by_all_that_were_seen_and_more():
    seen = results(40)
    found = goal(0.9, seen)
    for at, (low, high) in enumerate(found.gains):
        gains = [one["performance"] - max(one["curve"][: at + 1]) for one in seen]
        assert low <= min(gains) + 1e-6
        assert high >= max(gains) - 1e-6  # six digits are kept
    assert found.gains[-1] == (0.0, 0.0)
    assert found.gains[1][1] > 0.1 + 2 * 0.01  # twice the noise and more


def test_fewer_runs_leave_wider_bounds():
    noise = np.random.default_rng(1).choice([-0.01, 0.01], 200)
    few, many = (
        goal(0.9, [result([0.7, 0.8 + e, 0.9]) for e in noise[:n]]).gains[1] for n in (FEWEST, len(noise))
    )
    assert few[1] - few[0] > 1.3 * (many[1] - many[0])


def test_the_reported_performance_is_the_end_also_where_it_is_the_best_one():
    best = [{"status": "ok", "curve": [0.7, 0.95, 0.85], "performance": 0.95}] * FEWEST
    assert goal(0.9, best).gains == ((0.25, 0.25), (0.0, 0.0), (0.0, 0.0))


def measured():
    """Level and learning curves [n, evaluations] of each problem in docs/measured."""
    problems = defaultdict(list)
    with CURVES.open() as file:
        for row in csv.DictReader(file):
            problems[row["problem"]].append((float(row["level"]), [float(x) for x in row["curve"].split()]))
    return {name: (rows[0][0], np.array([curve for _, curve in rows])) for name, rows in problems.items()}


def false_stops(level, curves, repeats=400):
    """For each run that ends at the level or above: how often it would have been stopped as unsolved before.

    In each repeat, as few runs as may teach do so, drawn from all that ended near the level.
    """
    rng, solves = np.random.default_rng(0), curves[:, -1] >= level
    wrong, tried = np.zeros(len(curves)), np.zeros(len(curves))
    near = np.flatnonzero(np.abs(curves[:, -1] - level) <= 0.1 * level)
    best = np.maximum.accumulate(curves, axis=1)
    reached = np.cumsum(best[:, :-1] >= level, axis=1) > 0
    for _ in range(repeats):
        taught = rng.choice(near, FEWEST, replace=False)
        aim = goal(level, [result(curve.tolist()) for curve in curves[taught]])
        stopped = ((best + np.array(aim.gains)[:, 1] < level)[:, :-1] & ~reached).any(axis=1)
        asked = solves & ~np.isin(np.arange(len(curves)), taught)
        wrong, tried = wrong + (stopped & asked), tried + asked
    return wrong[solves] / tried[solves]


@pytest.mark.parametrize("problem", measured())
def test_a_run_that_would_solve_the_problem_is_hardly_ever_given_up(problem):
    """Docs say: less than 1 % on each problem, also the upper end of its interval (bootstrap over runs)."""
    rates, rng = false_stops(*measured()[problem]), np.random.default_rng(1)
    drawn = rates[rng.integers(len(rates), size=(10_000, len(rates)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    print(f"{problem}: {100 * rates.mean():.2f} % ({100 * low:.2f} .. {100 * high:.2f})")
    assert high <= 0.01
