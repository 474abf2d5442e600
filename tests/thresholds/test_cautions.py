"""A level that is reached without learning: the reading says so."""

import pandas as pd
import pytest

from idim_cli.thresholds import describe, estimate
from idim_cli.thresholds.selection import Selection

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
        ({"chance": 0.99}, "the baseline 0.99 is not clearly above a constant answer"),
        ({"performance_start": 0.9}, "reach the level 0.891 before any training: theta_0 has 0.9"),
        ({"chance": 0.6, "performance_start": 0.3}, ""),
        ({"chance": None, "performance_start": None}, ""),
        ({"chance": "high", "performance_start": "low"}, ""),  # columns of others
        ({}, ""),
    ],
)  # fmt: skip
def test_the_level_and_what_needs_no_learning(columns, caution):
    reading = estimate(table(**columns))
    assert [caution in one for one in reading.cautions] == [True] * bool(caution)
    assert ("caution" in describe(reading)) == bool(caution)
    assert reading.as_dict()["cautions"] == list(reading.cautions)


def test_a_learner_that_learns_nothing():
    idle = table(dict.fromkeys(SWEPT, (0.11, 0.09)), direct=(0.1, 0.1))
    reading = estimate(idle.assign(performance_start=idle["performance"]))
    assert reading.verdict == "reached at the smallest d"
    (caution,) = reading.cautions
    assert "nothing was learnt" in caution
    assert not reading.next  # a smaller d would reach that level too


def test_runs_that_start_elsewhere_may_start_well():
    assert estimate(table(performance_start=0.97, run_id="x", **{"start.run": "runs/a"})).cautions == ()


def test_one_performance_in_all_runs():
    (caution,) = estimate(table(dict.fromkeys(SWEPT, (0.92, 0.92)))).cautions
    assert "the performance is 0.92 in every run: " in caution
    assert not estimate(table(dict.fromkeys((10, 20), (0.92, 0.92)))).cautions


FOREIGN = [(d, seed, p) for d, runs in SWEPT.items() for seed, p in enumerate(runs)]


def foreign(*more, **columns):
    rows = [*FOREIGN, (0, 0, 0.99), (0, 1, 0.99), *more]
    return pd.DataFrame(rows, columns=["d", "seed", "performance"]).assign(**columns)


def test_copies_of_rows_are_left_out_and_counted():
    once, twice = estimate(foreign()), estimate(foreign(*FOREIGN, *FOREIGN))
    assert not once.cautions
    (caution,) = twice.cautions
    assert caution.startswith("12 rows are copies of other rows, and left out")
    assert (twice.value, twice.low, twice.high, twice.runs) == (once.value, once.low, once.high, once.runs)
    # Nothing says that these are not two runs of the same performance.
    unnamed = foreign(*FOREIGN).drop(columns="seed")
    assert estimate(unnamed).runs == 12
    assert not estimate(unnamed).cautions


def test_an_export_that_was_put_together_twice():
    rows = foreign().assign(Name=[f"swift-{k}" for k in range(8)]).drop(columns="seed")
    assert estimate(pd.concat([rows, rows], ignore_index=True)).runs == 6


def test_runs_of_one_d_and_seed_with_two_performances():
    reading = estimate(foreign((10, 0, 0.5), (40, 1, 0.6)))
    assert reading.runs == 8
    (caution,) = reading.cautions
    assert caution.startswith("2 runs have the d and the seed of another run, and another performance")
    assert not estimate(foreign((10, 0, 0.5), (40, 1, 0.6), seed=3)).cautions  # it says nothing


@pytest.mark.parametrize(
    ("more", "caution"),
    [
        ([(40, 2, 94.5)], "percentages and shares may be mixed in one column (94.5 and 0.95)"),
        (
            [(640, 0, 0.3), (160, 2, 91.2)],
            "percentages and shares may be mixed in one column (91.2 and 0.99)",
        ),
        ([(0, 2, 1.2)], ""),
    ],
)
def test_percentages_among_shares(more, caution):
    found = [one for one in estimate(foreign(*more)).cautions if "percentages" in one]
    assert [one.startswith(caution) for one in found] == [True] * bool(caution)


def test_a_baseline_in_percent_above_shares():
    table = foreign()
    table.loc[table["d"] == 0, "performance"] = 97.0
    assert "(97 and 0.99)" in estimate(table).cautions[0]


def test_a_level_above_every_accuracy():
    table = foreign().assign(metric="accuracy")
    assert not estimate(table).cautions
    for options in ({"fraction": 1.5}, {"baseline": 2.0}):
        (caution,) = estimate(table, **options).cautions
        assert caution.startswith("no accuracy reaches a level of 1.")


def test_rewards_may_grow_from_little_to_much():
    rewards = foreign().assign(performance=[0.5, 0.7, 12, 15, 60, 64, 70, 71])
    assert not estimate(rewards).cautions


def test_an_accuracy_above_1(tmp_path):
    table = foreign().rename(columns={"performance": "val_acc"})
    table["val_acc"] *= 100
    read, notes = Selection().of(table)
    assert not estimate(read).cautions  # the baseline is a percentage as the runs are
    assert estimate(read).value == estimate(foreign()).value
    (caution,) = estimate(read, baseline=1.0).cautions
    assert caution.startswith("accuracies up to 99 are compared with a level of 0.9")
    chosen, _ = Selection({"performance": "val_acc"}).of(table)
    assert estimate(chosen, baseline=1.0).cautions == (caution,)
    assert any("--column seed_projector=seed reads it so" in note for note in notes)
    assert "seed_projector=seed" not in str(Selection({"seed_projector": "seed"}).of(table)[1])


@pytest.mark.parametrize(
    ("direct", "cautioned"),
    [((0.5, 0.51), True), ((0.97, 0.97), False), ((0.5, 1.3), False)],  # far below; within 5 %; too noisy
)
def test_runs_that_are_clearly_better_than_the_direct_ones(direct, cautioned):
    """Direct training that did not converge makes every level low."""
    caution = "the runs at d = 160 reach 0.985, clearly more than the baseline"
    assert any(caution in one for one in estimate(table(direct=direct)).cautions) == cautioned
