"""`--tracker` on the command line: repeatable, in place of the recipe's, and nothing of it on stdout."""

import pytest
import typer
from typer.testing import CliRunner

from idim_cli.cli import console, options, train
from idim_cli.core.errors import RecipeError
from idim_cli.recipe.load import loads

RECIPE = """
name: toy
dataset: toy
model: toy
task: toy
device: cpu
d: 5
trackers: mlflow
training: {steps: 20, evaluate_every: 10, optimizer: {name: adam, lr: 0.5}}
"""
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(train.command)


@pytest.fixture
def idim(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IDIM_OUT", raising=False)
    (tmp_path / "toy.yaml").write_text(RECIPE)
    console.messages.cache_clear()
    yield lambda *arguments: CliRunner().invoke(app, ["toy.yaml", *arguments], catch_exceptions=False)
    console.messages.cache_clear()


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, ["mlflow"]),
        (["wandb"], ["wandb"]),
        (["tensorboard", "{name: wandb, mode: offline}"], ["tensorboard", "wandb"]),
    ],
)
def test_it_replaces_the_recipes(given, names):
    recipe = loads(RECIPE, "toy.yaml", options.trackers(given)).recipe
    assert [tracker.name for tracker in recipe.trackers] == names


def test_parameters_are_kept():
    (tracker,) = loads(RECIPE, "toy.yaml", options.trackers(["{name: wandb, mode: offline}"])).recipe.trackers
    assert tracker.params == {"mode": "offline"}


def test_a_train_with_one(idim, tmp_path):
    pytest.importorskip("tensorboard", reason="needs idim-cli[tensorboard]")
    done = idim("--tracker", "tensorboard")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 3
    (written,) = (tmp_path / "results/toy/tensorboard").iterdir()
    assert written.name.startswith("tied-d5-")
    assert not (tmp_path / "results/toy/mlruns").exists()


def test_a_wrong_name_is_a_fault_of_the_argument(idim):
    with pytest.raises(RecipeError, match=r"did you mean wandb\?"):
        idim("--tracker", "wandbb")
