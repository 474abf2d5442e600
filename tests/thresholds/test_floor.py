"""Level = floor + fraction x (baseline - floor): chance, rewards below zero, and what readings say of it."""

import csv
import io
import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import idim_cli
from idim_cli.cli.app import app
from idim_cli.core.errors import IdimError
from idim_cli.recipe.load import load
from idim_cli.reports.plots.figure import build
from idim_cli.reports.terminal.plot import plot
from idim_cli.runs.plan import plan
from idim_cli.thresholds import Options, estimate, facts, readings, sample

GRID = [50, 100, 200, 400, 600, 800, 1200, 1600]


def table(shift=0.0, noise=0.01, **columns):
    """Rewards of a curve that reaches 1 + `shift`; steps of 2^-20, so that shifts lose no bits."""
    rng = np.random.default_rng(0)
    rows = [
        {"d": d, "performance": d / (d + 70) + noise * rng.standard_normal(), "seed_projector": k}
        for d in GRID
        for k in range(3)
    ]
    rows += [{"d": 0, "performance": 1 + noise * rng.standard_normal()} for _ in range(3)]
    frame = pd.DataFrame(rows).assign(**columns)
    frame["performance"] = np.round(frame["performance"] * 2**20) / 2**20 + shift
    return frame


def found(reading):
    return reading.value, reading.low, reading.high, reading.d_int100, reading.verdict, reading.bootstrap_sd


@pytest.mark.parametrize(
    ("rule", "baseline"),
    # Not curve with best: that is refused.
    [pair for pair in product(("first", "interpolate", "isotonic", "curve"), ("model", "best", 1.0))
     if pair != ("curve", "best")],
)  # fmt: skip
@pytest.mark.parametrize("shift", [-128.0, 64.0])
def test_rewards_read_the_same_wherever_their_zero_lies(rule, baseline, shift):
    plain = estimate(table(), rule=rule, baseline=baseline)
    moved = baseline if isinstance(baseline, str) else baseline + shift
    shifted = estimate(table(shift), rule=rule, baseline=moved, floor=shift)
    assert found(shifted) == found(plain)
    assert shifted.level == pytest.approx(plain.level + shift)
    assert (shifted.floor_kind, shifted.floor) == ("fixed", shift)


def test_chance_is_that_of_the_runs():
    reading = estimate(table(chance=0.4), floor="chance", baseline=1.0)
    assert (reading.floor_kind, reading.floor) == ("chance", 0.4)
    assert reading.level == pytest.approx(0.4 + 0.9 * 0.6)
    assert reading.value > estimate(table(chance=0.4), baseline=1.0).value


def test_an_unknown_chance_is_an_error_that_asks_for_a_number():
    for columns in ({}, {"chance": None}):
        with pytest.raises(IdimError) as error:
            estimate(table(**columns), floor="chance")
        assert "--floor 0.1" in error.value.hint


def test_min_is_the_lowest_mean_of_the_sweep_and_as_uncertain_as_that():
    runs = table(-50.0)
    lowest = runs[runs["d"] == 50]["performance"].mean()
    reading = estimate(runs, floor="min")
    assert (reading.floor_kind, reading.floor) == ("min", pytest.approx(lowest))
    fixed = estimate(runs, floor=lowest)
    assert (reading.value, reading.level) == (fixed.value, fixed.level)
    noisy = table(-50.0)
    noisy.loc[noisy["d"] == 50, "performance"] += [-0.3, 0.3, 0.0]
    floor = noisy[noisy["d"] == 50]["performance"].mean()
    few = {"fraction": 0.2, "confidence": 0.8}
    one, other = (estimate(noisy.assign(seed_projector=None), floor=f, **few) for f in ("min", floor))
    assert (one.low, one.high) != (other.low, other.high)


def test_what_min_cannot_be_read_from():
    with pytest.raises(IdimError, match="floor 'min'"):
        estimate(table(), floor="min", rule="curve")


@pytest.mark.parametrize(
    "wrong", [{"floor": "mn"}, {"floor": float("nan")}, {"floor": True}, {"baseline": -3.0, "floor": -2.0}]
)
def test_wrong_options(wrong):
    with pytest.raises(IdimError):
        Options(**wrong)


def test_a_baseline_below_the_floor_is_an_error():
    with pytest.raises(IdimError, match="not above the floor 5"):
        estimate(table(), floor=5.0)


def test_without_a_floor_nothing_is_said_of_one():
    reading = estimate(table())
    assert (reading.floor_kind, reading.floor) == ("fixed", 0.0)
    assert "floor" not in facts(reading)
    assert facts(reading)["level"].startswith("0.9 x ")


def test_the_facts_state_the_floor():
    told = facts(estimate(table(-100.0), floor=-100.0, baseline=-99.0))
    assert told["floor"] == "fixed: -100.0"
    assert told["level"] == "-100.0 + 0.9 x (-99.0 + 100.0) = -99.1"


@pytest.mark.parametrize(
    ("columns", "options", "named"),
    [
        ({"chance": 0.99}, {}, ["constant answer"]),  # within the noise of three direct runs
        ({"chance": 0.99}, {"baseline": "best"}, ["constant answer"]),
        ({"chance": 0.5}, {"floor": "chance"}, []),
        ({}, {"floor": 0.99}, ["not clearly above the floor"]),
        ({"performance_start": 0.93}, {}, ["before any training"]),
        ({"performance_start": 0.93}, {"floor": 0.8}, []),  # whose level is .98
        ({"performance_start": 0.93}, {"floor": -1.0}, ["before any training"]),  # whose level is .8
    ],
)
def test_a_baseline_that_is_not_clearly_above_chance(columns, options, named):
    cautions = estimate(table(noise=0.02, **columns), **options).cautions
    assert [name in one for one, name in zip(cautions, named, strict=True)] == [True] * len(named)


def test_every_kind_of_reading_takes_the_floor():
    named = dict(readings(sample(table(-100.0)), Options(floor=-100.0)))
    own = named["isotonic, .90 x own baseline"]
    assert own.value == estimate(table()).value
    assert isinstance(dict(readings(sample(table(-100.0))))["isotonic, .90 x own baseline"], IdimError)


@pytest.fixture
def rewards(tmp_path):
    table(-100.0, chance=-100.0).to_csv(tmp_path / "rewards.csv", index=False)
    return str(tmp_path / "rewards.csv")


def run(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_line_takes_and_states_it(rewards, tmp_path):
    text = run("threshold", rewards, "--floor", "-100")
    assert "fixed: -100.0" in text
    (one,) = json.loads(run("threshold", rewards, "--floor", "chance", "--json"))["estimates"]
    assert (one["floor_kind"], one["floor"]) == ("chance", -100.0)
    assert one["value"] == estimate(table()).value
    fixed = run("threshold", rewards, "--floor", "-100", "--baseline", "-99", "--json")
    assert json.loads(fixed)["estimates"][0]["level"] == pytest.approx(-99.1)
    every = run("threshold", rewards, "--floor", "-100", "--all", "--json")
    assert {one["floor"] for one in json.loads(every)["groups"][0]["readings"] if "floor" in one} == {-100.0}


def test_reports_state_it(rewards, tmp_path):
    rows = csv.DictReader(
        io.StringIO(run("report", rewards, "--floor", "min", "--format", "csv", "--out", tmp_path / "r"))
    )
    assert {row["floor_kind"] for row in rows} == {"min"}
    for kind, words in (("markdown", "- floor: chance: -100.0"), ("latex", r"floor: chance: $-100.0$")):
        assert words in run("report", rewards, "--floor", "chance", "--format", kind, "--out", tmp_path / "r")
    run("report", rewards, "--floor", "chance", "--out", tmp_path / "r")
    page = (tmp_path / "r" / "rewards-report.html").read_text()
    assert "chance: -100.0" in page
    assert "--floor" in page  # the command that reproduces it


def test_plots_draw_it():
    runs, floor = table(-100.0), {"floor": -100.0}
    for options, drawn in ((floor, True), ({"baseline": "best", "floor": "min"}, True), ({}, False)):
        shown = plot(
            sample(runs if options else table()).points, estimate(runs if options else table(), **options)
        )
        assert ("floor -" in shown) is drawn
    lines = build(sample(runs).points, estimate(runs, **floor)).axes[0].get_lines()
    assert -100.0 in [line.get_ydata()[0] for line in lines]


def test_recipes_name_it_and_their_runs_stay_the_same():
    plain = load("quickstart").recipe
    for floor in ("chance", "min", 0.1, -3):
        recipe = load("quickstart", [f"threshold.floor={floor}"]).recipe
        assert recipe.reading()["floor"] == floor
        assert [one.run_id for one in plan(recipe)] == [one.run_id for one in plan(plain)]
    for wrong in ("threshold.floor=chnce", "threshold.baseline=-1"):
        with pytest.raises(IdimError) as error:
            load("quickstart", [wrong])
        assert error.value.exit_code == 2


def reward(d, seed):
    rng = np.random.default_rng([d, seed])
    return -100 + 80 * (1 - 0.1 ** (d / 220)) + 0.4 * rng.standard_normal()


def test_a_search_of_rewards_below_zero():
    found = idim_cli.measure(reward, 10_000, -20.0, floor=-100.0, precision=0.15, say=None)
    low, high = found.interval
    assert low <= 220 <= high
    assert found.reading.level == pytest.approx(-28.0)
    with pytest.raises(IdimError):
        idim_cli.measure(reward, 10_000, -20.0, say=None)
