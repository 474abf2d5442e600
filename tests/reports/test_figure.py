import dataclasses
import itertools
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from idim_cli.core.errors import IdimError
from idim_cli.reports.plots import figure, style
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.points import Curve

WORDS = {"title": "mnist, fc, tied, D = 199,210", "performance": "validation accuracy"}


def drawn(points, reading=None, **options):
    """The figure as files."""
    return Chart("a", "", "", lambda medium: figure.build(points, reading, medium=medium, **options)).files()


@pytest.fixture
def built(tied_points, tied_reading):
    """The figure itself, laid out."""

    def build(points=tied_points, reading=tied_reading, published=None, log=None, page=False):
        form = style.PAGE if page is True else page or style.FILE
        with style.style(form.page):
            made = figure.build(points, reading, **WORDS, published=published, log=log, medium=form)
            made.draw_without_rendering()
        return made

    return build


def line(axes, colour, marker=None):
    return [
        artist
        for artist in axes.lines
        if to_hex(artist.get_color()) == colour.lower() and marker in (None, artist.get_marker())
    ]


def test_same_input_same_bytes(tied_points, tied_reading):
    first = drawn(tied_points, tied_reading, **WORDS)
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.hashsalt": "other"}):
        assert drawn(tied_points, tied_reading, **WORDS) == first


def test_files_hold_no_dates_and_no_versions(tied_points, tied_reading):
    files = drawn(tied_points, tied_reading, **WORDS)
    assert files["png"].startswith(b"\x89PNG")
    assert b"tEXt" not in files["png"]
    assert files["svg"].startswith(b"<?xml")
    assert not re.search(rb"dc:date|Matplotlib v|20\d\d-\d\d-\d\d", files["svg"])
    assert not re.search(rb"CreationDate|Producer|Creator", files["pdf"])


def test_text_stays_text(tied_points, tied_reading):
    files = drawn(tied_points, tied_reading, **WORDS)
    assert re.search(rb"<text[^>]*>[^<]*validation accuracy", files["svg"])
    assert b"/CIDFontType2" in files["pdf"]
    assert b"/Type3" not in files["pdf"]


def test_settings_of_matplotlib_are_left_as_they_were(tied_points, tied_reading):
    before = dict(matplotlib.rcParams)
    drawn(tied_points, tied_reading)
    assert dict(matplotlib.rcParams) == before


def test_baseline_is_solid_and_level_dashed(built, tied_reading):
    solid, dashed = line(built().axes[0], style.BLACK)
    assert (solid.get_ydata()[0], solid.get_linestyle()) == (tied_reading.baseline, "-")
    assert (dashed.get_ydata()[0], dashed.get_linestyle()) == (tied_reading.level, "--")


def test_the_mark_of_d_int_is_visible(built, tied_points, tied_reading):
    axes = built().axes[0]
    (circles,) = line(axes, style.BLUE, "o")
    assert list(circles.get_xdata()) == list(tied_points.d)
    assert to_hex(circles.get_markerfacecolor()) == "#ffffff"
    (mark,) = line(axes, style.RED, "D")
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (tied_reading.value, tied_reading.level)
    assert mark.get_markersize() > circles.get_markersize()
    assert mark.get_zorder() > circles.get_zorder()
    (words,) = (text.get_text() for text in axes.texts if to_hex(text.get_color()) == style.RED.lower())
    assert words.endswith(f"= {tied_reading.value}")
    assert "solves" not in str([text.get_text() for text in axes.get_legend().get_texts()])


def test_error_bars_in_both_directions(built, tied_points, tied_reading):
    axes = built().axes[0]
    (bars,) = (c for c in axes.collections if to_hex(c.get_color()[0]) == style.BLUE.lower())
    heights = [path.vertices[1, 1] - path.vertices[0, 1] for path in bars.get_paths()]
    assert heights == pytest.approx(2 * tied_points.sd)
    ends = [tied_reading.low, tied_reading.high]
    (interval,) = (artist for artist in line(axes, style.RED) if list(artist.get_xdata()) == ends)
    assert list(interval.get_ydata()) == [tied_reading.level] * 2


def test_an_open_end_is_an_arrow_at_the_edge(built, tied_reading):
    beyond = dataclasses.replace(
        tied_reading, value=None, low=None, high=None, high_is_open=True, verdict="not reached"
    )
    axes = built(reading=beyond).axes[0]
    (arrow,) = line(axes, style.RED, ">")
    assert arrow.get_xdata()[0] == axes.get_xlim()[1]
    assert arrow.get_zorder() > max(circles.get_zorder() for circles in line(axes, style.BLUE, "o"))
    assert len(line(axes, style.BLUE, "o")) == 1


@pytest.mark.parametrize(("log", "scale"), [(None, "linear"), (True, "log"), (False, "linear")])
def test_axis_of_d(built, log, scale):
    axes = built(log=log).axes[0]
    assert axes.get_xscale() == scale
    assert axes.get_xlabel().startswith("subspace dimension d")
    assert axes.get_ylabel() == "validation accuracy"


def test_axis_is_logarithmic_when_d_spans_decades(built):
    d = np.array([10, 30, 100, 300, 1000, 3000, 10_000])
    axes = built(points={"d": d, "mean": d / 12_000}).axes[0]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()][:2] == ["10", "30"]


def test_published_points_are_faint_and_behind(built):
    axes = built(published={"d": [100, 200], "mean": [0.4, 0.6]}).axes[0]
    (points,) = line(axes, style.FAINT)
    assert list(points.get_xdata()) == [100, 200]
    assert points.get_zorder() < min(artist.get_zorder() for artist in line(axes, style.BLUE))


CASES = {
    "usual": {},
    "close lines": {"fraction": 0.99, "level": 0.97},
    "next": {"next": "add d around it: sweep.d=[" + ",".join(map(str, range(100, 2000, 50))) + "]"},
    "not reached": {"value": None, "low": None, "high": None, "high_is_open": True, "verdict": "not reached"},
}


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
@pytest.mark.parametrize("log", [False, True])
def test_no_words_overlap_or_leave_the_figure(built, tied_reading, fields, log):
    made = built(reading=dataclasses.replace(tied_reading, **fields), log=log)
    axes, renderer = made.axes[0], FigureCanvasAgg(made).get_renderer()
    ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
    words = [made._suptitle, made._supxlabel, axes.get_legend(), axes.xaxis.label, axes.yaxis.label]
    boxes = [item.get_window_extent(renderer) for item in (*words, *axes.texts, *ticks)]
    for i, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= made.bbox.x1
        assert box.y0 >= -1
        assert box.y1 <= made.bbox.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("most", [90, 450, 1500, 1600, 4500, 9990, 30_000, 120_000, 2_500_000])
def test_within_a_page_no_names_of_ticks_touch(built, most, log):
    published = {"d": [20, most], "mean": [0.4, 0.6]}
    made = built(published=published, log=log, page=True)
    renderer, ticks = FigureCanvasAgg(made).get_renderer(), made.axes[0].get_xticklabels()
    assert len(ticks) >= 2
    boxes = sorted((tick.get_window_extent(renderer) for tick in ticks), key=lambda box: box.x0)
    assert all(a.x1 + 2 < b.x0 for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
def test_within_a_page_no_words_overlap_either(built, tied_reading, fields):
    published = {"d": [100, 200], "mean": [0.4, 0.6]}
    made = built(reading=dataclasses.replace(tied_reading, **fields), published=published, page=True)
    axes, renderer = made.axes[0], FigureCanvasAgg(made).get_renderer()
    boxes = [item.get_window_extent(renderer) for item in (axes.get_legend(), *axes.texts, axes.yaxis.label)]
    for i, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= made.bbox.x1
        assert box.y1 <= made.bbox.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_nothing_to_draw_is_an_error():
    with pytest.raises(IdimError, match="no finished run"):
        drawn({"d": [], "mean": []})


def test_one_run_alone_can_be_drawn():
    assert set(drawn({"d": [100], "mean": [0.5]})) == {"png", "svg", "pdf"}


def test_pyplot_and_matplotlib_stay_out_until_needed():
    code = (
        "import sys; from idim_cli.reports.plots import chart, figure;"
        "assert 'matplotlib' not in sys.modules;"
        "made = chart.Chart('a', '', '', lambda medium: figure.build({'d': [1, 2], 'mean': [0, 1]}));"
        "made.files(); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("runs", [(3, 3), (1, 2), (10, 100)])
@pytest.mark.parametrize("stopped", [False, True])
def test_the_legend_is_within_a_figure_of_a_page(tied_points, tied_reading, runs, stopped):
    curve = Curve.of(tied_points)
    n = [runs[at % 2] for at in range(len(curve.n))]
    early = ((curve.d[0], 0.5),) if stopped else ()
    curve = dataclasses.replace(curve, n=tuple(n), solved=early, unsolved=early)
    with style.style(page=True):
        made = figure.build(curve, tied_reading, **WORDS, medium=style.PAGE)
        FigureCanvasAgg(made).draw()
        (legend,) = (one.get_legend() for one in made.axes)
        box = legend.get_window_extent()
        assert box.x1 <= made.bbox.x1
        assert box.y1 <= made.bbox.y1
