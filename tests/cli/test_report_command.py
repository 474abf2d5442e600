import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from idim_cli.cli import report, threshold
from idim_cli.cli.verb import verb
from idim_cli.core.errors import FileError, IdimError
from idim_cli.runs import results

RUNS = Path(__file__).parents[1] / "reports" / "mnist-fc.csv"
KINDS = ("pdf", "png", "svg")
FIGURES = [f"mnist-fc-{name}.{kind}" for name in ("all", "problems", "sparse", "tied") for kind in KINDS]
RECIPE = """
name: mnist-fc
dataset: mnist
model: fc
training: {epochs: 1}
threshold: {baseline: best, fraction: 0.95}
"""

app = typer.Typer()
app.command()(verb(report.command))


def call(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, IdimError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def folder(tmp_path):
    """A results folder that holds its table alone."""
    (folder := tmp_path / "made").mkdir()
    shutil.copy(RUNS, folder / results.TABLE)
    return folder


@pytest.fixture
def no_drawing(monkeypatch):
    """Figures of no content, where drawing is not what is tested; records how performance is drawn."""
    from idim_cli.reports.plots import chart, figure

    calls = []

    def build(points, reading, **options):
        calls.append(options)

    def files(self, form):
        if not self.slug.endswith(("-all", "-problems")):
            self.build(form)
        return dict.fromkeys(chart.KINDS, b"")

    monkeypatch.setattr(figure, "build", build)
    monkeypatch.setattr(chart.Chart, "files", files)
    monkeypatch.setattr(chart.Chart, "inline", lambda self: f"<svg aria-label='{self.slug}'></svg>")
    return calls


def test_table_on_stdout_figures_next_to_the_results_and_talk_on_stderr(folder):
    result = call(folder)
    assert sorted(path.name for path in (folder / "made-report").iterdir()) == FIGURES
    first, second, third = result.stdout.splitlines()
    assert first.split()[:3] == ["problem", "D", "d_int90"]
    assert second.split()[:3] == ["tied", "199,210", "726"]
    assert third.split()[:3] == ["sparse", "199,210", "739"]
    assert "-v adds" in result.stderr
    page = folder / "made-report.html"
    # A slow machine is told how far it is before.
    assert result.stderr.endswith(f"wrote {page} and {len(FIGURES)} files of figures\n")


def test_each_group_and_its_performance_at_each_d_come_with_v(folder, no_drawing):
    first, *_ = told = call(folder, "-v").stdout.splitlines()
    assert first.split()[:3] == ["problem", "D", "d_int90"]
    at = told.index("mnist, fc, tied, D = 199,210")
    assert told[at + 1].startswith("726 of 199,210 numbers (0.36 %) are enough; ")
    header = [line.split() for line in told if line.split()[:2] == ["d", "runs"]]
    assert header == [["d", "runs", "mean", "sd", "min", "max", "reached"]] * 2


def test_a_group_that_is_alone_is_reported_as_threshold_reports_it(folder, no_drawing):
    done = call(folder, "--where", "projector=tied", "--where", "projector=identity")
    assert done.stdout.startswith(
        "mnist, fc, tied, D = 199,210\n726 of 199,210 numbers (0.36 %) are enough; "
    )
    assert "validation accuracy against" in done.stdout
    assert "sd     min" not in done.stdout
    assert "d_int100" not in done.stdout


def test_what_speaks_against_readings_is_said_once(tmp_path, no_drawing):
    lines = ["model,d,performance,direct,chance"]
    for model in "ab":
        lines += [f"{model},{d},{0.5 + d / 100},0,.9" for d in (1, 2, 3)] + [f"{model},9,.95,1,.9"]
    (tmp_path / "runs.csv").write_text("\n".join(lines))
    done = call(tmp_path / "runs.csv", "--group-by", "model")
    assert done.stdout.replace("\n", " ").count("a constant answer reaches the level") == 1
    assert "(a; b)" in done.stdout.replace("\n", " ")


def test_threshold_draws_the_same_plot(folder, no_drawing):
    other = typer.Typer()
    other.command()(threshold.command)
    for plot in CliRunner().invoke(other, [str(folder)]).stdout.rstrip().split("\n\n")[1::2]:
        assert plot.startswith("validation accuracy against subspace dimension d")
        assert plot in call(folder, "-v").stdout


def test_a_plot_of_plain_characters_is_below_each_table(folder, no_drawing):
    lines = call(folder, "-v").stdout.splitlines()
    assert sum(line.startswith("validation accuracy against subspace dimension d") for line in lines) == 2
    plots = "\n".join(lines)
    assert "━ d_int90 " in plots
    assert "\x1b" not in plots
    start = next(i for i, line in enumerate(lines) if "against subspace" in line)
    assert max(len(line) for line in lines[start : start + 16]) <= 80


def test_figures_of_a_csv_are_next_to_it_or_where_requested(folder, no_drawing):
    call(folder / results.TABLE)
    call(folder / results.TABLE, "--out", folder / "a" / "b")
    assert sorted(path.name for path in (folder / "results-report").iterdir()) == FIGURES
    written = sorted(path.name for path in (folder / "a" / "b").iterdir())
    assert written == sorted([*FIGURES, "results-report.html"])


def test_results_that_cannot_be_written_next_to_have_their_table_alone(folder, no_drawing, monkeypatch):
    def refuse(path, *content, **settings):
        raise OSError(30, "Read-only file system", str(path))

    expected = call(folder, "--format", "csv").stdout
    monkeypatch.setattr(results, "write_atomic", refuse)
    result = call(folder, "--format", "csv")
    assert result.stdout == expected
    assert "Read-only file system" in result.stderr
    assert "--out" in result.stderr
    assert json.loads(call(folder, "--json").stdout)["page"] is None
    refused = CliRunner().invoke(app, [str(folder), "--out", str(folder / "elsewhere")])
    assert isinstance(refused.exception, FileError)  # as the verb tells an OSError


def test_several_results_come_side_by_side_in_one_page(folder, no_drawing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other.csv"
    other.write_text("d,performance\n0,1\n10,0.5\n20,0.95\n")
    result = call(folder, other, folder, "--json")
    assert json.loads(result.stdout)["page"] == "report/made-other-made-report.html"
    page = (tmp_path / "report" / "made-other-made-report.html").read_text()
    for name in ("mnist-fc-tied-linear", "other-linear", "mnist-fc~2-tied-log"):
        assert f"aria-label='{name}'" in page
    assert page.count("<td>reached</td>") == 5


def test_a_group_without_a_baseline_gets_a_page_and_exit_code_2(folder, no_drawing):
    lines = [line for line in RUNS.read_text().splitlines() if ",identity," not in line]
    (folder / results.TABLE).write_text("\n".join(lines) + "\n")
    with pytest.raises(IdimError, match="no direct runs"):
        call(folder)
    page = (folder / "made-report.html").read_text()
    assert "no direct runs" in page
    assert "aria-label='mnist-fc-tied-linear'" in page


@pytest.mark.parametrize(
    ("form", "start"),
    [("table", "problem"), ("markdown", "## Readings"), ("csv", "dataset,model"), ("latex", "% needs")],
)
def test_formats(folder, no_drawing, form, start):
    assert call(folder, "--format", form).stdout.startswith(start)


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "latex"])
def test_groups_of_several_results_say_whose_they_are(folder, no_drawing, tmp_path, form):
    other = tmp_path / "other.csv"
    shutil.copy(folder / results.TABLE, other)
    text = other.read_text().replace(",mnist,", ",other,")
    other.write_text(text)
    flags = ["--format", form, "--out", tmp_path / "out"]
    assert "results" not in call(folder, *flags).stdout.partition("\n")[0]
    told = call(folder, other, folder, "-v", *flags).stdout
    if form == "csv":
        rows = told.splitlines()
        assert rows[0].startswith("results,")
        assert {row.partition(",")[0] for row in rows[1:]} == {"mnist-fc", "mnist-fc~2", "mnist-fc~3"}
    else:
        tilde = r"\textasciitilde{}" if form == "latex" else "~"
        for name in ("mnist-fc: mnist", f"mnist-fc{tilde}2: other", f"mnist-fc{tilde}3: mnist"):
            assert name in told
    groups = json.loads(call(folder, other, "--json", *flags[2:]).stdout)["groups"]
    assert [group["group"]["results"] for group in groups] == ["mnist-fc"] * 2 + ["mnist-fc~2"] * 2


def test_json_has_groups_readings_rows_and_figures(folder, no_drawing):
    told = json.loads(call(folder, "--json").stdout)
    assert [group["group"]["projector"] for group in told["groups"]] == ["tied", "sparse"]
    assert {group["reading"]["verdict"] for group in told["groups"]} == {"reached"}
    assert sorted(Path(path).name for path in told["figures"]) == FIGURES
    assert Path(told["page"]).is_file()


def test_reading_by_flags_then_by_the_recipe_then_by_default(folder, no_drawing):
    def read(*flags):
        reading = json.loads(call(folder, "--json", *flags).stdout)["groups"][0]["reading"]
        return reading["baseline_kind"], reading["fraction"], reading["rule"]

    assert read() == ("model", 0.9, "isotonic")
    assert read("--baseline", "1.0", "--rule", "first") == ("fixed", 0.9, "first")
    (folder / results.RECIPE).write_text(RECIPE)
    assert read() == ("best", 0.95, "isotonic")
    assert read("--fraction", "0.8") == ("best", 0.8, "isotonic")


def test_report_reads_as_threshold_does(folder, no_drawing):
    (folder / results.RECIPE).write_text(RECIPE)
    other = typer.Typer()
    other.command()(verb(threshold.command))
    for flags in ([], ["--paper"], ["--confidence", "0.8", "--centre", "median"], ["--baseline", "1.0"]):
        told = (
            CliRunner().invoke(other, [str(folder), "-v", *flags]).stdout.split("\n\n")[::2]
        )  # the others are plots
        reported = call(folder, "-v", *flags).stdout
        for block in told:
            reading = block.partition("\n")[2].strip()
            assert "\n  d_int" in reading
            assert reading in reported
        for line in told[0].splitlines():
            if line.startswith("  level"):
                assert (
                    line.removeprefix("  level").strip()
                    in call(folder, "--format", "markdown", *flags).stdout
                )


@pytest.mark.parametrize(("flags", "log"), [([], None), (["--log"], True), (["--linear"], False)])
def test_axis_flags(folder, no_drawing, flags, log):
    call(folder, *flags)
    assert {options["log"] for options in no_drawing} == {log}
    page = (folder / "made-report.html").read_text()
    assert (' id="axis-log" checked>' in page) == (log is True)


def test_published_points_are_behind_without_their_direct_runs(folder, no_drawing):
    (folder / "paper.csv").write_text("d,performance\n0,0.98\n100,0.5\n200,0.7\n200,0.72\n")
    call(folder, "--published", folder / "paper.csv")
    assert no_drawing[0]["published"].d == (100, 200, 200)
    assert no_drawing[0]["published"].mean == (0.5, 0.7, 0.72)
    call(folder, "--published", RUNS)
    assert max(no_drawing[-1]["published"].d) == 1000
    call(folder, "--published", "mnist-fc")
    assert len(no_drawing[-1]["published"].d) > 50
    call(folder, "--published", "mnist-lenet")  # of another D
    assert no_drawing[-1]["published"] is None
    assert "have D = 44,426, not 199,210, and are not drawn" in (folder / "made-report.html").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no file"), ("x,performance\n1,1\n", "no column d"), ("d,performance\n1,a\n", "not a number")],
)
def test_faulty_published_points_are_named_before_anything_is_written(folder, content, message):
    if content is not None:
        (folder / "paper.csv").write_text(content)
    with pytest.raises(IdimError, match=message):
        call(folder, "--published", folder / "paper.csv")
    assert {path.name for path in folder.iterdir()} <= {results.TABLE, "paper.csv"}


def test_faulty_flags_and_paths_are_usage_errors(folder):
    for arguments in ([folder / "nowhere"], [folder, "--rule", "firts"], [folder, "--baseline", "modle"]):
        with pytest.raises(IdimError) as caught:
            call(*arguments)
        assert caught.value.exit_code == 2


def test_a_group_that_cannot_be_read_is_named_on_stderr(folder, no_drawing):
    lines = RUNS.read_text().splitlines()
    more = [line.replace(",mnist,fc", ",digits,fc") for line in lines if ",sparse," in line]
    (folder / results.TABLE).write_text("\n".join([*lines, *more]) + "\n")
    result = call(folder)
    assert "left out: digits, fc, sparse" in result.stderr
    assert "digits" not in result.stdout


def test_a_rerun_writes_the_same_bytes(folder):
    call(folder)
    first = {path.name: path.read_bytes() for path in (folder / "made-report").iterdir()}
    call(folder)
    assert {path.name: path.read_bytes() for path in (folder / "made-report").iterdir()} == first


def test_figures_of_papers_have_their_size_and_no_caption(folder):
    call(folder, "--figure-size", "3.3x2.5", "--no-caption")
    svg = (folder / "made-report" / "mnist-fc-tied.svg").read_text()
    assert 'width="237.6pt" height="180pt"' in svg
    assert "mnist, fc, tied" not in svg
    assert "--figure-size 3.3x2.5 --no-caption" in (folder / "made-report.html").read_text()
    for size in ("3.3", "axb", "0x1", "nanx2"):
        with pytest.raises(IdimError):
            call(folder, "--figure-size", size)


def test_an_axis_is_not_of_both_kinds(cli, folder):
    refused = cli("report", str(folder), "--log", "--linear")
    assert refused.exit_code == 2
    assert "--log and --linear exclude each other" in refused.stderr


def test_another_format_is_refused_in_plain_words(cli, folder):
    refused = cli("report", str(folder), "--format", "pdf")
    assert refused.exit_code == 2
    assert "'pdf' is not one of 'table'" in " ".join(refused.stderr.split())
    assert "Value error" not in refused.stderr
