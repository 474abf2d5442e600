"""The picture of bytes against performance."""

import csv
import dataclasses
import io
import re

import pytest
from compressed_cases import record_of
from matplotlib.colors import to_hex

from idim_cli.compression.record import TrialRecord
from idim_cli.reports.inputs.records import read
from idim_cli.reports.plots import frontier, style


@pytest.fixture
def one(small):
    return read(record_of(small))


def trial(size, performance, levels=2):
    return TrialRecord(10, levels, "trained", size, performance)


def test_on_the_frontier_is_what_nothing_as_small_does_as_well():
    tried = [trial(30, 0.5), trial(20, 0.5), trial(20, 0.4), trial(10, 0.1), trial(40, 0.9), trial(40, 0.8)]
    assert [(t.bytes, t.performance) for t in frontier.best(tried)] == [(10, 0.1), (20, 0.5), (40, 0.9)]
    assert frontier.best([]) == []


def axes_of(one, page=False):
    with style.style(page):
        return frontier.chart(one, "x", "digits, fc").build(style.PAGE if page else style.FILE).axes[0]


def test_a_line_for_each_number_of_values_and_the_frontier(one):
    axes = axes_of(one)
    named = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(named) == [
        "frontier",
        "2 values",
        "3 values",
        "6 values",
        "rounded only",
        "float32",
        "this file",
    ]
    assert axes.get_xscale() == "log"
    for levels in (2, 3, 6):
        drawn = named[f"{levels} values"]
        tried = sorted((t.bytes, t.performance) for t in one.trained if t.levels == levels)
        assert list(zip(drawn.get_xdata(), drawn.get_ydata(), strict=True)) == tried
    looks = [(to_hex(named[f"{n} values"].get_color()), named[f"{n} values"].get_marker()) for n in (2, 3, 6)]
    assert len({colour for colour, _ in looks}) == len({mark for _, mark in looks}) == 3
    assert named["frontier"].get_drawstyle() == "steps-post"
    best = frontier.best(frontier.scored(one))
    assert list(named["frontier"].get_ydata()) == [t.performance for t in best]
    assert (named["this file"].get_xdata()[0], named["this file"].get_ydata()[0]) == (
        one.bytes,
        one.performance,
    )


def heights(axes):
    return sorted(line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1])


def test_lines_across_are_the_baseline_and_the_level(one):
    axes = axes_of(one)
    assert heights(axes) == [0.45, 0.9]
    assert [text.get_text() for text in axes.texts] == ["level\n0.4500", "baseline\n0.9000"]
    own = dataclasses.replace(one, baseline=None, level=None, max_bytes=60)
    assert heights(axes_of(own)) == [own.own]
    assert [text.get_text() for text in axes_of(own).texts] == [f"the run's own\n{own.own:.4f}"]
    assert [60, 60] in [list(line.get_xdata()) for line in axes_of(own).lines]


def test_many_numbers_of_values_still_get_a_look_each(one):
    many = [trial(10 * n, n / 20, levels=n) for n in range(2, 17)]
    axes = axes_of(dataclasses.replace(one, tried=many))
    lines = [line for line in axes.lines if line.get_label().endswith("values")]
    assert len({(to_hex(line.get_color()), line.get_marker()) for line in lines}) == 15


def test_what_has_no_performance_is_left_out(one):
    odd = dataclasses.replace(one, tried=[*one.tried, TrialRecord(10, 2, "trained", 5, None)])
    assert frontier.scored(odd) == frontier.scored(one)
    assert list(csv.DictReader(io.StringIO(frontier.to_csv(odd))))[-1]["performance"] == ""


def test_the_csv_reports_all_that_was_tried_and_what_is_on_the_frontier(one):
    rows = list(csv.DictReader(io.StringIO(frontier.to_csv(one))))
    assert [float(row["performance"]) for row in rows] == [t.performance for t in one.tried]
    best = [int(row["bytes"]) for row in rows if row["frontier"] == "True"]
    assert sorted(best) == [t.bytes for t in frontier.best(frontier.scored(one))]
    assert rows[0]["levels"] == ""  # float32
    assert all((row["run_id"] != "") == (row["how"] == "trained") for row in rows)


def test_four_files_next_to_it_with_the_same_bytes_every_time(one):
    files = frontier.save(one)
    assert [path.name for path in files] == [
        f"checkpoint-frontier.{kind}" for kind in ("csv", "png", "svg", "pdf")
    ]
    assert {path.parent for path in files} == {one.path.parent}
    before = [path.read_bytes() for path in files]
    assert [path.read_bytes() for path in frontier.save(one)] == before


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("unicode", [True, False])
def test_the_plot_on_a_terminal_fits_and_is_followed_by_the_best(one, width, unicode):
    text = frontier.text(one, width, unicode=unicode)
    plot, table = text.split("\n\n")
    assert max(map(len, plot.splitlines())) <= width
    assert text.isascii() is not unicode
    assert "level 0.4500" in plot
    assert "baseline 0.9000" in plot
    best = frontier.best(frontier.scored(one))
    assert [int(line.split()[3]) for line in table.splitlines()[1:]] == [t.bytes for t in best]
    assert len(re.findall("this file", table)) == 1


def test_what_misses_the_level_is_drawn_below_its_line(one):
    near = dataclasses.replace(one, tried=[trial(10, 0.0), trial(20, 0.449), trial(30, 0.451)])
    lines = frontier.text(near).splitlines()
    level = next(index for index, line in enumerate(lines) if line.startswith("0.450"))
    assert lines[level].count("●") == lines[level + 1].count("●") == 1


def test_pictures_of_an_earlier_file_go_and_files_of_others_stay(one):
    files = frontier.save(one)
    mine = one.path.with_name("mine.png")
    mine.write_bytes(b"")
    frontier.clear(one.path)
    assert not any(path.exists() for path in files)
    assert mine.exists()
    files[0].write_text("d,score\n")  # of somebody else
    files[1].write_bytes(b"")
    frontier.clear(one.path)
    assert files[0].exists()
    assert files[1].exists()
