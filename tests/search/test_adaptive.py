"""The adaptive search: what it asks for, when it ends, and that it asks the same again."""

import numpy as np
import pandas as pd
import pytest
from synthetic import Problem, carried_out

from idim_cli import thresholds
from idim_cli.core.errors import ComponentError, RecipeError
from idim_cli.recipe.load import load
from idim_cli.runs.results import row
from idim_cli.search.base import build
from idim_cli.search.placement import initial_d

SMOOTH = Problem(truth=500, shape="power", D=200_000, noise=0.004, direct_noise=0.001, jitter=0.001)


def reading(told) -> thresholds.Reading:
    return thresholds.estimate(pd.DataFrame([row(result) for result in told.values()]), rule="curve")


def test_it_finds_the_threshold_as_narrow_as_asked():
    told, log = carried_out(SMOOTH, 1)
    found = reading(told)
    assert found.low <= 500 <= found.high
    assert found.low >= 0.9 * found.value
    assert found.high <= 1.1 * found.value
    assert "requested precision reached (±10 %)" in log[-1]
    assert sum(result["epoch"] for result in told.values()) < 190


def test_a_wider_interval_costs_less():
    narrow, wide = (carried_out(SMOOTH, 2, f"sweep.search.precision={p}")[0] for p in (0.05, 0.2))
    assert len(wide) < len(narrow)


def test_the_same_search_asks_for_the_same_runs_and_says_why():
    first, second = carried_out(SMOOTH, 3), carried_out(SMOOTH, 3)
    assert list(first[0]) == list(second[0])
    assert first[1] == second[1]
    assert len(first[1]) == len(
        [line for line in first[1] if "d_int90" in line or "baseline" in line or "bracket" in line]
    )


def test_a_search_is_precise_at_the_level_above_its_floor():
    told, log = carried_out(SMOOTH, 1, "threshold.floor=0.5")
    found = thresholds.estimate(
        pd.DataFrame([row(result) for result in told.values()]), rule="curve", floor=0.5
    )
    assert found.level == pytest.approx(0.5 + 0.9 * (found.baseline - 0.5))
    assert found.low >= 0.9 * found.value
    assert found.high <= 1.1 * found.value
    assert found.value > 500
    assert f"d_int90 {found.value:,}" in log[-1]


def test_a_search_without_a_recorded_chance_ends_after_its_direct_runs():
    told, log = carried_out(SMOOTH, 1, "threshold.floor=chance")
    assert all(result["direct"] for result in told.values())
    assert "threshold.floor" in log[-1]


def test_other_seeds_are_other_runs():
    first, second = carried_out(SMOOTH, 3), carried_out(SMOOTH, 3, "sweep.search.seed=100")
    assert not set(first[0]) & set(second[0])


def test_every_run_has_seeds_of_its_own():
    told, _ = carried_out(SMOOTH, 4)
    swept = [result["seed_projector"] for result in told.values() if not result["direct"]]
    assert len(set(swept)) == len(swept)


@pytest.mark.parametrize("most", [1, 3, 5, 9, 12, 20])
def test_the_limit_of_runs_holds(most):
    told, log = carried_out(SMOOTH, 5, f"sweep.search.max_runs={most}", "sweep.search.precision=0.01")
    assert len(told) == most
    assert "search ended (limit of runs or epochs reached)" in log[-1]


@pytest.mark.parametrize("most", [10, 40, 60, 200])
def test_the_limit_of_epochs_holds(most):
    told, _ = carried_out(
        SMOOTH, 5, f"sweep.search.max_epochs={most}", "sweep.search.precision=0.01", "training.epochs=10"
    )
    assert sum(result["epoch"] for result in told.values()) <= most


def test_no_time_left_ends_it():
    _, log = carried_out(SMOOTH, 5, "sweep.search.max_time=1e-9")
    assert log == ["search ended (time limit reached): d_int90 is unknown"]


def test_when_time_ends_it_the_last_batch_is_told_too(monkeypatch):
    clock = iter([0.0, *[1.0] * 4, *[11.0] * 9])
    monkeypatch.setattr("idim_cli.search.adaptive.time.monotonic", lambda: next(clock))
    noisy = Problem(truth=500, shape="power", D=200_000, noise=0.02, direct_noise=0.005, jitter=0.001)
    told, log = carried_out(noisy, 5, "sweep.search.max_time=10", "sweep.search.precision=0.01")
    found = reading(told)
    assert (
        log[-1] == f"search ended (time limit reached): d_int90 {found.value} ({found.low} .. {found.high})"
    )


def test_without_early_stop_all_runs_have_their_final_performance():
    told, _ = carried_out(SMOOTH, 6, "sweep.search.early_stop=false")
    assert {result["status"] for result in told.values()} == {"ok"}
    assert thresholds.estimate(pd.DataFrame([row(r) for r in told.values()]), rule="isotonic").value


NOISY = Problem(truth=500, shape="power", D=200_000, noise=0.02, direct_noise=0.005, jitter=0.001)


def test_nothing_is_stopped_before_runs_to_their_end_have_taught():
    told = [one for one in carried_out(NOISY, 6)[0].values() if not one["direct"]]
    first = next(i for i, one in enumerate(told) if one["status"] != "ok")
    assert first >= 8
    assert {one["status"] for one in told[first:]} == {"ok", "solved", "unsolved"}


def test_bounds_of_stopped_runs_hold():
    whole, _ = carried_out(NOISY, 6, "sweep.search.early_stop=false")
    assert {result["status"] for result in whole.values()} == {"ok"}
    for result in carried_out(NOISY, 6)[0].values():
        if result["status"] != "ok":
            assert result["final_low"] < result["final_high"]
            assert (result["final_low"] >= result["stop_level"]) == (result["status"] == "solved")


def test_other_rules_refuse_runs_that_were_stopped():
    told, _ = carried_out(NOISY, 6)
    with pytest.raises(Exception, match="stopped early") as caught:
        thresholds.estimate(pd.DataFrame([row(r) for r in told.values()]), rule="isotonic")
    assert "curve" in caught.value.hint


class Bounded(Problem):
    """Never reaches the level, or always does."""

    height = 0.5

    def mean(self, d: float) -> float:
        return self.height


def test_not_reached_at_D():
    told, log = carried_out(Bounded(1, "power", 3000, 0.004, 0.001), 1)
    found = reading(told)
    assert found.value is None
    assert found.d_max == 3000
    assert "> 3,000" in log[-1]
    assert len(told) < 40


def test_reached_at_one():
    easy = Bounded(1, "power", 3000, 0.004, 0.001)
    easy.height = 0.97
    told, log = carried_out(easy, 1)
    assert reading(told).verdict == "reached at the smallest d"
    assert reading(told).d_min == 1
    assert "<= 1" in log[-1]


class Step(Problem):
    """The toy problem: nothing until d = 10."""

    def mean(self, d: float) -> float:
        return 0.9998 if d >= 10 else 0.16 * d / 9


def test_a_jump_between_two_whole_d():
    found = reading(carried_out(Step(10, "power", 1000, 1e-4, 1e-4), 1)[0])
    assert found.value == 10
    assert 9 <= found.low <= found.high <= 11


NEED = {0.005: 2.0, 0.02: 1.0, 0.08: 1.6}


class Rated(Problem):
    """A learning rate of 0.02 needs fewer dimensions than others."""

    def result(self, run, rng: np.random.Generator) -> dict:
        need = 1.0 if run.direct else NEED[run.recipe.training.optimizer.params["lr"]]
        return Problem(500 * need, "power", self.D, self.noise, self.direct_noise).result(run, rng)


def test_rates_with_baselines_of_their_own_are_not_compared():
    settings = ["sweep.search.lr=[0.005, 0.02]", "sweep.baseline={seeds: 2}"]
    with pytest.raises(ComponentError, match="baseline of its own"):
        carried_out(SMOOTH, 1, *settings)


def test_what_ended_says_so_once():
    _, log = carried_out(SMOOTH, 1, "sweep.over={projector: [tied, sparse]}")
    assert len([line for line in log if "ended" in line]) == 2


def test_learning_rates_race():
    _, log = carried_out(Rated(500, "power", 200_000, 0.004, 0.001), 1, "sweep.search.lr=[0.005, 0.02, 0.08]")
    assert "best learning rate: training.optimizer.lr 0.02" in log[-1]
    dropped = [line.partition(":")[0] for line in log if "dropped" in line]
    assert dropped
    assert "training.optimizer.lr 0.02" not in dropped


def test_a_rate_cannot_be_swept_and_chosen():
    with pytest.raises(ComponentError, match="chooses"):
        carried_out(SMOOTH, 1, "sweep.search.lr=[0.1, 0.2]", "sweep.over={training.optimizer.lr: [0.1]}")


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (["threshold.baseline=best"], "best of the sweep"),
        (["threshold.floor=min"], "threshold.floor=chance"),
        (["sweep.baseline=null"], "no direct runs"),
        (["threshold.rule=isotonic"], "isotonic"),
    ],
)
def test_what_cannot_be_read_at_the_end_is_refused_at_the_start(settings, fault):
    recipe = load("quickstart", ["sweep.search=adaptive", *settings]).recipe
    with pytest.raises(ComponentError, match=fault):
        build(recipe, lambda group: 100)


def test_a_fixed_level_needs_no_direct_runs():
    told, _ = carried_out(SMOOTH, 1, "threshold.baseline=1.0", baseline="sweep.baseline=null")
    assert not any(result["direct"] for result in told.values())


def test_each_group_has_a_search_of_its_own():
    _, log = carried_out(SMOOTH, 1, "sweep.over={projector: [tied, sparse]}")
    assert {line.partition(":")[0] for line in log} >= {"projector tied", "projector sparse"}


@pytest.mark.parametrize("fault", ["precision=0", "precision=1.5", "batch=0", "max_runs=x", "precise=0.1"])
def test_faults_have_their_place(fault):
    with pytest.raises(RecipeError, match=r"sweep\.search"):
        load("quickstart", ["sweep.search=adaptive", f"sweep.search.{fault}"])


def test_the_bracket_lies_in_1_to_D():
    for D in (1, 2, 5, 100, 10**9):
        assert all(1 <= d <= D for d in initial_d(D, 4))


def test_a_grid_asks_once():
    search = build(load("quickstart").recipe, lambda group: 1)
    assert len(search.ask({}).runs) == 54
    assert search.ask({}) is None


def test_a_problem_with_one_parameter_has_a_threshold():
    _, log = carried_out(Bounded(1, "power", 1, 0.004, 0.001), 1)
    assert "level not reached even at d = D = 1" in log[-1]
    easy = Bounded(1, "power", 1, 0.004, 0.001)
    easy.height = 0.97
    assert reading(carried_out(easy, 1)[0]).verdict == "reached at the smallest d"
