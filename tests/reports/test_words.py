import dataclasses
import math

import pytest

from idim_cli.reports.points import Curve
from idim_cli.reports.text import captions
from idim_cli.thresholds import facts


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
    assert captions.interval_ends(changed(tied_reading, **fields)) == ends


def test_the_rule_first_asks_for_more_than_the_level(tied_reading):
    level = tied_reading.level
    assert captions.solves(level, tied_reading)
    assert not captions.solves(level, changed(tied_reading, rule="first"))
    assert not captions.solves(level, None)


def test_caption_is_made_of_the_facts(tied_reading):
    result, protocol = captions.caption(changed(tied_reading, left_out=2, runs_per_d=(2, 3)))
    known = facts(changed(tied_reading, left_out=2, runs_per_d=(2, 3)))
    assert result == f"d_int90: {known['d_int90']} ({known['interval']})."
    assert protocol.startswith(
        "Baseline model: 0.9795 (sd 0.0008, 3 direct runs); level 0.9 x 0.9795 = 0.8816;"
    )
    for part in (
        "rule isotonic",
        "runs 36, 2 to 3 at each of 12 d",
        "(2 not ok left out)",
        "theta0, P, data order",
    ):
        assert part in protocol


def test_the_caption_reports_coordinates_that_are_not_free(tied_reading):
    assert "coords" not in captions.caption(tied_reading)[1]
    assert captions.caption(changed(tied_reading, coords="of 3 values"))[1].endswith("; coords of 3 values.")


@pytest.mark.parametrize(
    ("kind", "text"),
    [("best", "best of the sweep: 0.9795;"), ("fixed", "fixed: 0.9795;"), ("model", "1 direct run)")],
)
def test_baseline_kinds(tied_reading, kind, text):
    reading = changed(tied_reading, baseline_kind=kind, baseline_runs=1)
    assert text in captions.caption(reading)[1]


def test_a_curve_of_medians_says_so(tied_points):
    curve = Curve.of(tied_points, "median")
    assert curve.mean == tuple(tied_points.median)
    assert captions.legend(curve, None) == [("below", "median over runs")]


def test_heading_shrinks():
    assert captions.heading("accuracy", True, 80) == "accuracy against subspace dimension d (log axis)"
    assert captions.heading("accuracy", True, 40) == "accuracy against d (log axis)"
    assert captions.heading("validation accuracy", True, 30) == "validation accuracy against d\n(log axis)"
