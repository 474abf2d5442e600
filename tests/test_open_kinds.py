"""Every kind is open: the user's own task, method, optimizer, schedule and projector, in a whole run."""

import json
import textwrap

import pytest

from idim_cli.core.errors import ComponentError, RecipeError
from idim_cli.core.registry import ROOMS, registry
from idim_cli.recipe.code_slots import slots
from idim_cli.recipe.components import components
from idim_cli.recipe.keys import Keys
from idim_cli.recipe.load import load, loads
from idim_cli.runs.fingerprint import fingerprint
from idim_cli.runs.plan import plan
from idim_cli.training.run import train

CODE = '''
import torch
from idim_cli.methods.gradient import Gradient
from idim_cli.projectors.dense import Dense
from idim_cli.tasks.classify import Classify

class Task(Classify):
    """Classification, with a weight on the loss."""

    def __init__(self, *, weight: float = 1.0):
        super().__init__()
        self.weight = weight

    def loss(self, model, batch):
        return self.weight * super().loss(model, batch)

class Twice(Gradient):
    """Two steps on each batch."""

    def make(self, step):
        super().make(step)
        return super().make(step)

class Half(Dense):
    """Of a dense P."""

def optimizer(params, lr=0.01, *, betas: tuple[float, float] = (0.9, 0.99)):
    return torch.optim.Adam(params, lr, betas)

def schedule(steps, per_epoch, *, end: float = 0.1):
    return lambda at: 1 - (1 - end) * at / steps
'''
KINDS = {
    "task": ("task", "Task"),
    "method": ("method", "Twice"),
    "projector": ("projector", "Half"),
    "training.optimizer": ("optimizer", "optimizer"),
    "training.schedule": ("schedule", "schedule"),
}
RECIPE = """
dataset: digits
model: {name: fc, depth: 1, width: 4}
device: cpu
d: 20
training: {epochs: 4, batch_size: 32, optimizer: {name: adam, lr: 0.05}}
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path


def recipe(*overrides):
    return loads(RECIPE, "own.yaml", overrides).recipe


@pytest.mark.parametrize("key", KINDS)
def test_it_trains_and_goes_on_from_its_checkpoint_with_what_it_was(mine, key):
    result = train(loads(RECIPE, "own.yaml", [f"{key}=./mine.py:{KINDS[key][1]}"]), mine / "out")
    assert result["status"] == "ok", result
    assert result["performance"] > 0.15
    again = train(loads(RECIPE, "own.yaml", [f"{key}=./mine.py:{KINDS[key][1]}"]), mine / "other")
    assert (again["run_id"], again["performance"]) == (result["run_id"], result["performance"])


@pytest.mark.parametrize("key", KINDS)
def test_its_code_is_part_of_what_a_run_is(mine, key):
    change = f"{key}=./mine.py:{KINDS[key][1]}"
    before = plan(recipe(change))[0].config
    assert before == plan(recipe(f"{key}=mine:{KINDS[key][1]}"))[0].config  # however it is named
    (mine / "mine.py").write_text(CODE + "# other\n")
    assert plan(recipe(change))[0].config != before


def test_runs_of_earlier_versions_keep_their_names(mine):
    (mine / "net.py").write_text(
        textwrap.dedent(
            """\
            from torch import nn


            def network(shape, classes, width=4):
                return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, classes))


            def data(root):
                raise NotImplementedError
            """
        )
    )
    text = (
        "name: small\ndataset: digits\nmodel: {name: fc, depth: 1}\nsweep: {d: [10], seeds: 1}\n"
        "training: {epochs: 2, optimizer: {name: adam, lr: 0.01}}\n"
    )
    names = {
        "model={name: './mine.py:network', width: 3}": "tied-d10-s0.0.0-ed28fc5c",
        "task={name: classify, score: train}|projector={name: layerwise, inner: dense}": (
            "layerwise-d10-s0.0.0-370ad807"
        ),
        "training.optimizer={name: sgd, lr: 1}|training.schedule=cosine|quantise={levels: 3}": (
            "tied-d10-s0.0.0-cf68c2d5"
        ),
    }
    (mine / "net.py").rename(mine / "mine.py")
    for change, name in names.items():
        assert plan(loads(text, "small.yaml", change.split("|")).recipe)[1].run_id == name


def test_a_fingerprint_holds_defaults_code_and_weights(mine):
    made = fingerprint(recipe("training.optimizer=torch:NAdam").training.optimizer, "optimizer")
    assert made.component.params["betas"] == [0.9, 0.999]
    assert (dict(made.code), dict(made.files)) == ({}, {})
    made = fingerprint(recipe("task={name: './mine.py:Task', weight: 2}").task, "task")
    assert made.component.name == "mine:Task"
    assert list(made.code) == [""]
    (mine / "w.pth").write_bytes(b"weights")
    model = recipe("model={name: 'torchvision:resnet18', weights: ./w.pth}").model
    before = fingerprint(model, "model").files
    (mine / "w.pth").write_bytes(b"others")
    assert fingerprint(model, "model").files.keys() == before.keys() == {"weights"}
    assert fingerprint(model, "model").files != before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("task={name: './mine.py:Task', wieght: 2}", "did you mean weight?"),
        ("task={name: './mine.py:Task', weight: heavy}", "should be a number, not 'heavy'"),
        ("training.optimizer={name: './mine.py:optimizer', betas: [1]}", "betas"),
        ("training.optimizer={name: './mine.py:optimizer', lrr: 1}", "did you mean lr?"),
        ("training.optimizer={name: 'torch:NAdam', lrr: 1}", "did you mean lr?"),
        ("training.optimizer={name: 'torch:NAdam', lr: fast}", "should be a number"),
        ("training.optimizer=torch:NAdan", "did you mean NAdam"),
        ("training.optimizer=torch:LBFGS", "evaluates the loss several times"),
        ("training.schedule={name: './mine.py:schedule', end: low}", "should be a number, not 'low'"),
    ],
)
def test_parameters_are_checked_with_the_recipe(mine, change, said):
    with pytest.raises(RecipeError) as caught:
        recipe(change)
    assert said in str(caught.value)


def test_code_is_found_beside_the_recipe_in_every_place(mine, monkeypatch):
    (mine / "deep").mkdir()
    own = {key: f"./mine.py:{name}" for key, (_, name) in KINDS.items()}
    tree = {
        "dataset": "digits",
        "model": "fc",
        "task": own["task"],
        "method": {"name": own["method"]},
        "projector": {"name": "layerwise", "inner": own["projector"]},
        "training": {"epochs": 1, "optimizer": own["training.optimizer"]},
        "sweep": {
            "d": [5],
            "search": "grid",
            "over": {
                "training.optimizer.name": ["adam", own["training.optimizer"]],
                "training.schedule": {"mine": {"name": own["training.schedule"]}},
                "projector.inner": [own["projector"]],
            },
            "baseline": {"set": {"training.schedule": own["training.schedule"]}},
        },
        "trackers": [own["task"], {"name": own["task"]}],
    }
    (mine / "r.yaml").write_text(json.dumps(tree))
    monkeypatch.chdir(mine / "deep")
    found = load("../r.yaml").recipe
    named = [slot.name for slot in slots(json.loads(found.model_dump_json())) if ":" in slot.name]
    assert named
    assert all(name.startswith("../mine.py:") for name in named)
    assert found.sweep.over["training.optimizer.name"][1].startswith("../mine.py")
    assert found.sweep.over["projector.inner"][0].startswith("../mine.py")
    assert found.projector.params["inner"].startswith("../mine.py")


@pytest.mark.parametrize("kind", ROOMS)
def test_a_missing_file_is_an_error_of_every_kind(mine, kind):
    with pytest.raises(ComponentError, match="no file"):
        registry(kind).open("./none.py:Thing")


def test_those_of_torch_are_listed_and_completed():
    (one,) = components(["torch:NAdam"])
    assert (one.kind, one.name, one.parameters["lr"]["default"]) == ("optimizer", "torch:NAdam", 0.002)
    assert "torch:NAdam" in [found.name for found in components(["optimizer"])]
    assert {"adam", "torch:NAdam"} <= set(Keys().values("training.optimizer"))
    with pytest.raises(ComponentError) as caught:
        components(["torch:NAdan"])
    assert "torch:NAdam" in caught.value.hint


def test_a_class_of_something_else_is_refused(mine):
    (mine / "odd.py").write_text("class Odd:\n    def __init__(self, *given): pass\n")
    with pytest.raises(RecipeError, match="not a projector class"):
        train(loads(RECIPE, "own.yaml", ["projector=./odd.py:Odd"]), mine / "out")
    with pytest.raises(RecipeError, match="not a Method"):
        train(loads(RECIPE, "own.yaml", ["method=./odd.py:Odd"]), mine / "out")


def test_a_method_of_the_users_is_not_taken_for_its_base_in_packs(mine):
    from idim_cli.methods.gradient import Gradient

    assert Gradient.batched
    assert not registry("method").open("./mine.py:Twice").batched
