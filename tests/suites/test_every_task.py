"""What holds for every task: registered, the user's own, and by an entry point."""

import contextlib
import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from idim_cli.core.errors import ComponentError, DataError
from idim_cli.core.registry import registry
from idim_cli.datasets.base import load
from idim_cli.datasets.batch import parts
from idim_cli.datasets.split import Data, Split, Tensors
from idim_cli.recipe.schema import Component
from idim_cli.tasks import REGISTRY
from idim_cli.tasks.base import build, chance

OWN = '''
import torch
from idim_cli.tasks.regress import Regress

class Quantile(Regress):
    """A quantile of each target, by the pinball loss."""

    metric = "share_within"

    def __init__(self, *, quantile: float = 0.5):
        super().__init__()
        self.quantile = quantile

    def loss(self, model, batch):
        x, y = batch
        gap = y - model(x)
        return torch.maximum(self.quantile * gap, (self.quantile - 1) * gap).mean()

    def evaluate(self, model, split, batch_size=2000):
        figures = super().evaluate(model, split, batch_size)
        return {**figures, "share_within": figures["r2"]}
'''
PAIR = """
import torch

def loss(outputs, targets):
    return (outputs - targets).abs().mean()

def score(outputs, targets):
    return 1 / (1 + (outputs - targets).abs().mean())
"""
N, SEED = 61, torch.Generator().manual_seed(0)


def real(*shape):
    return torch.randn(*shape, generator=SEED)


def whole(high, *shape):
    return torch.randint(high, shape, generator=SEED)


class Pixels(nn.Module):
    """Logits of each pixel."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Conv2d(2, 4, 3, padding=1)

    def forward(self, x):
        return self.inner(x)


class Words(nn.Module):
    """Logits of the token behind each."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Embedding(7, 7)

    def forward(self, input_ids):
        return self.inner(input_ids)


def linear(outputs):
    return nn.Sequential(nn.Linear(6, outputs))


#: name -> parameters, data, network, what its targets must not be.
CASES = {
    "classify": ({}, (real(N, 6), whole(8, N)), lambda: linear(8), real(N)),
    "regress": ({}, (real(N, 6), real(N, 3)), lambda: linear(3), whole(3, N)),
    "multilabel": ({}, (real(N, 6), whole(2, N, 5)), lambda: linear(5), whole(3, N, 5)),
    "segment": ({"ignore_index": 9}, (real(N, 2, 5, 4), whole(4, N, 5, 4)), Pixels, whole(4, N)),
    "next_token": ({"bytes_per_token": 3.0}, (whole(7, N, 9),), Words, None),
    "loss": ({"loss": "./pair.py:loss"}, (real(N, 6), real(N, 2)), lambda: linear(2), None),
    "own": ({"quantile": 0.5}, (real(N, 6), real(N, 3)), lambda: linear(3), whole(3, N)),
}
CASES["entry"] = CASES["own"]


def fitting(name):
    """For a task without a case of its own: the first data that it accepts."""
    for _, data, network, _ in CASES.values():
        split = Tensors(*data)
        with contextlib.suppress(DataError):
            build(Component(name=name)).check(split, None)
            return {}, data, network, None
    raise LookupError(f"give task {name!r} a line in CASES: none of the data there are for it")


@pytest.fixture(params=[*(name for name in registry("task") if name != "toy"), "own", "entry"])
def case(request, own_file, entry_point):
    own_file(PAIR, "pair.py")
    name = request.param
    params, data, network, wrong = CASES.get(name) or fitting(name)
    if name == "own":
        name = own_file(OWN) + ":Quantile"
    if name == "entry":
        name = entry_point("task", "Quantile", OWN.replace("self, *, quantile", "self, *, quantile"))
    torch.manual_seed(0)
    return build(Component(name=name, params=params)), Tensors(*data), network(), wrong


def data_of(split):
    return Data(split, split, lambda: split)


def test_figures_are_of_the_whole_split_whatever_the_batches(case):
    task, split, model, _ = case
    first = task.evaluate(model, split, 1000)
    assert task.metric in first
    assert all(math.isfinite(value) for value in first.values())
    for size in (1, 7, N):
        again = task.evaluate(model, split, size)
        assert again == pytest.approx(first, rel=1e-5, abs=1e-6)


def test_the_model_is_left_as_it_was(case):
    task, split, model, _ = case
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    task.evaluate(model, split)
    assert all(part.training for part in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_loss_is_a_scalar_whose_steps_raise_the_score(case):
    task, split, model, _ = case
    batch = split.at(slice(None))
    before = task.evaluate(model, split)[task.metric]
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(300):
        loss = task.loss(model, batch)
        assert loss.dim() == 0
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert task.evaluate(model, split)[task.metric] > before


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_outputs_that_are_not_finite_have_no_score(case, value):
    task, split, model, _ = case
    with torch.no_grad():
        next(model.parameters()).fill_(value)
    assert not math.isfinite(task.evaluate(model, split)[task.metric])


def test_it_says_how_many_outputs_there_are(case):
    task, split, model, _ = case
    with torch.no_grad():
        args, _, _ = parts(split.at(slice(None)))
        found = model(*args)
    assert task.outputs(data_of(split))["outputs"] in found.shape


def test_targets_of_another_kind_are_refused(case):
    task, split, _, wrong = case
    task.check(split, None)
    if wrong is not None:
        with pytest.raises(DataError):
            task.check(Split(*parts(split.data).args, wrong), None)
        with pytest.raises(DataError):
            task.check(Split(*parts(split.data).args, split.targets.double() + 0.25), None)


def test_a_pack_of_models_has_the_losses_of_each(case):
    task, split, model, _ = case
    batch = split.at(slice(None))
    names = dict(model.named_parameters())
    several = {name: torch.stack([value.detach(), value.detach() * 2]) for name, value in names.items()}

    def loss(weights):
        return task.loss(lambda *given, **named: functional_call(model, weights, given, named), batch)

    packed = vmap(loss)(several)
    for at in range(2):
        alone = loss({name: value[at] for name, value in several.items()})
        assert torch.allclose(packed[at], alone, rtol=1e-5)


def test_chance_is_what_a_constant_reaches(case):
    task, split, model, _ = case
    known = chance(task, split)
    if known is not None:
        assert 0 <= known <= 1
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        # A constant answer is at most as good as the best one; no network with biases alone beats it.
        assert task.evaluate(model, split)[task.metric] <= known + 1e-6


def test_outputs_of_another_shape_are_refused(case):
    task, split, model, _ = case
    if task.metric in ("accuracy", "score", "share_within"):
        return

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *given, **named):
            return self.model(*given, **named)[..., None, :1]

    with pytest.raises(ComponentError, match="shape"):
        task.loss(Odd(), split.at(slice(None)))
    with pytest.raises(ComponentError, match="shape"):
        task.evaluate(Odd(), split)


def test_wrong_parameters_are_refused():
    with pytest.raises(ComponentError, match="scroe"):
        REGISTRY.filled("regress", {"scroe": "train"})


def test_too_few_outputs_for_the_classes_are_refused():
    """The loss of a label beyond the outputs would end in an IndexError of torch's."""
    task, data = build(Component(name="classify")), load(Component(name="digits"))
    task.outputs(data)
    with pytest.raises(ComponentError, match=r"outputs of shape \[8, 9\], not \[B, 10\]"):
        task.loss(nn.Sequential(nn.Flatten(), nn.Linear(64, 9)), data.train.at(slice(8)))
    task.loss(nn.Sequential(nn.Flatten(), nn.Linear(64, 1000)), data.train.at(slice(8)))


def test_targets_that_are_missing_are_named_before_training():
    split = Split({"left": torch.rand(4, 2), "right": torch.rand(4, 2)})
    for name in ("classify", "regress", "multilabel", "segment"):
        with pytest.raises(DataError, match="there are no targets") as caught:
            build(Component(name=name)).check(split, None)
        assert "labels" in caught.value.hint
