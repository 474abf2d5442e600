"""The words, tables and bars of compressed files, and the page about them."""

import csv
import dataclasses
import io
import re

import pytest
from compressed_cases import change
from page_parser import Page

from idim_cli.core.errors import IdimError
from idim_cli.reports.inputs.records import find
from idim_cli.reports.page.compressed_files import compressed_files
from idim_cli.reports.plots import bars, style
from idim_cli.reports.report import report
from idim_cli.reports.tables import compressed, latex, proof


@pytest.fixture
def three(packed):
    """Their records: small, wide, sums (without a bound)."""
    return find([packed])[0]


@pytest.fixture
def one(three):
    return three[0]


def test_names_say_no_more_than_distinguishes_files(three, one):
    assert compressed.labels([one]) == ["digits, fc"]
    assert compressed.labels(three) == ["digits, fc, small", "digits, fc, wide", "toy, toy"]
    again = dataclasses.replace(one, d=one.d + 1)
    sizes = dataclasses.replace(three[1], recipe="small")
    assert compressed.labels([one, again, sizes]) == [
        f"digits, fc, D = {one.D:,}, d = {one.d:,}",
        f"digits, fc, D = {one.D:,}, d = {one.d + 1:,}",
        f"digits, fc, D = {sizes.D:,}",
    ]
    called = [dataclasses.replace(one, recipe=name) for name in ("digits-fc", "digits-fc-odd")]
    assert compressed.labels(called) == ["digits-fc", "digits-fc-odd"]


def test_the_table_holds_what_the_records_say(three, one):
    head, *lines = compressed.cells(three)
    assert all(len(line) == len(head) for line in lines)
    cells = dict(zip(head, lines[0], strict=True))
    assert cells["D"] == f"{one.D:,}"
    assert cells["bytes"] == str(one.bytes)
    assert cells["times smaller"] == f"{4 * one.D / one.bytes:,.1f}"
    assert cells["performance"] == f"{one.performance:.4f} validation accuracy"
    assert cells["requested"] == ">= 0.4500"
    assert cells["wrong of n"] == f"{one.bound.wrong:,} of 1,197"
    assert cells["confidence"] == "95 %"
    assert cells["problem"] == "digits, small"
    assert cells["file"] == str(one.path)
    assert lines[2][head.index("confidence")] == lines[2][head.index("wrong of n")] == ""
    assert compressed.cells([one])[0][9] == "validation accuracy"


def test_bounds_are_rounded_up_and_never_better_than_they_are(one):
    assert proof.at_most(0.44601) == "44.7 %"
    assert proof.at_most(1.0) == "100.0 %"
    shown = float(re.search(r"<= ([\d.]+) %", proof.proves(one))[1])
    assert 0 <= shown - 100 * one.bound.binomial < 0.1


def test_a_size_that_proves_nothing_says_so(one, three):
    nothing = dataclasses.replace(one, bound=dataclasses.replace(one.bound, binomial=1.0))
    assert "prove nothing" in proof.proves(nothing)
    assert "train exp_minus_loss is not an accuracy" in proof.proves(three[2])
    unscored = dataclasses.replace(one, bound=None, performance=None)
    assert "it was not scored" in proof.proves(unscored)


def test_what_bounds_are_based_on_is_said_with_the_sources(three):
    assumptions = proof.assumptions(three)
    for word in (
        "95 %",
        "1,197 training examples",
        "for all files of one training set",
        "Langford",
        "Maurer",
        "Lotfi",
    ):
        assert word in assumptions
    assert proof.assumptions([three[2]]) == ""


def test_plain_text_is_no_wider_than_requested(three):
    for width in (40, 80):
        lines = compressed.text(three, width).splitlines()
        paths = [f"  {one.path}" for one in three]  # kept whole, so that they can be copied
        assert [line for line in lines if line in paths] == paths
        assert max(len(line) for line in lines if line not in paths) <= width
        assert lines[0] == "Compressed files"
    assert len(compressed.text(three, 200).splitlines()) == 1 + 3 * len(three)


def test_csv_and_markdown_and_latex_have_a_line_for_each_file(three, one):
    rows = list(csv.DictReader(io.StringIO(compressed.to_csv(three))))
    assert [row["recipe"] for row in rows] == ["small", "wide", "sums"]
    assert float(rows[0]["binomial"]) == one.bound.binomial
    assert rows[2]["binomial"] == rows[2]["n"] == rows[0]["max_bytes"] == ""
    pipes = [line for line in compressed.markdown(three).splitlines() if line.startswith("|")]
    assert len(pipes) == 2 + len(three)
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in pipes}) == 1
    table = re.search(r"\\begin\{tabular\}\{(.*?)\}(.*?)\\end", latex.files(three), re.DOTALL)
    lines = [line for line in table[2].splitlines() if line.endswith(r"\\")]
    assert len(lines) == 1 + len(three)
    assert {line.count(" & ") for line in lines} == {len(table[1]) - 1}


def axes_of(chart):
    with style.style():
        return chart.build(style.FILE).axes[0]


def test_bars_of_bits_are_problem_by_problem_and_ascend(three):
    chart = bars.description_lengths(three, "x")
    axes = axes_of(chart)
    by_bits = sorted((one for one in three if one.bound), key=lambda one: one.bits)
    assert [bar.get_width() for bar in axes.patches] == [*(one.bits for one in by_bits), three[2].bits]
    assert [text.get_text() for text in axes.get_yticklabels()][-1] == "toy, toy"
    assert axes.texts[0].get_text() == f"{by_bits[0].bits:,.0f} at {by_bits[0].performance:.4f}"
    assert "those of the whole file" in chart.note
    assert axes.get_xscale() == "linear"


def test_long_names_of_bars_are_reported_in_full(three):
    usual = bars.description_lengths(three, "x").build(style.FILE).get_figheight()
    names = ["digits-by-hand-in-8x8-pixels", "digits with shuffled labels"]
    long = [dataclasses.replace(three[0], recipe=name) for name in names]
    chart = bars.description_lengths([*long, three[2]], "x")
    shown = [text.get_text().replace("\n", " ") for text in axes_of(chart).get_yticklabels()]
    assert sorted(shown) == sorted(compressed.labels([*long, three[2]]))
    assert chart.build(style.FILE).get_figheight() > usual


def test_bars_of_very_different_bits_have_a_log_axis(three, one):
    huge = dataclasses.replace(one, recipe="huge", bound=dataclasses.replace(one.bound, bits=1e6))
    axes = axes_of(bars.description_lengths([*three, huge], "x"))
    assert axes.get_xscale() == "log"
    assert "log axis" in axes.get_xlabel()


def test_words_of_the_bars_are_within_the_figure(three, one):
    huge = dataclasses.replace(one, recipe="huge", bound=dataclasses.replace(one.bound, bits=1e6))
    for found in (three, [*three, huge]):
        for page in (False, True):
            with style.style(page):
                figure = bars.description_lengths(found, "x").build(style.PAGE if page else style.FILE)
                figure.canvas.draw()
                assert figure.get_tightbbox().x1 <= figure.get_size_inches()[0]


def test_one_file_makes_no_bars(one):
    assert bars.description_lengths([one], "x") is None


def page_of(*paths, out, **options):
    done = report(list(paths), out, **options)
    return Page(done.page.read_text(encoding="utf-8")), done


def test_the_page_of_a_run_has_its_file_with_what_that_proves(packed, tmp_path):
    page, done = page_of(packed / "small", out=tmp_path / "out")
    (one,) = done.compressed
    for word in (
        f"{one.bytes} bytes", "times smaller than D x 4", f"{one.bound.bits:,.0f}, of the network", one.goal,
        f"{one.bound.wrong} of 1,197 examples wrong", "(PAC-Bayes), with 95 % confidence",
        "for all files of one training set", "Bytes against performance", "A single run",
    ):  # fmt: skip
        assert word in page.text, word
    assert "Minimum description length" not in page.text  # of which one file tells nothing
    assert [path.name for path in done.figures][-3:] == [
        f"digits-fc-frontier.{kind}" for kind in ("png", "svg", "pdf")
    ]
    assert done.error is None
    assert done.inputs.notes == ()


def test_files_alone_make_a_page_of_their_own(packed, small, tmp_path):
    other = packed / "wide" / "runs" / "only" / "checkpoint.idim"
    done = page_of(small, other, out=tmp_path / "out")[1]
    assert done.results == done.entries == done.inputs.notes == ()
    assert len(done.compressed) == 2
    page, done = page_of(packed, out=tmp_path / "out")
    assert done.error is None
    assert "Compressed networks: digits, fc; toy, toy" in page.text
    assert f"idim report {packed} --out {tmp_path / 'out'}" in page.text
    for word in ("Reading", "All runs", "d_int", "Variance by seed"):
        assert word not in page.text
    assert {one["href"] for one in page.all("a")} == {"#compressed", "#reproduce"}
    assert sorted({path.stem for path in done.figures}) == ["compressed-bits", "digits-fc-small-frontier"]
    (note,) = done.inputs.notes
    assert note.startswith(f"no runs at {packed}")


def test_the_table_of_a_page_has_few_columns_and_says_which_file_is_which(three):
    shown = compressed_files(three, "x").as_page()
    head = ["file", "problem, model", "d", "values", "bytes", "performance", "error <= (binomial)"]
    assert shown["head"] == head
    assert [line[0] for line in shown["lines"]] == [
        f"{name}/runs/only/checkpoint.idim" for name in ("small", "wide", "sums")
    ]
    assert [line[1:5] for line in shown["lines"]] == [
        [
            f"{one.dataset}, {one.recipe}, {one.model}",
            str(one.d),
            str(one.levels or "float32"),
            str(one.bytes),
        ]
        for one in three[:2]
    ] + [["toy, toy", str(three[2].d), str(three[2].levels or "float32"), str(three[2].bytes)]]
    other = [*three[:2], dataclasses.replace(three[2], projector="dense")]
    shown = compressed_files(other, "x").as_page()
    assert (shown["head"][1], shown["lines"][2][1]) == ("problem, model, projector", "toy, toy, dense")


def test_a_page_without_a_frontier_has_no_place_for_one(packed, tmp_path):
    page, done = page_of(packed / "wide", out=tmp_path / "out")
    assert "Bytes against performance" not in page.text
    assert [path.stem for path in done.figures if "frontier" in path.name] == []


def test_other_forms_of_a_network_are_next_to_its_file(packed, small, tmp_path):
    forms = [{"form": "coords, float16", "bytes": 2_000, "performance": 0.875}]
    forms += [{"form": "zeros, xz", "bytes": 34, "performance": None}]
    change(small, compared=forms)
    (one,) = find([packed / "small"])[0]
    head, own, *others = compressed.forms(one)
    assert head == ["form of the network", "bytes", "validation accuracy"]
    assert own == ["this file", str(one.bytes), f"{one.performance:.4f}"]
    assert others == [["coords, float16", "2,000", "0.8750"], ["zeros, xz", "34", ""]]
    page = page_of(packed, out=tmp_path / "out")[0]
    assert page.text.count("Other forms of the same network") == 1
    assert "coords, float16 2,000 0.8750" in page.text
    assert "### Other forms of digits, fc" in compressed.markdown([one])
    assert "| coords, float16 |" in compressed.markdown([one])


def test_without_compressed_files_nothing_is_said(swept, tmp_path):
    page, done = page_of(swept, out=tmp_path / "out")
    assert done.compressed == ()
    assert "Compressed" not in page.text
    assert "compressed" not in {one.get("id") for _, one in page.tags}
    assert not [one for one in page.all("a") if one["href"] == "#compressed"]


def test_a_damaged_record_costs_neither_the_page_nor_the_others(packed, small, tmp_path):
    change(small, bytes=1)
    done = page_of(packed / "small", packed / "wide", out=tmp_path / "out")[1]
    assert [one.recipe for one in done.compressed] == ["wide"]
    (note,) = done.inputs.notes
    assert note.startswith(f"left out: {small}.json describes 1 bytes")


def test_nothing_but_damaged_records_is_an_error(small, tmp_path):
    change(small, D=...)
    with pytest.raises(IdimError, match="damaged: D"):
        report(small, tmp_path / "out")
    with pytest.raises(IdimError, match=r"no\.idim has no record"):
        report([small, tmp_path / "no.idim"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_files_give_the_same_bytes(packed, tmp_path):
    first = page_of(packed, out=tmp_path / "out")[1]
    files = {path: path.read_bytes() for path in (first.page, *first.figures)}
    again = page_of(packed, out=tmp_path / "out")[1]
    assert {path: path.read_bytes() for path in (again.page, *again.figures)} == files


def test_names_in_records_stay_text(small, tmp_path):
    change(small, model="<script>alert(1)</script>", dataset='a"b/../c')
    page, done = page_of(small, out=tmp_path / "out")
    assert page.all("script") == [{}]
    assert "<script>alert(1)</script>" in page.text
    assert {path.parent for path in done.figures} == {tmp_path / "out"}
