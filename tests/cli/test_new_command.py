"""`idim new`: a recipe that passes `check`, with a comment on every value that needs one."""

import re
from pathlib import Path

import pytest

from idim_cli.core.errors import ComponentError, FileError, RecipeError
from idim_cli.core.registry import registry
from idim_cli.recipe.load import load


@pytest.mark.parametrize("model", ["fc", "lenet", "./mine.py:network", "torchvision:resnet18"])
@pytest.mark.parametrize("dataset", ["digits", "mnist", "cifar10", "my.module:data"])
def test_it_passes_check(cli, dataset, model, tmp_path, monkeypatch):
    Path("mine.py").write_text("def network(): ...\n")
    Path("my").mkdir()
    Path("my/module.py").write_text("def data(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    done = cli("new", "mine", "--dataset", dataset, "--model", model)
    assert (done.exit_code, done.stdout) == (0, "mine.yaml\n")
    assert cli("recipes", "check", "mine.yaml").stdout.startswith("ok mine.yaml\n")
    recipe = load("mine.yaml").recipe
    assert (recipe.dataset.name, recipe.model.name) == (dataset, model)
    assert recipe.sweep.search.name == "adaptive"


def test_every_component_can_be_named(cli):
    for kind in ("projector", "task", "optimizer"):
        for name in registry(kind):
            # Direct training has no d to search for, and a loss is one's own.
            if name not in ("identity", "loss"):
                assert cli("new", f"{kind}-{name}", f"--{kind}", name).exit_code == 0


def test_each_value_is_explained_at_the_end_of_its_line(cli):
    cli("new", "mine")
    text = Path("mine.yaml").read_text()
    lines = [line for line in text.splitlines() if re.match(r"\s*[\w]+: \S", line)]
    assert len(lines) >= 12
    assert [line for line in lines if " # " not in line] == []
    assert max(map(len, text.splitlines())) <= 110
    assert "..." not in text


def test_what_it_takes_can_be_run(cli):
    cli("new", "mine", "model.width=8", "training.epochs=1", "d=5")
    assert cli("train", "mine.yaml", "-q").exit_code == 0


def test_a_file_that_is_there_is_kept_unless_forced(cli):
    Path("mine.yaml").write_text("mine")
    with pytest.raises(FileError, match="exists already"):
        cli("new", "mine")
    assert Path("mine.yaml").read_text() == "mine"
    assert cli("new", "mine.yaml", "--force").exit_code == 0
    assert Path("mine.yaml").read_text() != "mine"


def test_what_is_missing_or_unknown_is_reported_and_nothing_written(cli):
    with pytest.raises(ComponentError) as caught:
        cli("new", "mine", "--model", "lennet")
    assert caught.value.hint == "did you mean lenet?"
    with pytest.raises(RecipeError, match=r"dataset\.path: is missing"):
        cli("new", "mine", "--dataset", "hf")
    with pytest.raises(RecipeError, match=r"^argument 'model\.widht=3': model\.widht: unknown key"):
        cli("new", "mine", "model.widht=3")
    with pytest.raises(RecipeError, match=r"^argument 'nosuch=3': nosuch: unknown key"):
        cli("new", "mine", "nosuch=3")
    assert not list(Path().iterdir())
    assert cli("new", "mine", "--dataset", "hf", "dataset.path=folder").exit_code == 0


def test_code_that_is_not_found_from_here_is_pointed_out(cli):
    Path("here.py").write_text("def data(): ...\n")
    said = cli("new", "mine", "--dataset", "./here.py:data", "--model", "./there.py:net").stderr
    assert said == "warning: the source of ./there.py:net is not found from the current folder\n"


OWN = """
import torch

def loss(outputs, targets):
    return (outputs - targets).square().mean()

def score(outputs, targets):
    return -loss(outputs, targets)

class Task:
    def __init__(self, *, weight: float = 1.0): ...

class Signs(torch.optim.Optimizer):
    def __init__(self, params, lr=0.04, beta: float = 0.9): ...

class Free(torch.optim.Optimizer):
    def __init__(self, params): ...
"""


@pytest.mark.parametrize(
    ("option", "key", "expected", "direct"),
    [
        (
            "--task=./own.py:loss",
            "task",
            {"name": "loss", "loss": "./own.py:loss", "score": "./own.py:score"},
            {"training.optimizer.lr": 0.001},
        ),
        ("--task=./own.py:Task", "task", {"name": "./own.py:Task"}, {"training.optimizer.lr": 0.001}),
        ("--task=regress", "task", {"name": "regress"}, {"training.optimizer.lr": 0.001}),
        (
            "--optimizer=./own.py:Signs",
            "optimizer",
            {"name": "./own.py:Signs", "lr": 0.04},
            {"training.optimizer.lr": 0.002},
        ),
        ("--optimizer=./own.py:Free", "optimizer", {"name": "./own.py:Free"}, {}),
        (
            "--optimizer=torch:NAdam",
            "optimizer",
            {"name": "torch:NAdam", "lr": 0.04},
            {"training.optimizer.lr": 0.002},
        ),
    ],
)
def test_ones_own_loss_task_and_optimizer(cli, option, key, expected, direct):
    Path("own.py").write_text(OWN)
    assert cli("new", "mine", option).stderr == ""
    recipe = load("mine.yaml").recipe
    found = recipe.task if key == "task" else recipe.training.optimizer
    params = {name: found.params[name] for name in expected if name != "name"}
    assert {"name": found.name, **params} == expected
    assert recipe.sweep.baseline.set == direct
    text = Path("mine.yaml").read_text()
    assert all(" # " in line for line in text.splitlines() if re.match(r"\s*[\w]+: \S", line))
