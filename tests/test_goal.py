"""When a run may end early, on learning curves that were measured on digits and MNIST."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from idim_cli.goal import Goal, forecast, jitter

CURVES = Path(__file__).parents[1] / "docs" / "measured" / "learning-curves.csv"
# Below this performance no level of d_int90 was near.
LEAST = {"quickstart": 0.8, "mnist-fc": 0.6, "mnist-lenet": 0.6}


def measured(problem: str) -> list[list[float]]:
    with CURVES.open() as file:
        curves = [
            [float(x) for x in row["curve"].split()]
            for row in csv.DictReader(file)
            if row["problem"] == problem
        ]
    return [curve for curve in curves if curve[-1] >= LEAST[problem]]


def ending(curve: list[float], level: float) -> tuple[str | None, int]:
    """What the goal says of a run, and after how many of its evaluations."""
    for now in range(1, len(curve)):
        verdict = Goal(level).verdict(curve[:now], len(curve))
        if verdict:
            return verdict, now
    return None, len(curve)


@pytest.mark.parametrize("problem", LEAST)
def test_a_run_that_would_solve_the_problem_is_hardly_ever_given_up(problem):
    """Docs say: no more than 0.5 % of the runs whose best evaluation lies up to 3 % above the level."""
    tried = [
        ending(curve, max(curve) * (1 - 0.005 * k))[0]
        for curve in measured(problem)
        for k in range(7)
        if max(curve) * (1 - 0.005 * k) > curve[0]
    ]
    assert len(tried) > 100
    assert tried.count("unsolved") / len(tried) <= 0.005


@pytest.mark.parametrize(("miss", "most"), [(0.03, 0.65), (0.1, 0.55)])
@pytest.mark.parametrize("problem", LEAST)
def test_a_run_that_misses_by_far_costs_a_part_of_its_budget(problem, miss, most):
    shares = [ending(c, max(c) * (1 + miss))[1] / len(c) for c in measured(problem)]
    assert sum(shares) / len(shares) < most


def test_a_run_is_solved_at_the_first_evaluation_that_reaches_the_level():
    assert Goal(0.9).verdict([0.9], 30) == "solved"
    assert Goal(0.9).verdict([0.1, 0.95, 0.2], 30) == "solved"


def test_nothing_is_given_up_before_there_is_a_learning_curve():
    assert forecast([0.1, 0.2], 100) == math.inf
    assert Goal(0.9).verdict([0.1, 0.1], 3) is None
    assert Goal(0.9).verdict([0.1] * 19, 100) is None
    assert Goal(0.9).verdict([0.1] * 20, 100) == "unsolved"


def test_the_forecast_grants_each_doubling_the_last_gain():
    assert forecast([0.1, 0.2, 0.25, 0.3], 8) == pytest.approx(0.4)
    assert forecast([0.1, 0.2, 0.25, 0.3], 16) == pytest.approx(0.5)
    assert forecast([0.1, 0.3, 0.3, 0.3], 8) == pytest.approx(0.4)  # half of the doubling before


def test_jitter_is_what_a_smooth_curve_has_not():
    smooth = [1 - 0.3 / (k + 1) for k in range(30)]
    assert jitter(smooth) < 0.001
    noise = np.random.default_rng(0).standard_normal(30)
    assert jitter([y + 0.02 * e for y, e in zip(smooth, noise, strict=True)]) == pytest.approx(0.02, rel=0.35)
    assert jitter(smooth[:3]) is None


def test_what_stopped_a_run_holds_for_goals_on_its_side():
    solved = {"status": "solved", "performance": 0.9, "peak": 0.91, "stop_level": 0.9}
    assert Goal(0.905).holds(solved)
    assert not Goal(0.92).holds(solved)
    unsolved = {"status": "unsolved", "performance": 0.7, "stop_level": 0.9}
    assert Goal(0.95).holds(unsolved)
    assert not Goal(0.89).holds(unsolved)
