"""The page itself: well-formed, complete without a network, and true to what is missing."""

import re
import shutil
from pathlib import Path

import pytest
from page_parser import Page

from idim_cli.core.errors import IdimError
from idim_cli.reports.plots import style
from idim_cli.reports.plots.inline import COLOURS
from idim_cli.reports.report import report
from idim_cli.thresholds import PAPER


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page about a real table of runs, drawn once: its file and its text."""
    out = tmp_path_factory.mktemp("page")
    done = report(Path(__file__).with_name("mnist-fc.csv"), out, published="mnist-fc")
    return done, done.page.read_text(encoding="utf-8")


def drawn(path, *more, **options):
    """The page of results, and what was made, without drawing."""
    done = report([path, *more], path.parent / "out", **options)
    return Page(done.page.read_text(encoding="utf-8")), done


@pytest.fixture
def no_drawing(monkeypatch):
    from idim_cli.reports.plots.chart import Chart

    monkeypatch.setattr(Chart, "files", lambda self, form=None: dict.fromkeys(style.KINDS, b""))
    monkeypatch.setattr(Chart, "inline", lambda self: f'<svg role="img" aria-label="{self.slug}"></svg>')


def test_well_formed_with_ids_of_its_own(made):
    page = Page(made[1])
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 20
    for key in ("href", "for", "aria-describedby", "clip-path"):
        for _, attributes in page.tags:
            for target in re.findall(r"#([\w.~-]+)", attributes.get(key, "") if key != "for" else ""):
                assert target in ids, (key, target)
    assert {label["for"] for label in page.all("label")} <= set(ids)
    used = set(re.findall(r"url\(#([^)]+)\)", made[1]))
    assert used
    assert used <= set(ids)


def test_tables_sort_by_the_whole_number(made):
    pattern = re.search(r"text\.match\(/(.*)/i\)", made[1])[1]
    for text in ("1e-05", "1.2E+3", "-0.5", "1,000", ".5"):
        assert re.match(pattern, text, re.IGNORECASE)[1] == text
    assert re.match(pattern, "> 40 runs", re.IGNORECASE)[1] == "40"


def test_nothing_is_fetched(made):
    assert not re.search(r"https?:|@import|src=|<link|url\((?!#)", made[1])


def test_every_figure_is_reported_in_words(made):
    figures = Page(made[1]).all("svg")
    assert len(figures) == 7  # all groups, two groups on two axes, trained parameters, bars
    for figure in figures:
        assert figure["role"] == "img"
        assert len(figure["aria-label"]) > 10
        assert figure["aria-describedby"]
    assert Page(made[1]).text.count("The level 0.88") == 4


def test_colours_are_those_of_the_page_in_both_schemes_and_in_print(made):
    styles = re.search(r"<style>(.*?)</style>", made[1], re.DOTALL)[1]
    roots = [
        set(re.findall(r"--(\w+):", block)) for block in re.findall(r":root \{(.*?)\}", styles, re.DOTALL)
    ]
    assert len(roots) == 3
    assert roots[0] == roots[1] > roots[2]
    dark, print_ = re.findall(r"@media ([^{]*) \{\s*:root", styles)
    assert dark == "screen and (prefers-color-scheme: dark)"  # so that paper is white
    assert print_ == "print"
    assert set(re.findall(r"var\(--(\w+)\)", made[1])) <= roots[0]
    assert set(COLOURS.values()) <= roots[0]
    figures = "".join(re.findall(r"<svg.*?</svg>", made[1], re.DOTALL))
    assert not re.findall(r"(?:fill|stroke): ?#[0-9a-fA-F]{3,6}", figures)
    assert "var(--blue)" in figures


def test_every_colour_of_the_figures_has_a_name():
    values = {v for v in vars(style).values() if isinstance(v, str) and re.fullmatch("#[0-9A-F]{6}", v)}
    assert {*values, *style.RAMP} == set(COLOURS)
    assert len(values) >= 10


def test_the_switch_of_the_axis_works_without_scripts(made):
    page = Page(made[1])
    radios = [one for one in page.all("input") if one["type"] == "radio"]
    assert [one["id"] for one in radios] == ["axis-linear", "axis-log"]
    assert ["checked" in one for one in radios] == [True, False]
    kinds = [one.get("class") for one in page.all("figure")]
    assert kinds.count("linear") == kinds.count("log") == 2


def test_the_headline_is_with_its_protocol(made):
    text = Page(made[1]).text
    for one in made[0].entries:
        reading = one.section.reading
        assert f"{reading.name} = {reading.value}" in text
        assert reading.interval_text in text
    for word in ("95 % interval", "baseline", "isotonic, mean of the runs at each d", "seeds that vary"):
        assert word in text
    assert "Grey points: Li et al. 2018" in text


def test_the_same_results_give_the_same_bytes(swept, tmp_path):
    first, again = (report(swept, tmp_path / "out") for _ in "ab")
    files = {path: path.read_bytes() for path in (first.page, *first.figures)}
    report(swept, tmp_path / "out")
    assert {path: path.read_bytes() for path in (again.page, *again.figures)} == files
    names = sorted(path.name for path in first.figures)
    kinds = ("pdf", "png", "svg")
    assert names == [f"{stem}.{kind}" for stem in ("made-up-learning", "made-up") for kind in kinds]


def test_all_runs_recipe_environment_and_commands(swept, no_drawing):
    page, _ = drawn(swept)
    rows = page.text
    for word in ("tied-d10-100-s1.1.1", "failed", "the loss is not finite", "name: made-up", "torch 2.0"):
        assert word in rows
    assert f"idim sweep {swept}/recipe.yaml --out {swept.parent}" in rows
    assert f"idim report {swept} --out {swept.parent}/out" in rows
    assert "sweep.seeds={theta0: [0, 1], projector: [0, 1], data: [0, 1]}" in rows
    assert [table for table in page.all("table") if table.get("class") == "sortable"]


def test_one_run_alone(runs, no_drawing):
    run = runs.add(10, 0.5)
    (run / "run.yaml").write_text("name: solo\ndataset: digits\nmodel: fc\nd: 10\ntraining: {epochs: 3}\n")
    for path in (run, runs.folder):
        page, done = drawn(path)
        assert done.error is None
        for word in ("A single run", "validation accuracy 0.5000", "made-up"):
            assert word in page.text
        assert [one["aria-label"] for one in page.all("svg")] == ["made-up-learning"]
    assert f"idim train {run}/run.yaml --out {runs.folder.parent} " in drawn(run)[0].text


def test_a_run_that_failed_alone(runs, no_drawing):
    page, done = drawn(runs.add(10, 0.0, status="failed", reason="out of memory", curve=False))
    assert done.error is None
    assert "no finished run" in page.text
    assert "out of memory" in page.text
    assert page.all("svg") == []


def test_a_level_that_is_not_reached(runs, no_drawing):
    runs.add(100, 0.9)
    for d in (10, 20):
        runs.add(d, d / 100)
    text = drawn(runs.folder)[0].text
    assert "d_int90 > 20" in text
    assert "not reached" in text
    assert "sweep.d=[10,20," in text


def test_runs_that_were_stopped(runs, no_drawing):
    runs.add(100, 0.9)
    early = {"stop_level": 0.81, "final_low": 0.4, "final_high": 0.9}
    for d, status, performance in ((10, "unsolved", 0.5), (20, "unsolved", 0.7), (40, "solved", 0.82)):
        runs.add(d, performance, status=status, **early)
    page, done = drawn(runs.folder, rule="curve")
    assert done.entries[0].section.reading.solved == 1
    assert "stopped early: 1 level reached, 2 level out of reach" in page.text
    assert "Variance by seed" not in page.text  # too few seeds to estimate it


def test_no_direct_runs_still_makes_a_page_without_a_reading(runs, no_drawing):
    runs.add(10, 0.5)
    runs.add(20, 0.7)
    page, done = drawn(runs.folder)
    assert isinstance(done.error, IdimError)
    assert "no direct runs" in page.text
    assert "Without a reading" in page.text
    assert "made-up-linear" in [one["aria-label"] for one in page.all("svg")]


def test_nothing_has_run_yet(runs, no_drawing):
    (runs.folder / "runs").mkdir()
    page, done = drawn(runs.folder)
    assert "no finished run" in page.text
    assert "All runs" not in page.text
    assert done.error is not None


def test_the_folder_of_runs_and_the_recipe_may_be_missing(swept, no_drawing, tmp_path):
    import pandas as pd

    from idim_cli.runs import results

    path = tmp_path / "table.csv"
    pd.DataFrame(results.table(swept)).to_csv(path, index=False)
    text = drawn(path)[0].text
    assert "d_int90 =" in text
    for part in ("Learning curves", "name: made-up", "torch 2.0", "idim sweep"):
        assert part not in text
    (swept / "recipe.yaml").unlink()
    assert "Learning curves" in drawn(swept)[0].text


def sections(page):
    """The ids of the sections of a page, and the ends of the links that lead to them."""
    links = [link["href"].removeprefix("#") for link in page.all("a")]
    return [one["id"] for one in page.all("section")], links


def test_no_section_is_empty(swept, runs_csv, tmp_path, no_drawing):
    one = drawn(swept)[0]
    assert sections(one)[0] == ["reading", "performance", "learning", "variance", "runs", "reproduce"]
    several = drawn(Path(shutil.copy(runs_csv, tmp_path)))[0]
    assert sections(several)[0] == ["reading", "performance", "problems", "variance", "runs", "reproduce"]
    for page in (one, several):
        assert sections(page)[0] == sections(page)[1]
        assert "This takes" not in page.text


def test_published_points_that_are_missing_are_said(swept, no_drawing):
    recipe = swept / "recipe.yaml"
    recipe.write_text(recipe.read_text() + "published: lost.csv\n")
    assert (
        "The published points that the recipe names are not drawn: no file 'lost.csv'" in drawn(swept)[0].text
    )


def test_options_reach_the_page_and_its_commands(swept, no_drawing):
    page, _ = drawn(swept, baseline=1.0, fraction=0.8)
    assert "d_int80" in page.text
    assert f"idim threshold {swept} --baseline 1.0 --fraction 0.8" in page.text
    page, _ = drawn(swept, options=PAPER, confidence=0.8)
    assert f"idim threshold {swept} --paper --confidence 0.8" in page.text
    assert "idim threshold" in page.text


def test_the_command_of_a_page_reports_all_that_was_given(swept, runs_csv, no_drawing):
    recipe = swept / "recipe.yaml"
    recipe.write_text(recipe.read_text() + "threshold: {fraction: 0.8}\n")
    page, _ = drawn(swept, runs_csv, fraction=0.8, log=True, published="mnist-fc")
    out = swept.parent / "out"
    command_line = f"idim report {swept} {runs_csv} --out {out}"
    assert f"{command_line} --fraction 0.8 --log --published mnist-fc" in page.text
    page, _ = drawn(swept, runs_csv, options=PAPER, log=False)
    assert f"{command_line} --paper --linear" in page.text


def test_the_commands_of_a_page_about_the_folder_one_is_in(swept, no_drawing, monkeypatch):
    monkeypatch.chdir(swept)
    page = Page(report(".", "out").page.read_text(encoding="utf-8"))
    assert "idim sweep recipe.yaml --out .. idim threshold . idim report . --out out" in page.text


def test_a_page_takes_the_place_of_an_earlier_one_with_its_figures(swept, no_drawing):
    (out := swept.parent / "out").mkdir()
    mine = [out / "mine.png", out / "swept.txt"]
    for path in mine:
        path.write_text("")
    first = drawn(swept)[1]
    assert first.figures
    second = report(swept, out, log=True)
    assert first.page == second.page
    assert {path.name for path in first.figures} - {path.name for path in second.figures}
    assert set(out.iterdir()) == {*mine, *second.figures, second.page}


@pytest.mark.parametrize("names", ["../mine.png", "/tmp/mine.png", "mine.txt", "."])
def test_a_page_of_others_names_nothing_that_is_removed(swept, no_drawing, names):
    (out := swept.parent / "out").mkdir()
    for path in (out / "mine.txt", swept.parent / "mine.png"):
        path.write_text("")
    (out / "made-up-report.html").write_text(f'<meta name="idim-figures" content="{names}">')
    drawn(swept)
    assert (out / "mine.txt").exists()
    assert (swept.parent / "mine.png").exists()


def test_the_footer_reports_what_was_read(swept, no_drawing):
    assert "d_int85 is the smallest" in (text := drawn(swept, fraction=0.85)[0].text)
    assert "reaches 85 % of the baseline" in text
    assert "d_int90" not in text.partition("d_int85 is the smallest")[2]


@pytest.mark.parametrize("odd", [5, "text", [1, None], {"a": 1}])
def test_an_odd_note_on_the_data_does_not_cost_the_page(runs, no_drawing, odd):
    runs.add(100, 0.9, data=odd)
    runs.add(10, 0.9)
    assert drawn(runs.folder)[1].error is None


def test_what_users_write_stays_text(swept, no_drawing):
    recipe = swept / "recipe.yaml"
    recipe.write_text(recipe.read_text() + "# <script>alert(1)</script> & `more`\n")
    page, _ = drawn(swept)
    assert len(page.all("script")) == 1
    assert "<script>alert(1)</script> & `more`" in page.text


def test_names_of_others_make_safe_files_and_ids(tmp_path, no_drawing):
    path = tmp_path / "a #1.csv"
    path.write_text('d,performance,recipe\n0,0.9,"../../x ""y"""\n10,0.3,\n20,0.85,\n')
    page, done = drawn(path)
    assert {file.name for file in done.figures} == {"x-y.png", "x-y.svg", "x-y.pdf"}
    assert {file.parent for file in done.figures} == {tmp_path / "out"}
    assert '../../x "y"' in page.text


def test_results_of_one_name_get_files_of_their_own(swept, no_drawing):
    page, done = drawn(swept, swept)
    names = {file.stem for file in done.figures}
    assert names == {
        "made-up",
        "made-up-learning",
        "made-up~2",
        "made-up~2-learning",
        "all-problems",
        "all-all",
    }
    assert page.text.count("made-up~2") > 2


def test_every_fact_of_a_reading_is_on_a_narrow_screen(made):
    """Cells of a row stand in a grid as wide as the page, the headline in its first line of numbers."""
    narrow = re.search(r"max-width: 52rem\) \{\s*(#reading .*?)\n\}", made[1], re.DOTALL)[1]
    columns = re.search(r"#reading tr \{ display: grid; grid-template-columns: ([^;]*);", narrow)[1].split()
    heads = re.search(r"All readings</caption>\s*<thead><tr>(.*?)</tr>", made[1], re.DOTALL)[1]
    names = re.findall(r"<th[^>]*>(.*?)</th>", heads)
    assert "#reading tr > :first-child { grid-column: 1 / -1; }" in narrow
    assert "d_int90" in names[1 : 1 + len(columns)]
    assert (len(names) - 1) % len(columns) == 0
    assert "#reading td, #reading th { white-space: normal" in made[1]  # so that none is cut on wider ones


def test_each_reading_of_several_results_reports_its_folder(swept, no_drawing, tmp_path):
    shutil.copytree(swept, tmp_path / "again")
    page, _ = drawn(swept, tmp_path / "again")
    assert page.texts_of("place") == [str(swept), str(tmp_path / "again")] * 2  # in the table, in the cards
    assert drawn(swept)[0].texts_of("place") == []


def named(folder, name):
    """Two d against a fixed baseline, with a learning curve, under a recipe of this name."""
    made = type(folder)(folder.folder.parent / name)
    for d in (10, 20):
        made.add(d, d / 20, recipe=name)
    return made.folder


def test_names_of_figures_never_meet(runs, no_drawing):
    several = [named(runs, name) for name in ("a", "A", "a-learning", "all")]
    page, done = drawn(*several, baseline=1.0)
    names = [file.name.casefold() for file in done.figures]
    assert len(names) == len(set(names)) == 3 * 10  # two of each result, all groups, and the bars
    shown = [svg["aria-label"] for svg in page.all("svg")]
    assert len(shown) == len(set(shown)) == 3 * 4 + 2


def test_names_of_no_safe_letters_make_no_hidden_files(runs, no_drawing):
    _, done = drawn(named(runs, "数"), named(runs, "字"), baseline=1.0)
    names = {file.stem for file in done.figures}
    assert {"results", "results-learning"} < names
    assert len(names) == 6
    assert all(name[0].isalpha() for name in names)


def test_one_row_that_idim_did_not_write_is_judged_as_any_table(tmp_path, no_drawing):
    path = tmp_path / "one.csv"
    path.write_text("d,score\n10,0.5\n")
    page, done = drawn(path)
    assert "no column 'performance'" in str(done.error)
    assert "no column 'performance'" in page.text


def test_infinite_numbers_of_any_column_are_shown(tmp_path, no_drawing):
    path = tmp_path / "runs.csv"
    path.write_text("d,performance,loss\n0,1.0,0.5\n10,0.5,inf\n20,0.95,-inf\n")
    page, done = drawn(path)
    assert done.error is None
    assert " inf " in page.text
    assert " -inf " in page.text


def test_no_results_is_an_error(tmp_path):
    with pytest.raises(IdimError, match="no results"):
        report([])
    with pytest.raises(IdimError, match="no results"):
        report(tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_result_comes_first_and_its_words_are_reported_once(swept, runs_csv, tmp_path, no_drawing):
    page = drawn(swept)[0]
    (lead,) = page.texts_of("lead")
    assert re.fullmatch(r"\d+ of [\d,]+ numbers \([\d.]+ %\) are enough; 95 % interval .*\.", lead)
    assert page.text.index(lead) < page.text.index("d_int90 =")
    several = drawn(Path(shutil.copy(runs_csv, tmp_path)))[0]
    assert not several.texts_of("lead")
    assert several.text.count(" are enough; 95 % interval ") == 2
    for one in (page, several):
        assert one.text.count("the performance that counts as 100 %") == 1
        assert one.text.count("the smallest dimension d of a random subspace") == 1


def test_solved_and_unsolved_are_reported_where_runs_were_stopped(runs, no_drawing):
    runs.add(100, 0.9)
    for d, status in ((10, "unsolved"), (40, "solved")):
        runs.add(d, 0.7 + d / 300, status=status, stop_level=0.81, final_low=0.4, final_high=0.9)
    assert (
        "solved, unsolved status of a run that was stopped early" in drawn(runs.folder, rule="curve")[0].text
    )
