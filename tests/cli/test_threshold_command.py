"""`idim threshold` on files and folders."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from idim_cli.cli.threshold import command
from idim_cli.core.errors import IdimError
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import load
from idim_cli.reports.report import report
from idim_cli.runs.results import TRAININGS
from idim_cli.thresholds import threshold

HEADER = "problem,series,x,acc\n"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Two problems; a saturating curve each, with three runs and direct ones at x = 0."""
    rng = np.random.default_rng(0)
    path = tmp_path / "points.csv"
    lines = []
    for problem, scale in (("MNIST", 1.0), ("CIFAR-10", 0.6)):
        for series, grid in ((f"net, 3 runs (x=0: {problem})", [0, 100, 300, 500, 600, 700, 900, 1200]),):
            for x in grid:
                mean = scale * (x / (x + 70) if x else 1.0)
                noisy = mean + 0.003 * rng.standard_normal(3)
                lines += [f'{problem},"{series}",{x},{p:.4f}\n' for p in noisy]
    path.write_text(HEADER + "".join(lines))
    return path


def run(*args: object, code: int = 0):
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(a) for a in args])
    if isinstance(result.exception, IdimError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


COLUMNS = ("--column", "d=x", "--column", "performance=acc")
MNIST = ("--where", "problem=MNIST", "--where", "series=net, 3 runs (x=0: MNIST)")


def test_a_foreign_csv(published: Path) -> None:
    out = run(published, *COLUMNS, *MNIST).stdout
    assert re.match(r"\d+ numbers are enough; 95 % interval \d+-\d+\n  d_int90    \d+, reached\n", out)
    assert "21, 3 at each of 7 d from 100 to 1200" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out


def test_json(published: Path) -> None:
    (reading,) = json.loads(run(published, *COLUMNS, *MNIST, "--json").stdout)["estimates"]
    assert reading["group"] == {}
    assert reading["low"] < 630 < reading["high"]
    assert reading["verdict"] == "reached"
    assert reading["rule"] == "isotonic"


def test_paper(published: Path) -> None:
    options = (*COLUMNS, *MNIST, "--paper", "--json")
    (own,) = json.loads(run(published, *options).stdout)["estimates"]
    assert (own["rule"], own["value"], own["baseline_kind"]) == ("first", 700, "model")
    assert "paper's bootstrap" in own["interval"]
    (fixed,) = json.loads(run(published, *options, "--baseline", "0.5", "--fraction", 1).stdout)["estimates"]
    assert (fixed["level"], fixed["value"]) == (0.5, 100)


def test_all(published: Path) -> None:
    out = run(published, *COLUMNS, *MNIST, "--all").stdout
    assert len(out.splitlines()) == 11
    assert "first above .90 x 1.0 (global baseline)" in out.splitlines()[1]
    assert max(map(len, out.splitlines())) <= 80
    (block,) = json.loads(run(published, *COLUMNS, *MNIST, "--all", "--json").stdout)["groups"]
    assert len(block["readings"]) == 10


def test_groups(published: Path) -> None:
    out = run(published, *COLUMNS, "--group-by", "problem").stdout
    assert re.search(r"problem MNIST\n\d+ numbers are enough; ", out)
    assert re.search(r"problem CIFAR-10\n\d+ numbers are enough; ", out)


def test_not_reached_is_exit_code_3(published: Path) -> None:
    out = run(published, *COLUMNS, "--group-by", "problem", "--baseline", "1.0", code=3).stdout
    assert "d_int90 > 1200" in out
    assert "add larger d: 1800, 2400, 3600, 4800" in out


def test_a_mixture_is_pointed_out(published: Path) -> None:
    result = run(published, *COLUMNS)
    assert "differ in problem, series" in result.stderr
    assert "note" not in result.stdout
    assert not run(published, *COLUMNS, *MNIST).stderr


def test_a_direct_column_recognises_identity(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("d,performance,projector\n10,.5,tied\n20,.95,tied\n999,1,identity\n")
    assert "1 direct run)" in run(path).stdout


def test_baseline_best_without_direct_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("d,performance\n10,.5\n20,.7\n40,1\n")
    with pytest.raises(IdimError, match="no direct runs"):
        run(path)
    assert "best of the sweep: 1.0000" in run(path, "--baseline", "best").stdout


def test_a_group_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("net,d,performance\na,10,.5\na,20,.95\na,0,1\nb,10,.5\nb,20,.9\n")
    by = ("--group-by", "net")
    out = run(path, *by).stdout
    assert re.search(r"net a\n\d+ numbers are enough; .*\n  d_int90 ", out)
    assert "net b\nno estimate: " in out
    assert "no direct runs" in out
    assert max(len(line) for line in out.splitlines() if str(tmp_path) not in line) <= 80
    a, b = json.loads(run(path, *by, "--json").stdout)["estimates"]
    assert (a["group"], a["verdict"]) == ({"net": "a"}, "reached")
    assert (b["group"], list(b)) == ({"net": "b"}, ["group", "error", "hint"])
    assert "[1]" in run(path, *by, "--all").stdout
    path.write_text("net,d,performance\na,10,.5\na,20,.95\na,0,1\nb,10,.5\nb,20,high\n")
    assert "a.csv:6: performance: 'high'" in run(path, *by).stdout.replace("\n  ", " ")
    assert (
        "a.csv:6: performance: 'high'"
        in json.loads(run(path, *by, "--all", "--json").stdout)["groups"][1]["error"]
    )
    assert "net b\nno estimate" in run(path, *by, "--all").stdout


@pytest.mark.parametrize(
    ("text", "args", "message"),
    [
        ("", (), "a.csv"),
        ("d,performance\n", (), "no finished run"),
        ("dim,performance\n1,1\n", (), "no column 'd'"),
        ("d,performance\n1,1\n2,high\n", (), "a.csv:3: performance: 'high' is not a number"),
        ("d,performance\n1,1\n2,nan\n", (), "a.csv:3: performance is empty"),
        (f"d,performance\n1,1\n1{'0' * 400},1\n", (), "a.csv:3: d is empty or not finite"),
        (f"d,performance\n1,1\n2,1{'0' * 400}\n", (), "a.csv:3: performance is empty or not finite"),
        ("d,performance\n1,1\n2,1e308\n", (), "a.csv:3: performance is too large"),
        ("d,performance\n1,1\n", ("--column", "d"), "--column must be NAME=VALUE, got 'd'"),
        ("d,performance\n1,1\n", ("--column", "e=d"), "e=d: no column 'e' is read"),
        ("d,performance\n1,1\n", ("--column", "d=e"), "no column 'e'"),
        ("d,performance\n1,1\n", ("--where", "net=a"), "no column 'net'"),
        ("d,performance\n1,1\n", ("--group-by", "net"), "no column 'net'"),
        ("d,performance\n1,1\n", ("--rule", "frist"), "rule: 'frist'"),
        ("d,performance\n1,1\n", ("--baseline", "modle"), "baseline: 'modle'"),
    ],
)
def test_faults(tmp_path: Path, text: str, args: tuple[str, ...], message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(IdimError) as error:
        run(path, *args)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("d;performance\n10;.5\n20;.95\n0;1\n", ""),
        ("d\tperformance\n10\t.5\n20\t.95\n0\t1\n", ""),
        (" d , performance \n10, .5\n20, .95\n0, 1\n", ""),
        ("d;performance\n10;0,5\n20;0,95\n0;1\n", ""),
        ("d;performance\n10;0,5\n20;x0,95\n", "a.csv:3: performance: 'x0,95' is not a number"),
        ("d;performance\n1.200;0,5\n", "a.csv:2: column 'd': '1.200' is ambiguous"),
        ("d,d,performance\n1,2,3\n", "a.csv:1: there are 2 columns 'd'"),
        ("d,performance\n1,10,.5\n2,20,.95\n", "more cells than its header"),
        ("d,performance\n10,.5\n20,.6,7\n", "saw 3"),
    ],
)
def test_tables_as_others_write_them(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    if not message:
        assert run(path).stdout.startswith(
            "19 numbers are enough; no 95 % interval\n  d_int90    19, reached\n"
        )
        return
    with pytest.raises(IdimError, match=message) as error:
        run(path)
    assert str(error.value) == str(error.value).strip()


def test_hints_for_a_wrong_path(tmp_path: Path) -> None:
    for name in ("alpha.csv", "beta.csv"):
        (tmp_path / name).write_text("d,performance\n")
    for name, hint in (("alhpa.csv", "did you mean alpha.csv?"), ("zzz", "made by `idim sweep`")):
        with pytest.raises(IdimError) as error:
            run(tmp_path / name)
        assert hint in error.value.hint
        assert "beta" not in error.value.hint
    with pytest.raises(IdimError) as error:
        run(tmp_path)
    assert error.value.hint.startswith("it holds CSV files")
    assert str(tmp_path / "beta.csv") in error.value.hint


def test_missing_results(tmp_path: Path) -> None:
    with pytest.raises(IdimError, match="no results"):
        run(tmp_path / "nothing")


def test_a_results_folder_is_read_as_its_recipe_says(tmp_path: Path) -> None:
    for i, (d, p) in enumerate([(10, 0.3), (20, 0.6), (40, 0.97), (90, 1.0)]):
        folder = tmp_path / "runs" / f"r{i}"
        folder.mkdir(parents=True)
        result = {
            "run_id": f"r{i}", "recipe": "mine", "status": "ok", "direct": d == 90, "dataset": "toy",
            "model": "fc", "projector": "identity" if d == 90 else "tied", "task": "toy", "D": 90, "d": d,
            "performance": p,
        }  # fmt: skip
        (folder / "result.json").write_text(json.dumps(result))
    recipe = "name: mine\ndataset: toy\nmodel: toy\ntask: toy\ntraining: {steps: 5}\n"
    (reading,) = json.loads(run(tmp_path, "--json").stdout)["estimates"]
    assert (reading["fraction"], reading["group"]["projector"]) == (0.9, "tied")
    (tmp_path / "recipe.yaml").write_text(recipe + "threshold: {fraction: 0.5}\n")
    (reading,) = json.loads(run(tmp_path, "--json").stdout)["estimates"]
    assert reading["fraction"] == 0.5
    (reading,) = json.loads(run(tmp_path, "--json", "--fraction", "0.8").stdout)["estimates"]
    assert reading["fraction"] == 0.8


@pytest.mark.parametrize("here", [".", "compressed", "mine/compressed"])
def test_trainings_of_compress_are_no_sweep(tmp_path: Path, here: str, monkeypatch) -> None:
    folder = tmp_path / "mine" / TRAININGS
    run_folder = folder / "runs" / "r"
    run_folder.mkdir(parents=True)
    result = {"run_id": "r", "recipe": "compressed", "status": "ok", "direct": False, "d": 9, "D": 90}
    (run_folder / "result.json").write_text(json.dumps(result | {"performance": 0.5}))
    monkeypatch.chdir({".": folder, "compressed": folder.parent}.get(here, tmp_path))
    for ask in (run, threshold, report):
        with pytest.raises(IdimError, match="trainings of `idim compress`, which are not a sweep") as caught:
            ask(Path(here))
        given = caught.value.hint.rpartition(": ")[2]
        assert Path(given).resolve() == folder.parent.resolve()
    assert not (folder / "figures").exists()


def test_a_sweep_may_be_called_as_the_folder_of_those_trainings(tmp_path: Path) -> None:
    sweep(load("toy", ["name=compressed", "sweep.d=[2, 4]", "sweep.seeds=1", "training.steps=5"]), tmp_path)
    assert "d_int90" in run(tmp_path / "compressed", code=3).stdout


@pytest.fixture
def stopped(cli) -> Path:
    """A folder of a sweep of five runs, of which the last has not ended."""
    settings = ["name=mine", "sweep.d=[2, 4, 6, 8]", "sweep.seeds=1", "training.steps=20"]
    cli("sweep", "toy", *settings, "--out", "out")
    next(Path("out/mine/runs").glob("*-d8-*/result.json")).unlink()
    return Path("out/mine")


LEFT = "4 of 5 planned runs are done; continue with: idim sweep out/mine/recipe.yaml --out=out"


def test_a_sweep_that_was_stopped_is_not_read_as_one_that_has_ended(cli, stopped: Path) -> None:
    found = cli("threshold", str(stopped), "--json")
    assert found.stderr == f"warning: {LEFT}\n"
    (reading,) = json.loads(found.stdout)["estimates"]
    assert reading["verdict"] == "not reached"
    assert reading["next"] == LEFT
    (every,) = json.loads(cli("threshold", str(stopped), "--all", "--json").stdout)["groups"]
    assert {one["next"] for one in every["readings"] if "next" in one} == {LEFT}


def test_the_command_that_a_stopped_sweep_is_reported_of_goes_on_with_it(cli, stopped: Path) -> None:
    cli(*LEFT.partition(": idim ")[2].split())
    found = cli("threshold", str(stopped), "--json")
    assert found.stderr == ""
    (reading,) = json.loads(found.stdout)["estimates"]
    assert reading["d_values"] == [2, 4, 6, 8]
    assert "planned" not in reading["next"]


def test_a_report_on_a_stopped_sweep_says_so(cli, stopped: Path) -> None:
    found = cli("report", str(stopped), "--json")
    assert f"warning: out/mine: {LEFT}\n" in found.stderr
    assert json.loads(found.stdout)["groups"][0]["reading"]["next"] == LEFT
    assert "4 of 5 planned runs are done" in (stopped / f"{stopped.name}-report.html").read_text()
