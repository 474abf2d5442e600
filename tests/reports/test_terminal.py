import re

import numpy as np
import pytest

from idim_cli.reports.terminal.plot import plot

NAN = float("nan")


def cells(text, mark):
    """(row, column) of each `mark` in the plot proper, without the legend."""
    lines = text.splitlines()
    end = next(
        i for i, line in enumerate(lines) if "└" in line or line.lstrip().startswith("++") or "+-" in line
    )
    return [(r, c) for r, line in enumerate(lines[:end]) for c, char in enumerate(line) if char == mark]


def test_reads_well_at_80_columns(tied_points, tied_reading):
    assert plot(tied_points, tied_reading, label="accuracy") == EXPECTED.strip("\n")


EXPECTED = """
accuracy against subspace dimension d
0.980 ┤─────────────────────────────────────────────────────────────────────────
      │                                                   ●                 ●
0.882 ┤╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
      │                           ○      ○   ○  ○   ○
      │                     ○
0.600 ┤              ○
      │       ○
0.400 ┤
      │   ○
0.200 ┤
      │ ○
      └┬──────┬──────┬──────┬─────┬──────┬──────┬──────━━┿━━──┬──────┬──────┬───
       0     100    200    300   400    500    600    700    800    900   1,000
○ below the level   ● reaches the level   ─ baseline 0.9795   ╌ level 0.8816
━ d_int90 726 [693 .. 758]
"""


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_requested(tied_points, tied_reading, width, unicode):
    text = plot(tied_points, tied_reading, width, unicode=unicode)
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii() is not unicode
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_height_is_that_of_the_whole_plot(tied_points, tied_reading):
    for height in (12, 16, 30):
        assert len(plot(tied_points, tied_reading, height=height).splitlines()) == height


def test_colour_adds_nothing_but_colours(tied_points, tied_reading):
    coloured = plot(tied_points, tied_reading, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plot(tied_points, tied_reading)


def test_marks_tell_solved_from_unsolved(curve_of):
    text = plot(*curve_of([10, 20, 30, 40], [0.2, 0.5, 0.95, 1.0]))
    assert len(cells(text, "○")) == 2
    assert len(cells(text, "●")) == 2
    assert max(c for _, c in cells(text, "○")) < min(c for _, c in cells(text, "●"))


def test_baseline_and_level_are_labelled_rows(curve_of):
    lines = plot(*curve_of([10, 20], [0.2, 0.95])).splitlines()
    assert any(line.startswith("1.000 ┤─") for line in lines)
    assert any(line.startswith("0.900 ┤╌") for line in lines)


def test_a_point_just_below_the_level_is_drawn_below_its_line(curve_of):
    text = plot(*curve_of([10, 20, 30], [0.1, 0.899, 0.901]))
    level = next(r for r, line in enumerate(text.splitlines()) if line.startswith("0.900"))
    assert next(r - level for r, _ in cells(text, "○")) == 1
    assert [r - level for r, _ in cells(text, "●")] == [0]


def test_interval_and_value_are_on_the_axis(tied_points, tied_reading):
    lines = plot(tied_points, tied_reading).splitlines()
    axis = next(line for line in lines if "└" in line)
    value = (axis.index("┿") - axis.index("└") - 1) / (len(axis) - axis.index("└") - 2)
    assert value * 1.05 * tied_reading.d_max == pytest.approx(tied_reading.value, rel=0.02)
    assert "━" in axis


def test_not_reached_points_beyond_the_grid(curve_of):
    points, reading = curve_of([10, 20, 40, 80, 160], [0.1, 0.12, 0.2, 0.3, 0.4], runs=2)
    text = plot(points, reading)
    assert not cells(text, "●")
    assert "> 160" in text
    assert next(line for line in text.splitlines() if "└" in line).endswith("▶")


def test_one_point(curve_of):
    text = plot(*curve_of([100], [0.5]))
    assert len(cells(text, "○")) == 1
    assert "100" in text.splitlines()[-2]


def test_decades_get_a_log_axis_by_default(curve_of):
    points, reading = curve_of([10, 100, 1000, 10_000, 100_000], [0.1, 0.2, 0.4, 0.8, 0.99])
    text = plot(points, reading)
    columns = sorted(c for mark in "○●" for _, c in cells(text, mark))
    assert "(log axis)" in text.splitlines()[0]
    assert np.ptp(np.diff(columns)) <= 1
    assert "(log axis)" not in plot(points, reading, log=False)


def test_equal_performances(curve_of):
    text = plot({"d": [1, 2, 3], "mean": [0.5, 0.5, 0.5]})
    assert len({r for r, _ in cells(text, "○")}) == 1


def test_unknown_means_are_left_out(curve_of):
    _, reading = curve_of([1, 2], [0.1, 0.2])
    assert len(cells(plot({"d": [1, 2, 3], "mean": [NAN, 0.5, NAN]}, reading), "○")) == 1
    for nothing in ({"d": [1], "mean": [NAN]}, {"d": [], "mean": []}, None):
        assert plot(nothing, reading) == "no finished runs to plot"


def test_without_a_reading_there_are_points_alone(tied_points):
    text = plot(tied_points)
    assert len(cells(text, "○")) == len(tied_points.d)
    assert not re.search("[╌━┿●]", text)


@pytest.mark.parametrize(
    ("performance", "widest"),
    [([1e-38, 2e-38, 3e-38], 9), ([0.0, 0.0, 0.0], 6), ([1e-310, 3e-310, 2e-310], 10), ([2e9, 3e9, 5e9], 9)],
)
def test_side_labels_stay_short(performance, widest):
    lines = plot({"d": [1, 2, 3], "mean": performance}).splitlines()
    labels = [line.partition("┤")[0].strip() for line in lines if "┤" in line]
    assert len(labels) >= 2
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= widest
    assert max(map(len, lines)) <= 80
