"""Readings of small tables: toy, verdicts, advice, d_int100, what can be missing."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from idim_cli.core.errors import IdimError
from idim_cli.thresholds import Options, TableOrigin, describe, estimate, facts, number, readings, sample
from idim_cli.thresholds.next_step import decide
from idim_cli.thresholds.text import sentence, so_far
from idim_cli.thresholds.text import table as side_by_side


def table(performance, direct=(), seeds=True, **columns) -> pd.DataFrame:
    """`performance` maps d to its runs."""
    rows = [
        {"run_id": f"{d}-{i}", "d": d, "performance": p, "direct": False, "seed_projector": i}
        for d, runs in performance.items()
        for i, p in enumerate(runs)
    ]
    rows += [{"d": 1000, "performance": p, "direct": True, "seed_projector": None} for p in direct]
    frame = pd.DataFrame(rows).assign(**columns)
    return frame if seeds else frame.drop(columns="seed_projector")


def curve(d, scale=1.0):
    return scale * d / (d + 70)


def noisy(grid, runs=3, noise=0.003, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return {d: curve(d, scale) + noise * rng.standard_normal(runs) for d in grid}


GRID = [100, 200, 400, 500, 600, 700, 800, 1000, 1500]
TOY = {
    d: [0.0, 0.1 * (d == 9), 0.165 * (d == 9)] if d < 10 else [0.9997, 0.9998, 0.9999] for d in range(1, 16)
}


@pytest.mark.parametrize("rule", ["first", "interpolate", "isotonic"])
def test_toy(rule: str) -> None:
    reading = estimate(table(TOY, [0.99999] * 3), rule=rule)
    assert (reading.value, reading.low, reading.high) == (10, 10, 10)
    assert reading.d_int100 == 10
    assert reading.next == ""


def test_toy_with_runs_that_are_all_equal() -> None:
    runs = {d: [0.2] * 3 if d < 10 else [1.0] * 3 for d in range(6, 14)}
    reading = estimate(table(runs, [1.0]))
    assert (reading.value, reading.d_int100) == (10, 10)


def test_reached() -> None:
    reading = estimate(table(noisy(GRID), [1.0, 1.002, 0.998]))
    assert reading.verdict == "reached"
    assert reading.low < 630 < reading.high
    assert (reading.d_min, reading.d_max, reading.runs, reading.baseline_runs) == (100, 1500, 27, 3)
    assert reading.level == pytest.approx(0.9 * reading.baseline)


def test_not_reached_names_larger_d() -> None:
    reading = estimate(table(noisy([100, 200, 300]), [1.0, 1.0, 1.0], D=700))
    assert (reading.value, reading.verdict, reading.value_text) == (None, "not reached", "> 300")
    assert reading.high_is_open
    assert reading.high is None
    assert "sweep.d=[100,200,300,450,600]" in reading.next


def test_not_reached_never_suggests_more_than_D() -> None:
    reading = estimate(table(noisy([100, 200, 300]), [1.0, 1.0, 1.0], D=400))
    assert "sweep.d=[100,200,300,400]" in reading.next


def test_reached_at_the_smallest_d_names_smaller_d() -> None:
    reading = estimate(table({40: [0.98, 0.97], 80: [0.99, 0.985]}, [1.0, 1.0]))
    assert (reading.verdict, reading.value_text) == ("reached at the smallest d", "<= 40")
    assert reading.interval_text == "<= 40"
    assert "sweep.d=[5,10,20,40,80]" in reading.next


def test_open_upper_end() -> None:
    reading = estimate(table(noisy([300, 500, 600, 650], noise=0.02), [1.0, 1.01, 0.99]))
    assert reading.high_is_open
    assert reading.interval_text.endswith("> 650")
    assert "sweep.d=" in reading.next


def test_wide_interval_of_noisy_runs_asks_for_seeds() -> None:
    grid = list(range(400, 1001, 25))
    reading = estimate(table(noisy(grid, noise=0.03), [1.0, 1.02, 0.98]), baseline=1.0)
    assert "sweep.seeds=" in reading.next


def test_wide_interval_of_a_coarse_grid_asks_for_d() -> None:
    runs = {100: [0.2, 0.201], 200: [0.3, 0.301], 1600: [0.95, 0.951], 3200: [0.96, 0.961]}
    reading = estimate(table(runs, [1.0, 1.001]))
    assert "sweep.d=[100,200,340,570,950,1600,3200]" in reading.next


def test_single_runs_get_an_interval_from_their_neighbours() -> None:
    reading = estimate(table(noisy(GRID, runs=1), [1.0]))
    assert reading.low < 630 < reading.high
    assert reading.seeds == "one run at each d"
    assert reading.bootstrap_sd is None


def test_too_few_single_runs_get_no_interval() -> None:
    reading = estimate(table({100: [0.5], 200: [0.95]}, [1.0]))
    assert (reading.low, reading.high, reading.interval_text) == (None, None, "none")
    assert reading.interval.startswith("none:")
    assert "sweep.seeds=3" in reading.next
    assert reading.d_int100_test.startswith("not tested")


def test_runs_that_share_the_seed_of_P_do_not_pass_for_independent() -> None:
    rng = np.random.default_rng(1)
    dips = {d: curve(d) + 0.01 * rng.standard_normal() + np.zeros(3) for d in range(400, 1001, 25)}
    shared = estimate(table(dips, [1.0] * 3, seeds=False))
    varied = estimate(table(dips, [1.0] * 3))
    assert shared.seeds == "not recorded"
    assert varied.seeds == "P (3 values)"
    assert shared.high / shared.low > 1.1 > varied.high / varied.low


def test_uncertain_baseline_widens_the_interval() -> None:
    runs = noisy(GRID)
    sure, unsure = table(runs, [1.0] * 5), table(runs, [0.98, 1.0, 1.02])
    narrow, wide = estimate(sure), estimate(unsure)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_baselines() -> None:
    runs = table(noisy(GRID, scale=0.8), [0.9, 0.9])
    assert estimate(runs).baseline == 0.9
    best = estimate(runs, baseline="best")
    assert (best.baseline_kind, best.baseline_sd) == ("best", None)
    assert best.baseline == pytest.approx(curve(1500, 0.8), abs=0.01)
    assert estimate(runs, baseline=0.5).level == pytest.approx(0.45)


def test_d_int100_sees_a_small_shortfall_when_noise_is_small() -> None:
    runs = {d: min(1.0, 0.5 + d / 1000) + 0.001 * np.array([-1, 0, 1.0]) for d in range(100, 801, 100)}
    sharp = estimate(table(runs, [1.001, 1.0, 0.999]))
    assert sharp.d_int100 == 500
    assert sharp.d_int100_sees < 0.003
    blunt = {d: np.mean(p) + 0.2 * np.array([-1, 0, 1.0]) for d, p in runs.items()}
    weak = estimate(table(blunt, [1.2, 1.0, 0.8]))
    assert weak.d_int100 is None
    assert weak.d_int100_sees > 0.1
    told = f"unknown (the test is too weak: it detects a shortfall of {number(weak.d_int100_sees)} or more"
    assert facts(weak)["d_int100"].startswith(told)


def test_d_int100_at_the_end_of_a_grid_is_not_blinded_by_the_cliff_below() -> None:
    reading = estimate(table({8: [0.1, 0.4], 9: [0.7, 0.2], 10: [0.9999, 0.9998]}, [0.9999, 1.0]))
    assert reading.d_int100 == 10
    assert reading.d_int100_sees < 0.01


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("baseline", ["model", "best", 1.0, 1.1])
@pytest.mark.parametrize("seed", range(5))
def test_d_int100_is_never_below_the_reading(fraction, baseline, seed) -> None:
    runs = table(noisy(GRID, runs=1 + seed % 3, noise=0.02, seed=seed), [0.9, 0.93, 0.88])
    reading = estimate(runs, fraction=fraction, baseline=baseline)
    assert reading.d_int100 is None or reading.value <= reading.d_int100
    if reading.value is None and reading.d_int100_sees is None:
        assert "none reaches the level" in facts(reading)["d_int100"]


def test_advice_for_runs_of_others_has_no_overrides() -> None:
    def advice(performance, direct=(1.0,), **options):
        return estimate(table(performance, direct).drop(columns="run_id"), **options).next

    assert advice({100: [0.5], 200: [0.95]}) == "more runs at each d, at least 3"
    assert advice({100: [0.5, 0.51], 200: [0.6, 0.61]}) == "add larger d: 300, 400, 600, 800"
    assert advice({40: [0.98, 0.97], 80: [0.99, 0.985]}) == "add smaller d: 5, 10, 20"
    coarse = {100: [0.2, 0.201], 200: [0.3, 0.301], 1600: [0.95, 0.951], 3200: [0.96, 0.961]}
    assert advice(coarse, [1.0, 1.001]).endswith(": add d around it: 340, 570, 950")
    fine = noisy(list(range(400, 1001, 25)), noise=0.03)
    assert advice(fine, [1.0, 1.02, 0.98], baseline=1.0).endswith(": more runs at each d, at least 6")


@pytest.mark.parametrize("width", [40, 60])
def test_text_wraps_at_words_on_narrow_terminals(width: int) -> None:
    reading = estimate(table(noisy(GRID), [1.0, 1.0, 1.001]))
    text = describe(reading, width)
    assert max(map(len, text.splitlines())) <= width
    assert text.split() == describe(reading).split()


def test_no_direct_runs() -> None:
    with pytest.raises(IdimError, match="no direct runs") as error:
        estimate(table(noisy(GRID)))
    assert "--baseline best" in error.value.hint


@pytest.mark.parametrize(
    "wrong",
    [{"rule": "firsst"}, {"baseline": "bst"}, {"baseline": -1.0}, {"fraction": 0.0}, {"confidence": 95}],
)
def test_wrong_options(wrong) -> None:
    with pytest.raises(IdimError):
        Options(**wrong)


@pytest.mark.parametrize("wrong", [{"fraction": 90}, {"fraction": 90.0}, {"confidence": 90}])
def test_shares_in_percent_are_refused_with_what_was_meant(wrong) -> None:
    with pytest.raises(IdimError) as error:
        Options(**wrong)
    assert error.value.hint == "did you mean 0.9?"


def test_same_numbers_every_time() -> None:
    runs = table(noisy(GRID), [1.0] * 3)
    assert estimate(runs) == estimate(
        runs.sample(frac=1, random_state=1).sort_values(["d", "seed_projector"])
    )
    assert estimate(runs).interval_text != estimate(runs, seed=1).interval_text


def test_as_dict_is_strict_json() -> None:
    for runs in (noisy(GRID), {100: [0.1], 200: [0.2]}):
        reading = estimate(table(runs, [1.0]))
        assert json.loads(json.dumps(reading.as_dict(), allow_nan=False))["d_min"] == 100


def test_text_never_gives_the_value_alone() -> None:
    reading = estimate(table(noisy(GRID), [1.0, 1.0, 1.001], status="ok", D=5000))
    text, more = describe(reading), describe(reading, detailed=True)
    for part in (
        f"{reading.value} of 5,000 numbers (13 %) are enough; 95 % interval {reading.low}-{reading.high} ",
        f" d_int90 {reading.value}, reached level 0.9 x", "model: 1.0003", "3 direct runs", "isotonic",
        "27, 3 at each of 9 d from 100 to 1500", "P (3 values)",
    ):  # fmt: skip
        assert part in " ".join(text.split())
    for part in ("D 5,000", "d_int100", "paper bars"):
        assert part in " ".join(more.split())
        assert part not in " ".join(text.split())
    assert max(map(len, [*text.splitlines(), *more.splitlines()])) <= 80


OPEN = {"low": None, "low_is_open": True}
BEYOND = {"value": None, "verdict": "not reached", "high": None, "high_is_open": True}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"D": 2410}, "600 of 2,410 numbers (25 %) are enough; 95 % interval 550-700"),
        ({"D": 200_000}, "600 of 200,000 numbers (0.3 %) are enough; 95 % interval 550-700"),
        ({"D": None, "confidence": 0.8}, "600 numbers are enough; 80 % interval 550-700"),
        ({"low": None, "high": None}, "600 of 5,000 numbers (12 %) are enough; no 95 % interval"),
        (OPEN, "600 of 5,000 numbers (12 %) are enough; 95 % interval 100 or below to 700"),
        (
            BEYOND,
            "1,500 of 5,000 numbers (30 %) are not enough, and more were not tried; "
            "95 % interval 550 to above 1,500",
        ),
        ({**BEYOND, "D": 1500}, "numbers (100 %) are not enough; 95 % interval 550 to above 1,500"),
        ({**BEYOND, "low": None}, "and more were not tried; 95 % interval above 1,500"),
        (
            {"value": 100, "verdict": "reached at the smallest d", **OPEN, "high": None},
            "100 of 5,000 numbers (2 %) are enough, and fewer were not tried; 95 % interval 100 or below",
        ),
    ],
)  # fmt: skip
def test_the_sentence_claims_no_more_than_was_measured(changes, told) -> None:
    known = estimate(table(noisy(GRID), [1.0, 1.0, 1.001], D=5000))
    reading = dataclasses.replace(known, **{"value": 600, "low": 550, "high": 700, **changes})
    assert sentence(reading).endswith(told)
    assert " ".join(describe(reading).split()).startswith(sentence(reading))
    so = so_far(reading)
    if reading.verdict == "reached":
        assert so.startswith("d_int90 so far: 600")
    else:
        assert so in ("d_int90 so far: above 1,500", "d_int90 so far: 100 or below")


def test_a_command_for_what_is_next_stands_in_a_line_of_its_own() -> None:
    reading = estimate(table({100: [0.5, 0.51], 200: [0.6, 0.61]}, [1.0] * 3))
    assert reading.next_arguments == ("sweep.d=[100,200,300,400,600,800]",)
    assert reading.next == "add larger d: sweep.d=[100,200,300,400,600,800]"
    out = f"--out={'x' * 80}"
    lines = describe(decide(reading, TableOrigin(["a.yaml", out]))).splitlines()
    command = f"idim sweep a.yaml '{reading.next_arguments[0]}' {out}"
    assert lines[-2:] == ["  next       add larger d", f"{' ' * 13}{command}"]


def test_a_baseline_below_zero_has_no_fraction() -> None:
    with pytest.raises(IdimError, match="not above the floor 0"):
        estimate(table({10: [-5.0], 20: [-3.0]}, [-2.0]))


@pytest.mark.parametrize(
    ("performance", "verdict"), [(0.99, "reached at the smallest d"), (0.5, "not reached")]
)
def test_a_grid_of_one_d(performance: float, verdict: str) -> None:
    reading = estimate(table({10: [performance, performance + 0.001]}, [1.0, 1.0]))
    assert (reading.verdict, reading.d_min, reading.d_max) == (verdict, 10, 10)
    assert "sweep.d=" in reading.next


def test_medians_have_an_interval_around_medians() -> None:
    # One run of three fails at every d: their means never come near the level, their medians do.
    runs = {d: [p, p + 0.002, 0.1] for d, (p, *_) in noisy(GRID).items()}
    for rule in ("isotonic", "interpolate", "first"):
        reading = estimate(table(runs, [1.0] * 3), centre="median", rule=rule)
        assert reading.value is not None
        assert reading.low is None or reading.low <= reading.value
        assert reading.high is None or reading.value <= reading.high
        assert estimate(table(runs, [1.0] * 3), rule=rule).value is None


def test_medians_of_well_behaved_runs_are_a_little_less_certain() -> None:
    runs = table(noisy(GRID, runs=9, noise=0.01), [1.0] * 20)
    means, medians = estimate(runs, baseline=1.0), estimate(runs, baseline=1.0, centre="median")
    assert medians.low <= medians.value <= medians.high
    assert 1.02 < (medians.high - medians.low) / (means.high - means.low) < 1.6


def test_facts_are_those_of_the_text() -> None:
    reading = estimate(table(noisy(GRID), [1.0, 1.0, 1.001], D=5000))
    told = facts(reading)
    text = " ".join(describe(reading, detailed=True).split())
    assert list(told)[:4] == ["d_int90", "level", "baseline", "rule"]
    assert told["d_int90"] == f"{reading.value}; 95 % interval {reading.low} .. {reading.high}; reached"
    assert told["level"] == "0.9 x 1.0003 = 0.9003"
    assert all(f"{key} {value}" in text for key, value in told.items() if key != "d_int90")


def test_a_fraction_of_one_does_not_hide_the_test_for_d_int100() -> None:
    told = facts(estimate(table(noisy(GRID), [1.0, 1.0, 1.001]), fraction=1.0))
    assert told["d_int100"].endswith("not reached")
    assert "Welch" in told["by test"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98123, "0.9812"), (195.04, "195.0"), (0.0, "0.0000"), (-3.2, "-3.2000"), (1.3e-38, "1.3e-38"),
        (None, "-"), (float("nan"), "-"), (float("inf"), "-"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


def test_readings_that_cannot_be_made_say_why_below_their_table() -> None:
    named = list(readings(sample(table(noisy(GRID)))))
    text = side_by_side(named)
    assert text.count("[1]") == 1 + sum(isinstance(r, IdimError) for _, r in named) > 2
    assert text.splitlines()[-1] == "[1] no direct runs, so there is no baseline 'model'"
    below = list(readings(sample(table({10: [-5.0], 20: [-3.0]}, [-2.0]))))
    assert "[1] the baseline -2 is not above the floor 0" in side_by_side(below)
    assert max(map(len, [*text.splitlines(), *side_by_side(below).splitlines()])) <= 80


def test_runs_that_were_stopped_early_have_a_reading_among_all() -> None:
    name, runs = "smooth curve, .90 x own baseline", table(noisy(GRID), [1.0, 1.0, 1.0]).assign(status="ok")
    assert name not in dict(readings(sample(runs)))
    stopped = runs.index[runs["performance"] < 0.9][0]
    runs.loc[stopped, ["status", "stop_level"]] = ["unsolved", 0.9]
    named = dict(readings(sample(runs)))
    assert isinstance(named["isotonic, .90 x own baseline"], IdimError)
    assert not isinstance(named[name], IdimError)
    assert named[name].value
