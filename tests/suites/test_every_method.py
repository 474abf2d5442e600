"""What every method must do: solve the toy problem, and go on after an interruption to the same bits."""

import pytest
import torch

from idim_cli.core.errors import RecipeError
from idim_cli.methods import METHODS
from idim_cli.recipe.load import loads
from idim_cli.runs.plan import single
from idim_cli.training.loop import Loop
from idim_cli.training.preflight import preflight
from idim_cli.training.prepare import Where, problem
from idim_cli.training.run import run

CPU = Where(device="cpu")
#: Settings under which a method reaches a loss near 0 on the toy problem.
SETTINGS = {"gradient": "{name: adam, lr: 2.0}", "es": "{name: adam, lr: 2.0}"}
TOY = """
name: toy
dataset: toy
model: {name: toy, D: 100}
task: toy
method: %s
d: %d
training: {optimizer: %s, schedule: linear, steps: 600, batch_size: 1, evaluate_every: 100}
"""
OWN = """
import torch
from idim_cli.methods.base import Method, Objective, Step


class RandomSearch(Method):
    \"\"\"Keeps a random step where it lowers the loss.\"\"\"

    differentiates = False

    def __init__(self, objective: Objective, *, size: float = 0.1):
        super().__init__(objective)
        self.size, self.best = size, torch.tensor(torch.inf)

    def steps(self, epoch, begin, end):
        for index in range(begin, end):
            yield Step(epoch * self.objective.per_epoch + index, epoch, index)

    @torch.no_grad()
    def make(self, step):
        subspace = self.objective.subspace
        noise = torch.randn(len(subspace.coords), generator=torch.Generator().manual_seed(step.number))
        before = subspace.coords.clone()
        subspace.coords.add_(self.size * noise)
        loss = self.objective.task.loss(subspace, self.objective.train.data)
        if loss < self.best:
            self.best = loss.clone()
        else:
            subspace.coords.copy_(before)
        return self.best

    def tensors(self):
        return {"least": self.best}

    def restore(self, tensors):
        self.best = tensors["least"]
"""


def recipe(name, d=10, *overrides):
    return loads(TOY % (name, d, SETTINGS.get(name, "adam")), overrides=overrides)


@pytest.fixture(params=[*METHODS, "./own.py:RandomSearch"])
def name(request, tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return request.param


@pytest.mark.parametrize("name", ["gradient", "es"])
def test_it_solves_the_toy_problem_in_ten_dimensions_and_not_in_nine(name, tmp_path):
    solved, unsolved = (run(single(recipe(name, d).recipe), tmp_path / str(d), where=CPU) for d in (12, 9))
    assert solved["performance"] > 0.9
    assert unsolved["performance"] < 0.5


def test_it_goes_on_to_the_same_bits(name):
    """Stopped in the middle of an epoch, and its state taken over by a new one."""
    one = single(recipe(name, 10, "training.steps=40", "training.evaluate_every=10").recipe)

    def loop():
        return Loop(problem(one, CPU), one.recipe.training, one.recipe.seeds.data)

    whole, begun, resumed = loop(), loop(), loop()
    whole.run(lambda: None, lambda row: None)

    def stop():
        if begun.state.step == 23:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        begun.run(stop, lambda row: None)
    saved = {key: tensor.clone() for key, tensor in begun.tensors().items()}
    resumed.restore(saved, vars(begun.state))
    resumed.run(lambda: None, lambda row: None)
    assert resumed.state.rows == whole.state.rows
    for key, tensor in whole.tensors().items():
        assert torch.equal(resumed.tensors()[key], tensor), key


def test_its_state_is_plain_tensors_of_names_of_its_own(name):
    one = single(recipe(name).recipe)
    method = Loop(problem(one, CPU), one.recipe.training, 0).method
    for step in method.steps(0, 0, 1):
        method.make(step)
    named = {**method.point(), **method.tensors()}
    assert all(isinstance(tensor, torch.Tensor) for tensor in named.values())
    assert not {"coords", "loss_sum", "checksum"} & named.keys()


def test_the_first_step_of_a_run_is_tried(name):
    loaded = recipe(name)
    assert preflight([single(loaded.recipe)], CPU, loaded.source) == [100]


def test_only_another_method_changes_the_identity_of_a_run():
    text = TOY % ("gradient", 10, "adam")
    silent, said = (single(loads(one).recipe) for one in (text.replace("method: gradient\n", ""), text))
    assert silent.run_id == said.run_id
    ids = {single(loads(text, overrides=[f"method={name}"]).recipe).run_id for name in ("gradient", "es")}
    ids |= {single(loads(text, overrides=["method={name: es, population: 8}"]).recipe).run_id}
    assert len(ids) == 3


def test_a_parameter_that_a_method_does_not_have_is_named_with_its_line():
    with pytest.raises(RecipeError, match=r"method.populaton.*did you mean population"):
        recipe("{name: es, populaton: 4}")
