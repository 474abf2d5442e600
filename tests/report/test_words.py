import dataclasses
import math

import pytest

from idim_cli.report import words
from idim_cli.report.curve import Curve


def changed(reading, **fields):
    return dataclasses.replace(reading, **fields)


def test_curve_takes_points_mappings_and_frames(tied_points, table):
    curve = Curve.of(tied_points)
    assert curve.d == tuple(tied_points.d)
    assert curve.n == (3,) * len(curve.d)
    assert Curve.of(curve) == curve
    assert Curve.of({"d": [20, 10], "mean": [0.2, 0.1]}) == Curve((10, 20), (0.1, 0.2), (0, 0), (1, 1))
    frame = table.rename(columns={"performance": "mean"})[["d", "mean"]]
    assert len(Curve.of(frame).d) == table["performance"].notna().sum()


def test_curve_leaves_out_what_cannot_be_drawn():
    points = {"d": [0, 1, 2, 3, None], "mean": [0.5, None, math.inf, 0.4, 0.1], "sd": [1, 1, 1, math.nan, 1]}
    assert Curve.of(points) == Curve((3,), (0.4,), (0,), (1,))
    assert Curve.of(None) == Curve()


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({"low": 5, "high": 9}, (5, 9)),
        ({"low": None, "low_is_open": True, "high": 9}, (-math.inf, 9)),
        ({"low": 5, "high": None, "high_is_open": True}, (5, math.inf)),
        ({"low": None, "high": None, "high_is_open": True}, (1000, math.inf)),
        ({"low": None, "high": None, "low_is_open": True}, (-math.inf, 10)),
        ({"low": None, "high": None}, None),
    ],
)
def test_interval_ends(tied_reading, fields, ends):
    assert words.interval_ends(changed(tied_reading, **fields)) == ends


def test_first_solving_is_the_first_d_at_or_above_d_int(tied_points, tied_reading):
    curve = Curve.of(tied_points)
    assert curve.d[words.first_solving(curve, tied_reading)] == 750
    at_once = changed(tied_reading, value=10, verdict="reached at the smallest d")
    assert words.first_solving(curve, at_once) == 0
    assert words.first_solving(curve, changed(tied_reading, value=None, verdict="not reached")) is None
    assert words.first_solving(curve, None) is None


def test_the_rule_first_asks_for_more_than_the_level(tied_reading):
    level = tied_reading.level
    assert words.solves(level, tied_reading)
    assert not words.solves(level, changed(tied_reading, rule="first"))
    assert not words.solves(level, None)


def test_headline_says_all_that_d_int_rests_on(tied_reading):
    told = words.headline(changed(tied_reading, next="add seeds", left_out=2, runs_per_d=(2, 3)))
    assert told["d_int90"] == str(tied_reading.value)
    assert told["interval"].startswith(f"{tied_reading.low} .. {tied_reading.high} (95 %")
    assert told["baseline"] == "0.9795 (direct training, 3 runs)"
    assert told["level"] == "0.8816 = 0.9 x baseline"
    assert told["rule"] == "isotonic"
    assert told["runs"] == "36, 2 to 3 at each d (2 not ok left out)"
    assert told["seeds varied"].startswith("theta0, P, data order")
    assert (told["verdict"], told["next"], told["D"]) == ("reached", "add seeds", "199,210")


@pytest.mark.parametrize(
    ("kind", "text"), [("best", "best of the sweep"), ("fixed", "fixed value"), ("model", "1 run)")]
)
def test_baseline_kinds(tied_reading, kind, text):
    reading = changed(tied_reading, baseline_kind=kind, baseline_runs=1)
    assert text in words.headline(reading)["baseline"]


def test_caption_ends_with_what_to_run_next(tied_reading):
    assert len(words.caption(changed(tied_reading, next=""))) == 2
    assert words.caption(changed(tied_reading, next="add seeds"))[-1] == "Next: add seeds"


def test_heading_shrinks():
    assert words.heading("accuracy", True, 80) == "accuracy against subspace dimension d (log axis)"
    assert words.heading("accuracy", True, 40) == "accuracy against d (log axis)"
    assert len(words.heading("validation accuracy", True, 30)) == 30


def test_numbers():
    assert [words.score(x) for x in (0.98123, 195.0, None, math.nan)] == ["0.9812", "195.0", "-", "-"]
    assert [words.percent(x) for x in (0.9, 0.95, 0.895, 1.0)] == ["90", "95", "89.5", "100"]
