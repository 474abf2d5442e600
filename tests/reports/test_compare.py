"""Figures over several groups: d_int against D, trained parameters, bars; or why there are none."""

import math

import pytest
from matplotlib.colors import to_hex

from idim_cli.reports.inputs.entries import entries, overview
from idim_cli.reports.inputs.published import find
from idim_cli.reports.inputs.result import load
from idim_cli.reports.page.compare import compare
from idim_cli.reports.plots import style


@pytest.fixture
def family(runs):
    """Three networks of different D, of which the last does not reach the level."""
    for width, D in ((5, 100), (10, 1000), (20, 10_000)):
        for seed in (0, 1):
            runs.add(D, 0.9 + 0.01 * seed, (seed, seed, seed), D=D, over={"model.width": width})
            for d, performance in ((10, 0.5), (20, 0.85), (40, 0.93)):
                score = (performance if D < 10_000 else 0.3) + 0.01 * seed
                runs.add(d, score, (seed, seed, seed), D=D, over={"model.width": width})
    return load(runs.folder)


def axes_of(chart, page=False):
    with style.style(page):
        return chart.build(style.PAGE if page else style.FILE).axes[0]


def test_labels_say_in_what_the_groups_differ(family):
    found = entries([family])
    assert [one.label for one in found] == ["width 5", "width 10", "width 20"]
    assert {one.family for one in found} == {""}
    head, *lines = overview(found)
    assert head[:5] == ["problem", "D", "d_int90", "% of D", "95 % interval"]
    assert [line[1] for line in lines] == ["100", "1,000", "10,000"]
    assert all(len(line) == len(head) and "" not in line for line in lines)
    assert lines[2][2:6] == ["> 40", "> 0.4", "> 40", "not reached"]


def test_the_only_group_keeps_its_title(swept):
    assert [one.label for one in entries([load(swept)])] == ["digits, fc, tied"]


def test_coordinates_that_are_not_free_are_reported_also_where_all_groups_share_them(runs):
    for D in (100, 200):
        runs.add(D, 0.98, D=D)
        for d, performance in ((10, 0.5), (40, 0.95)):
            over = {"quantise.levels": 3, "model.width": D}
            runs.add(d, performance, D=D, over=over, config=f"tied-{D}")
    labels = [one.label for one in entries([load(runs.folder)])]
    assert labels == ["levels 3, width 100", "levels 3, width 200"]


def test_results_are_named_where_nothing_else_distinguishes_groups(swept, tmp_path):
    one = load(swept)
    assert len({entry.label for entry in entries([one, one])}) == 1
    swept.rename(tmp_path / "b")
    import dataclasses

    other = dataclasses.replace(one, name="other")
    assert [entry.label for entry in entries([one, other])] == ["made-up", "other"]


def test_results_are_named_in_the_labels_that_would_be_the_same_alone(swept, runs_csv):
    import dataclasses

    one = load(swept)
    other = dataclasses.replace(one, name="other")
    found = entries([one, other, load(runs_csv)])
    assert [entry.label.partition(",")[0] for entry in found] == ["made-up", "other", "mnist", "mnist"]
    assert len({entry.label for entry in found}) == 4


def test_d_int_against_D(family):
    found = entries([family])
    chart = compare(found, [None], "f").sizes
    axes = axes_of(chart)
    marks = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [float(line.get_xdata()[0]) for line in marks] == [100, 1000, 10_000]
    values = [one.section.reading.value for one in found]
    assert [line.get_ydata()[0] for line in marks] == [values[0], values[1], 40]
    assert to_hex(marks[2].get_markerfacecolor()) == "#ffffff"  # not reached
    (arrow,) = (line for line in axes.lines if line.get_marker() == "^")
    assert float(arrow.get_xdata()[0]) == 10_000
    assert f"{values[0]}" in chart.alt


@pytest.fixture
def projectors(runs):
    """Two series over D: both have D = 1000, one of them has D = 100 too."""
    for D in (100, 1000):
        runs.add(D, 0.9, D=D)
    for projector, D in (("tied", 100), ("tied", 1000), ("sparse", 1000)):
        for seed, d, performance in ((0, 10, 0.5), (1, 20, 0.9)):
            runs.add(d, performance, (seed, seed, len(projector)), D=D, projector=projector)
    return runs.folder


def test_series_are_next_to_each_other_where_they_share_D_alone(projectors):
    chart = compare(entries([load(projectors)]), [None], "f").sizes
    marks = [line for line in axes_of(chart).lines if line.get_marker() in "os" and len(line.get_xdata())]
    places = sorted(float(line.get_xdata()[0]) for line in marks)
    assert places[0] == 100
    assert places[1] < 1000 < places[2]
    assert "next to each other" in chart.note


def problem(runs, name, *sizes, projector="tied"):
    """A sweep of networks of these D for a data set of this name."""
    for D in sizes:
        runs.add(D, 0.9, D=D, dataset=name)
        for d, performance in ((10, 0.5), (20, 0.9)):
            one = {"D": D, "dataset": name, "projector": projector, "over": {"model.width": D}}
            runs.add(d, performance, (len(name), 0, len(projector)), **one)


def test_different_problems_are_no_family(runs):
    problem(runs, "digits", 100)
    problem(runs, "mnist", 1000)
    assert compare(entries([load(runs.folder)]), [None], "f").sizes is None


def test_different_projectors_are_no_family(runs):
    problem(runs, "digits", 100)
    problem(runs, "digits", 1000, projector="sparse")
    assert compare(entries([load(runs.folder)]), [None], "f").sizes is None


def test_a_problem_of_one_D_is_left_out_next_to_a_family(runs):
    problem(runs, "digits", 100, 200)
    problem(runs, "mnist", 1000)
    chart = compare(entries([load(runs.folder)]), [None], "f").sizes
    marks = [line for line in axes_of(chart).lines if line.get_marker() in "os" and len(line.get_xdata())]
    assert [float(line.get_xdata()[0]) for line in marks] == [100, 200]
    assert "Not drawn: 1 group of problems" in chart.note


def test_words_of_a_file_are_within_it(projectors):
    chart = compare(entries([load(projectors)]), [None], "f").sizes
    with style.style():
        figure = chart.build(style.FILE)
        figure.canvas.draw()
        assert figure.get_tightbbox().x1 <= style.SIZE[0]


def test_mixed_fractions_are_all_named(family, runs):
    import dataclasses

    other = dataclasses.replace(load(runs.folder, fraction=0.8), name="other")
    chart = compare(entries([family, other]), [None], "f").sizes
    assert chart.title.startswith("d_int90, d_int80 against D")
    assert all(number in axes_of(chart).get_ylabel() for number in ("90", "80"))


def test_intervals_tell_their_confidence(family, runs):
    import dataclasses

    alone = compare(entries([family]), [None], "f")
    assert "95 % intervals" in alone.sizes.note
    assert "95 % intervals" in alone.problems.note
    assert "95 % interval" in alone.sizes.alt
    other = dataclasses.replace(load(runs.folder, confidence=0.8), name="other")
    found = entries([family, other])
    head, *lines = overview(found)
    assert head[4] == "interval"
    assert [line[4].partition(" ")[0] for line in lines] == ["95"] * 3 + ["80"] * 3
    assert "95 % or 80 % intervals" in compare(found, [None], "f").problems.note


def test_trained_parameters_against_performance(family):
    axes = axes_of(compare(entries([family]), [None], "f").parameters)
    (direct,) = (line for line in axes.lines if to_hex(line.get_color()) == style.BLACK)
    assert sorted(set(direct.get_xdata())) == [100, 1000, 10_000]
    curves = list(axes.containers)
    assert len(curves) == 3
    assert list(curves[0].lines[0].get_xdata()) == [10, 20, 40]
    assert sum(line.get_marker() == "D" for line in axes.lines) >= 2


@pytest.mark.parametrize(("name", "D", "shown"), [("mnist-fc", 199_210, 139), ("mnist-lenet", 44_426, 300)])
def test_published_small_nets_replace_own_ones(runs, name, D, shown):
    runs.add(D, 0.98, D=D)
    for d, performance in ((10, 0.5), (40, 0.93)):
        runs.add(d, performance, D=D)
    chart = compare(entries([load(runs.folder)]), [find(name)], "f").parameters
    (nets,) = (line for line in axes_of(chart).lines if to_hex(line.get_color()) == style.FAINT.lower())
    assert len(nets.get_xdata()) == shown
    assert "Li et al. 2018" in chart.note


def test_published_small_nets_are_behind_networks_of_their_D_alone(family):
    alone = compare(entries([family])[:1], [find("mnist-fc")], "f").parameters
    assert alone is None
    chart = compare(entries([family]), [find("mnist-fc")], "f").parameters
    assert not [line for line in axes_of(chart).lines if to_hex(line.get_color()) == style.FAINT.lower()]
    assert "Li et al." not in chart.note


def test_bars_are_in_order_with_intervals(family):
    axes = axes_of(compare(entries([family]), [None], "f").problems)
    lengths = [patch.get_width() for patch in axes.patches]
    assert lengths == sorted(lengths)
    assert len(lengths) == 3
    whiskers = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert all(math.isfinite(end) for line in whiskers for end in line.get_xdata())
    assert any(line.get_marker() == ">" for line in axes.lines)


def shown_as(chart):
    """The labels of bars, from the top down."""
    return [label.get_text() for label in axes_of(chart).get_yticklabels()]


def test_bars_that_are_not_reached_come_last(runs):
    for width, d, score in ((1, 10, 0.5), (2, 400, 0.9)):
        runs.add(1000 + width, 0.9, D=1000 + width)
        for size, performance in ((d / 2, 0.3), (d, score)):
            runs.add(int(size), performance, D=1000 + width, over={"model.width": width})
    chart = compare(entries([load(runs.folder)]), [None], "f").problems
    assert shown_as(chart) == ["width 2", "width 1"]
    assert chart.alt.endswith("width 1: > 10.")
    colours = [to_hex(bar.get_facecolor()) for bar in axes_of(chart).patches]
    assert colours == [style.BLUE.lower(), style.WHITE.lower()]  # arrows also stand at bars that are reached
    assert "hollow" in chart.note


def test_long_labels_of_bars_keep_what_distinguishes_them(runs):
    problem(runs, "a-data-set-of-a-long-name", 100)
    problem(runs, "a-data-set-of-a-long-name", 200, projector="fastfood")
    problem(runs, "b-data-set-of-a-long-name-that-ends-in-c", 300)
    problem(runs, "b-data-set-of-a-long-name-that-ends-in-d", 400)
    found = entries([load(runs.folder)])
    assert all(len(one.label) > 34 for one in found)
    labels = shown_as(compare(found, [None], "f").problems)
    assert len(set(labels)) == 4
    assert all(len(line) <= 34 for label in labels for line in label.splitlines())
    assert sum("fastfood" in label for label in labels) == 1
    assert not any("…" in label for label in labels)


def test_what_would_show_nothing_is_not_drawn(swept, runs_csv):
    assert compare(entries([load(swept)]), [None], "f").charts == []
    assert compare([], [None], "f").charts == []
    two = compare(entries([load(runs_csv)]), [None], "f")  # two projectors, one D
    assert [chart.slug for chart in two.charts] == ["f-all", "f-problems"]


def widths(runs, count):
    """Groups of a network of each width, each with its own level."""
    for width in range(1, count + 1):
        D = 100 * width
        runs.add(D, 0.9 + width / 1000, D=D)
        runs.add(10, 0.5 + width / 100, D=D, over={"model.width": width})
        runs.add(20, 0.9, D=D, over={"model.width": width})
    return entries([load(runs.folder)])


def legend_of(chart):
    with style.style():
        (legend,) = chart.build(style.FILE).legends
    return [text.get_text() for text in legend.get_texts()]


def test_every_group_has_a_look_and_a_name_of_its_own(runs):
    chart = compare(widths(runs, 10), [None], "f").parameters
    names = legend_of(chart)
    assert {f"width {width}" for width in range(1, 11)} < {*names}
    bars = axes_of(chart).containers
    assert len({(to_hex(bar[0].get_color()), bar[0].get_marker()) for bar in bars}) == 10


def test_all_groups_are_in_one_figure_each_with_its_d_int(runs):
    found = widths(runs, 10)
    chart = compare(found, [None], "f").curves
    axes = axes_of(chart)
    curves = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert [list(line.get_xdata()) for line in curves] == [[10, 20]] * 10
    marks = [line for line in axes.lines if line.get_marker() == "D" and len(line.get_xdata()) == 1]
    expected = {(one.section.reading.value, one.section.reading.level) for one in found}
    assert {(line.get_xdata()[0], line.get_ydata()[0]) for line in marks} == expected
    assert legend_of(chart)[0].startswith("width ")
    assert "Levels differ: from 0.8109 (width 1) to 0.8190 (width 10)" in chart.note


def test_a_level_that_all_share_is_a_line(runs_csv):
    chart = compare(entries([load(runs_csv)]), [None], "f").curves
    assert "Levels differ" not in chart.note
    assert any(line.get_linestyle() == "--" for line in axes_of(chart).lines)


def test_groups_of_another_measure_are_left_out_of_the_one_figure(runs):
    widths(runs, 3)
    runs.add(10, 3.0, (9, 9, 9), D=100, metric="return", over={"model.width": 9})
    runs.add(20, 9.0, (9, 9, 9), D=100, metric="return", over={"model.width": 9})
    chart = compare(entries([load(runs.folder, baseline=1.0)]), [None], "f").curves
    assert "3 of 4 groups are drawn" in chart.note


def test_the_legend_names_d_int_whatever_the_marks_of_the_groups(runs):
    for width in range(1, 5):
        D = 100 * width
        runs.add(D, 0.9, D=D)
        runs.add(10, 0.5, D=D, over={"model.width": width})
        runs.add(20, 0.9, D=D, over={"model.width": width})
    names = legend_of(compare(entries([load(runs.folder)]), [None], "f").parameters)
    assert names.count("d_int at the level") == 1
