"""`idim sweep`: progress on stderr, the summary on stdout, and the exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from toy_recipe import RECIPE
from typer.testing import CliRunner

from idim_cli.cli import console, progress, sweep
from idim_cli.cli.verb import verb
from idim_cli.core.errors import RecipeError

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(verb(sweep.command))


@pytest.fixture
def idim(tmp_path, monkeypatch):
    """Run `idim sweep` on the recipe, with results in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IDIM_OUT", raising=False)
    (tmp_path / "toy.yaml").write_text(RECIPE)

    def run(*arguments):
        console.messages.cache_clear()
        return CliRunner().invoke(app, ["toy.yaml", *arguments], catch_exceptions=False)

    yield run
    console.messages.cache_clear()


def test_one_plain_line_a_run_on_stderr_and_the_summary_on_stdout(idim):
    done = idim()
    assert done.exit_code == 0
    # Whether torch was imported by an earlier test, and the number of free cores, add further lines.
    lines = done.stderr.splitlines()
    assert "3 runs" in lines
    assert [line.partition(" ")[0] for line in lines if "[" in line] == ["[1/3]", "[2/3]", "[3/3]"]
    assert "d_int90" in done.stdout
    assert "train exp_minus_loss against" in done.stdout
    assert "d_int100" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout.splitlines()[-1] == "results: results/toy"


def test_details_are_reported_with_v(idim):
    done = idim("-v")
    assert "\nP tied: 5 columns of length 1.0000 .. 1.0000" in done.stderr
    assert "\n  d_int100   " in done.stdout
    assert "\n  D          1,000\n" in done.stdout


def test_several_processes_do_the_same(idim):
    alone = idim("--pack", "1", "--out", "alone")
    several = idim("--pack", "1", "--jobs", "2", "--out", "both")
    alone_told, several_told = alone.stdout, several.stdout
    assert several.exit_code == 0
    assert several.stderr.splitlines()[:2] == ["3 runs", "2 worker processes"]
    for words in ("--out=alone ", "--out=both ", "--jobs=2 ", "alone/toy", "both/toy"):
        alone_told, several_told = alone_told.replace(words, ""), several_told.replace(words, "")
    assert several_told == alone_told


def test_again_prints_the_same_summary(idim):
    first, again = idim(), idim()
    assert again.stdout == first.stdout
    assert again.stderr.splitlines() == ["3 runs, 3 of them already done"]


def test_json(idim, tmp_path):
    done = idim("--json", "-q")
    assert done.stderr == ""
    summary = json.loads((tmp_path / "results/toy/summary.json").read_text())
    told = json.loads(done.stdout)
    (printed,), (written,) = told["estimates"], summary["estimates"]
    # The next step goes on from the command that was given, or from the folder.
    assert printed.pop("next_command").startswith("idim sweep toy.yaml sweep.")
    assert written.pop("next_command").startswith("idim sweep results/toy/recipe.yaml sweep.")
    assert printed.pop("next").partition(":")[0] == written.pop("next").partition(":")[0]
    assert told == {"schema": "idim/sweep/1", **summary}


@pytest.mark.parametrize(("flags", "code"), [([], 1), (["--keep-going"], 4)])
def test_failed_runs_set_the_exit_code(idim, flags, code):
    done = idim("sweep.over={training.optimizer.lr: [1.0e+30, 0.5]}", "sweep.d=[20]", *flags)
    assert done.exit_code == code
    assert "FAILED: the loss is not finite" in done.stderr
    assert "error: 1 of 3 runs failed" in done.stderr
    assert "d_int90" in done.stdout


def test_faults_come_before_the_first_run(idim, tmp_path):
    with pytest.raises(RecipeError, match=r"sweep\.d: d = 2,000 is more than D"):
        idim("sweep.d=[5, 2000]")
    assert not (tmp_path / "results").exists()


def test_a_long_run_gives_a_sign_of_life_each_minute(idim, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    monkeypatch.setattr("idim_cli.training.session.REPORT_SECONDS", -1.0)
    lines = idim("sweep.d=[20]", "training.steps=4", "training.evaluate_every=1").stderr.splitlines()
    assert any("75% of 4 epochs, train exp_minus_loss 0." in line for line in lines)


def test_a_live_view_on_a_terminal(idim, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    shown = idim("sweep.d=[20]").stderr
    assert "ETA" in shown
    assert "2/2" in shown
    assert shown.count("  exp_minus_loss ") >= 2  # the lines of the two finished runs


def test_ctrl_c_between_two_runs_says_how_to_go_on(idim, monkeypatch):
    def interrupted(self, run, result):
        raise KeyboardInterrupt

    monkeypatch.setattr(progress.Plain, "finished", interrupted)
    stopped = idim()
    assert stopped.exit_code == 130
    assert "stopped: " in stopped.stderr
    assert "hint: run the same command to continue" in stopped.stderr


def test_a_level_beyond_the_grid_is_reported_by_the_exit_code(idim):
    done = idim("sweep.d=[1, 2]")
    assert done.exit_code == 3
    assert "> 2" in done.stdout


def test_a_combination_without_a_finished_run_is_listed(idim):
    done = idim("sweep.over={training.optimizer.lr: [1.0e+30, 0.5]}", "sweep.d=[20]", "--keep-going")
    assert "training.optimizer.lr 1e+30\nno estimate: " in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if "idim sweep" not in line) <= 80


def test_without_a_baseline_the_runs_are_drawn_and_the_reason_reported(idim):
    done = idim("sweep.baseline=null", "sweep.d=[5, 20]")
    assert "○" in done.stdout
    assert "no estimate: no direct runs" in done.stdout


def test_the_words_are_those_of_threshold(idim):
    from idim_cli.cli import threshold

    shown = idim().stdout
    other = typer.Typer()
    other.command()(threshold.command)
    told = CliRunner().invoke(other, ["results/toy"]).stdout.partition("\n")[2].partition("\n  next ")[0]
    assert "\n  d_int90 " in told
    assert told in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_plot_in_the_characters_that_stdout_has(idim, tmp_path, encoding):
    idim("-q")
    done = subprocess.run(
        [sys.executable, "-m", "idim_cli.cli.app", "sweep", "toy.yaml"],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode(encoding)
    assert ("●" if encoding == "utf-8" else "@") in shown
    assert shown.isascii() is (encoding != "utf-8")


TALKATIVE = """
import warnings
from torch import nn

class Noted(UserWarning):
    pass

def net(shape, outputs):
    warnings.warn("this net is old", Noted)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, outputs))
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.filterwarnings("default::UserWarning")
def test_a_warning_of_user_code_is_shown_once(cli, jobs):
    Path("mine.py").write_text(TALKATIVE)
    few = ("sweep.d=[5, 9]", "sweep.seeds=2", "training.epochs=1", "model=./mine.py:net")
    done = cli("sweep", "quickstart", *few, "--jobs", jobs, "--pack", "1")
    assert done.exit_code in (0, 3)
    told = [line for line in done.stderr.splitlines() if "this net is old" in line]
    assert len(told) == 1
    assert told[0].startswith("warning: ")
    assert "mine.py:9: Noted: " in told[0]
