import pytest

from idim_cli.reports.inputs.result import load
from idim_cli.reports.plots import learning, style


@pytest.fixture
def result(swept):
    return load(swept)


def test_curves_come_from_the_folders_of_the_runs(result):
    found = learning.curves(result.sections[0], result.folders)
    assert len(found) == 8
    one = next(curve for curve in found if curve.d == 20)
    assert one.epochs == (1, 2, 3)
    assert one.performance == pytest.approx((0.85 / 3, 0.85 * 2 / 3, 0.85))
    assert sum(curve.d is None for curve in found) == 2


def test_a_run_that_failed_shows_how_far_it_came(runs):
    runs.add(100, 0.9)
    runs.add(10, 0.5)
    runs.add(20, 0.3, status="failed")
    result = load(runs.folder)
    found = learning.curves(result.sections[0], result.folders)
    assert [one.performance[-1] for one in found if one.status == "failed"] == pytest.approx([0.3])


def test_tables_and_lost_files_have_none(result, runs_csv):
    table = load(runs_csv)
    assert learning.curves(table.sections[0], table.folders) == []
    for folder in result.folders.values():
        (folder / "metrics.csv").unlink(missing_ok=True)
    assert learning.curves(result.sections[0], result.folders) == []


@pytest.mark.parametrize("value", [None, 1, 35, 199, 300])
def test_ends_and_the_first_that_solves_are_always_shown(value):
    every = [*range(10, 200, 10), 200]
    shown = learning._chosen(every, value)
    assert len(shown) == len(set(shown)) == learning.MOST_D
    assert shown == sorted(shown)
    assert {10, 200} <= set(shown)
    assert value is None or value > 200 or min(d for d in every if d >= value) in shown


def test_the_figure_names_each_d_once_and_draws_the_level(result):
    section = result.sections[0]
    chart = learning.chart(section, learning.curves(section, result.folders), "x")
    with style.style():
        (axes,) = chart.build(style.FILE).axes
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["direct", "d = 40", "d = 20", "d = 10", "level"]
    assert [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [
        section.reading.level
    ]
    assert "d = 10: 0.505 at the end" in chart.alt
