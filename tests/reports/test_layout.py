"""Where a report lies, what it is called, what it says of its making; figures for papers."""

import json
import struct

import pytest

from idim_cli.core.errors import IdimError
from idim_cli.core.plain_text import aligned
from idim_cli.reports.page.layout import page_name
from idim_cli.reports.plots import style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.report import report


def test_the_page_is_next_to_the_results_and_has_their_name(swept, runs_csv, tmp_path):
    made = report(swept)
    assert made.page == swept / "made-up-report.html"
    assert {path.parent for path in made.figures} == {swept / "made-up-report"}
    content = runs_csv.read_bytes()
    (tmp_path / "some runs.csv").write_bytes(content)
    made = report(tmp_path / "some runs.csv")
    assert made.page == tmp_path / "some-runs-report.html"
    before = {*made.figures}
    assert before
    assert all(path.exists() for path in before)
    report(tmp_path / "some runs.csv", fraction=0.8)
    assert {*(tmp_path / "some-runs-report").iterdir()} == before


def test_a_page_of_several_results_names_them(tmp_path):
    places = [tmp_path / part for part in ("a.csv", "b.csv", "c.idim", "d.csv")]
    assert page_name(places[:3]) == "a-b-c-report.html"
    assert page_name(places) == "a-b-and-2-more-report.html"
    assert page_name([tmp_path / "数.csv"]) == "results-report.html"


@pytest.fixture
def dated(runs):
    for version, day in (("0.1.0", "2026-01-30"), ("0.2.0", "2026-02-01")):
        origin = {"idim": version, "date": f"{day}T12:00:00+00:00"}
        runs.add(100, 0.9, (0, ord(version[2]), 0), **origin)
        for d, score in ((10, 0.5), (20, 0.85)):
            runs.add(d, score, (0, ord(version[2]), 0), **origin)
    return runs.folder


def test_versions_and_dates_are_reported(dated, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    text = report(dated).page.read_text()
    assert (
        "Runs ended 2026-01-30 .. 2026-02-01, with idim 0.1.0, 0.2.0. Page written 1970-01-02 by idim" in text
    )
    assert ">2026-02-01 12:00<" in text  # in the table of all runs


def test_what_older_results_do_not_say_is_left_open(swept):
    assert "Runs ended" not in report(swept).page.read_text()


def test_runs_that_cannot_be_read_are_listed_with_the_reason(swept):
    run = swept / "runs" / "tied-d10-100-s1.1.1" / "result.json"
    run.write_text("[]")
    other = swept / "runs" / "tied-d20-100-s0.0.0" / "result.json"
    other.write_text(json.dumps({**json.loads(other.read_text()), "d": "x"}))
    made = report(swept)
    assert made.error is None
    (result,) = made.results
    assert [run for run, _ in result.left_out] == ["tied-d10-100-s1.1.1", "tied-d20-100-s0.0.0"]
    text = made.page.read_text()
    assert all(reason for _, reason in result.left_out)
    assert "Left out" in text
    assert "tied-d20-100-s0.0.0" in text.partition("Left out")[2]


def drawn(points, reading, form):
    from idim_cli.reports.plots import figure

    words = {"title": "digits, fc", "performance": "validation accuracy"}
    return Chart("a", "", "", lambda medium: figure.build(points, reading, **words, medium=medium)).files(
        form
    )


def test_figures_of_a_size_without_a_caption(tied_points, tied_reading):
    files = drawn(tied_points, tied_reading, style.Medium(size=(3.3, 2.5), caption=False))
    width, height = struct.unpack(">II", files["png"][16:24])
    assert (width, height) == (660, 500)
    assert b"digits, fc" not in files["svg"]
    assert b"Baseline model" not in files["svg"]
    usual = drawn(tied_points, tied_reading, style.FILE)
    assert b"digits, fc" in usual["svg"]


@pytest.mark.parametrize("size", [(3.3, 2.5), (3.0, 3.0), (7, 3)])
def test_words_of_small_figures_do_not_meet(tied_points, tied_reading, size):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from idim_cli.reports.plots import figure

    with style.style():
        made = figure.build(tied_points, tied_reading, medium=style.Medium(size=size, caption=False))
        made.draw_without_rendering()
        axes, renderer = made.axes[0], FigureCanvasAgg(made).get_renderer()
        ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
        words = [*ticks, axes.get_legend(), axes.xaxis.label, axes.yaxis.label, *axes.texts]
        boxes = [one.get_window_extent(renderer) for one in words]
    for at, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= made.bbox.x1 + 1
        assert not any(box.overlaps(other) for other in boxes[at + 1 :])


@pytest.mark.parametrize("size", [3, (0.2, 1), (1, 1000), ("a", 1), (float("nan"), 3)])
def test_sizes_that_are_none(swept, size):
    with pytest.raises(IdimError):
        report(swept, figure_size=size)


ROWS = [
    ["problem", "D", "d_int90", "interval", "rule"],
    ["depth 1, width 20 of a long name", "1,510", "142", "84 .. 232", "isotonic"],
    ["b", "3,010", "> 320", "> 320", "isotonic"],
]


@pytest.mark.parametrize("width", [30, 40, 50, 60, 80, 200])
def test_columns_give_way_before_words_break(width):
    lines = aligned(ROWS, width, ("rule", "D", "interval"))
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for word in ("problem", "d_int90", "142", "> 320", "depth", "width"):
        assert word in text
    assert ("isotonic" in text) == (width >= 80)
