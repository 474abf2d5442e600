"""A level that is reached without learning: the reading says so."""

import pandas as pd
import pytest

from idim_cli.thresholds import describe, estimate

SWEPT = {10: (0.93, 0.92), 40: (0.95, 0.94), 160: (0.99, 0.98)}


def table(swept=SWEPT, direct=(0.99, 0.99), **columns):
    rows = [{"d": d, "performance": p} for d, runs in swept.items() for p in runs]
    rows += [{"d": 1000, "performance": p, "direct": True} for p in direct]
    return pd.DataFrame(rows).assign(metric="accuracy", score_on="validation", **columns)


@pytest.mark.parametrize(
    ("columns", "caution"),
    [
        ({"chance": 0.92}, "reaches the level 0.891: the share of the most frequent class is 0.92"),
        ({"chance": 0.891}, "a constant answer reaches the level 0.891"),
        ({"chance": 0.99}, "the baseline 0.99 is not above a constant answer: the share of"),
        ({"performance_start": 0.9}, "reach the level 0.891 before any training: theta_0 has 0.9"),
        ({"chance": 0.6, "performance_start": 0.3}, ""),
        ({"chance": None, "performance_start": None}, ""),
        ({"chance": "high", "performance_start": "low"}, ""),  # columns of others
        ({}, ""),
    ],
)  # fmt: skip
def test_the_level_and_what_needs_no_learning(columns, caution):
    reading = estimate(table(**columns))
    assert [caution in told for told in reading.cautions] == [True] * bool(caution)
    assert ("caution" in describe(reading)) == bool(caution)
    assert reading.as_dict()["cautions"] == list(reading.cautions)


def test_a_learner_that_learns_nothing():
    idle = table(dict.fromkeys(SWEPT, (0.11, 0.09)), direct=(0.1, 0.1))
    reading = estimate(idle.assign(performance_start=idle["performance"]))
    assert reading.verdict == "reached at the smallest d"
    (told,) = reading.cautions
    assert "nothing was learnt" in told
    assert not reading.next  # a smaller d would reach that level too


def test_runs_that_start_elsewhere_may_start_well():
    assert estimate(table(performance_start=0.97, run_id="x", **{"start.run": "runs/a"})).cautions == ()


def test_one_performance_in_all_runs():
    (told,) = estimate(table(dict.fromkeys(SWEPT, (0.92, 0.92)))).cautions
    assert "the performance is 0.92 in every run: " in told
    assert not estimate(table(dict.fromkeys((10, 20), (0.92, 0.92)))).cautions
