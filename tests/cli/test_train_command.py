"""`idim train`: what it prints where, and with which exit code."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from idim_cli.cli import console, train
from idim_cli.cli.verb import verb
from idim_cli.core.errors import RecipeError
from idim_cli.training.stop import StoppedError

RECIPE = """
name: toy
dataset: toy
model: toy
task: toy
device: cpu
d: 12
training: {steps: 300, evaluate_every: 100, optimizer: {name: adam, lr: 0.5}}
"""
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(verb(train.command))


@pytest.fixture
def idim(tmp_path, monkeypatch):
    """Run `idim train` on the recipe, with results in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IDIM_OUT", raising=False)
    (tmp_path / "toy.yaml").write_text(RECIPE)

    def run(*arguments):
        console.messages.cache_clear()
        return CliRunner().invoke(app, ["toy.yaml", *arguments], catch_exceptions=not arguments)

    yield run
    console.messages.cache_clear()


def test_result_on_stdout_nothing_else(idim, tmp_path):
    done = idim("d=12")
    assert done.exit_code == 0
    first, second, third = done.stdout.splitlines()
    assert first.startswith("train exp_minus_loss 1.0")
    assert second.startswith("D = 1,000, d = 12, projector tied")
    folder = tmp_path / third.removeprefix("results: ")
    assert json.loads((folder / "result.json").read_text())["d"] == 12


def test_again_prints_the_same(idim):
    first = idim("--json")
    assert json.loads(first.stdout)["status"] == "ok"
    assert idim("--json").stdout == first.stdout


def test_out_by_flag_and_by_environment(idim, tmp_path, monkeypatch):
    assert "results: " + str(tmp_path / "a" / "toy") in idim("--out", str(tmp_path / "a")).stdout
    monkeypatch.setenv("IDIM_OUT", str(tmp_path / "b"))
    assert "results: " + str(tmp_path / "b" / "toy") in idim("-q").stdout


def test_direct_training(idim):
    result = json.loads(idim("projector=identity", "training.optimizer.lr=0.01", "--json").stdout)
    assert (result["direct"], result["d"], result["D"]) == (True, 1000, 1000)


def test_a_failed_run_exits_with_1_and_says_why(idim, tmp_path):
    done = idim("training.optimizer.lr=1e30")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "failed: the loss is not finite" in done.stderr
    assert "hint: a lower training.optimizer.lr" in done.stderr
    (log,) = (tmp_path / "results" / "toy" / "runs").glob("*/log.txt")
    assert f"see {log.relative_to(tmp_path)}" in done.stderr


def test_a_fault_of_the_recipe_comes_before_the_run(idim, tmp_path):
    with pytest.raises(RecipeError, match="d = 1,001 is more than D = 1,000"):
        idim("d=1001")
    assert not (tmp_path / "results").exists()


def test_a_signal_passes_through(idim, monkeypatch):
    import os
    import signal

    from idim_cli.training.session import TrainingSession

    monkeypatch.setattr(TrainingSession, "_report", lambda self: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(StoppedError, match="its state is saved") as caught:
        idim("-q")
    assert caught.value.exit_code == 143


def test_training_needs_no_grid_and_a_sweep_says_that_it_does(cli):
    Path("toy.yaml").write_text(f"{RECIPE}sweep:\n  baseline: {{seeds: 2}}\n")
    assert cli("train", "toy.yaml", "training.steps=5", "-q").exit_code == 0
    for more in ([], ["--dry-run"]):
        with pytest.raises(RecipeError, match=r"toy\.yaml:9:1: sweep\.d: is missing \(give d as --d"):
            cli("sweep", "toy.yaml", *more)
    assert cli("sweep", "toy.yaml", "--d", "2,4", "training.steps=5", "--dry-run").exit_code == 0
