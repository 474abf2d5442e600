"""Runs that were stopped early, in plots and tables."""

import csv
import io

import pandas as pd
import pytest

from idim_cli.reports.inputs.section import sections
from idim_cli.reports.plots import figure
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.tables import group_table
from idim_cli.reports.terminal import plot

DIRECT = [{"d": 1000, "direct": True, "performance": p, "status": "ok"} for p in (0.99, 1.0, 1.01)]
SWEPT = [
    {"d": d, "direct": False, "performance": p, "status": status, "stop_level": level, "final_high": high}
    for d, p, status, level, high in [
        (20, 0.6, "unsolved", 0.9, 0.7), (20, 0.62, "unsolved", 0.9, 0.72), (40, 0.86, "ok", None, None),
        (50, 0.88, "ok", None, None), (60, 0.91, "solved", 0.9, 0.93), (80, 0.92, "solved", 0.9, None),
    ]
]  # fmt: skip
ROWS = [{**row, "D": 1000} for row in (*DIRECT, *SWEPT)]


@pytest.fixture(scope="module")
def section():
    found, faults = sections(pd.DataFrame(ROWS), threshold_options(), "runs.csv")
    assert not faults
    return found[0]


def threshold_options():
    from idim_cli.thresholds import Options

    return Options(rule="curve")


def files(points, reading):
    return Chart("a", "", "", lambda medium: figure.build(points, reading, medium=medium)).files()


def test_the_table_has_every_d_that_was_tried(section):
    text = group_table.text([section])
    assert "2 out of reach" in text
    assert [row["d"] for row in group_table.rows(section)] == [20, 40, 50, 60, 80, 1000]
    assert group_table.rows(section)[0]["mean"] is None


def test_the_csv_counts_them(section):
    first = next(csv.DictReader(io.StringIO(group_table.to_csv([section]))))
    assert (first["runs"], first["stopped_solved"], first["stopped_unsolved"]) == ("0", "0", "2")
    assert (first["total_runs"], first["total_solved"], first["total_unsolved"]) == ("2", "2", "2")


def test_plots_show_them_separately(section):
    points = section.sample.points
    drawn = plot.plot(points, section.reading)
    assert drawn.count("▲") == 3  # two runs and the legend
    assert "▽ stopped early, level out of reach" in drawn
    assert "▲" not in plot.plot(points, section.reading, unicode=False)
    svg = files(points, section.reading)["svg"].decode()
    assert "stopped: level reached" in svg or "<use" in svg


def test_all_runs_stopped_still_make_a_plot(section):
    early = pd.DataFrame([row for row in ROWS if row["status"] != "ok" or row["direct"]])
    found, _ = sections(early, threshold_options(), "runs.csv")
    assert "▲" in plot.plot(found[0].sample.points, found[0].reading)
    assert files(found[0].sample.points, found[0].reading)["png"]
    assert "stopped early" in group_table.markdown(found)
