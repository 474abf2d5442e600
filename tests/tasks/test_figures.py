"""Figures of the tasks against scikit-learn's, and what is special about each task."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn

from idim_cli.core.errors import ComponentError, DataError
from idim_cli.datasets.split import Data, Split, Tensors
from idim_cli.recipe.schema import Component
from idim_cli.tasks.base import build


class Constant(nn.Module):
    """Returns given outputs for the places that its input names."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = nn.Parameter(outputs)

    def forward(self, at):
        return self.outputs[at.long()[:, 0]]


def evaluated(task, outputs, targets, size=13, **params):
    split = Split(torch.arange(len(outputs)).float()[:, None], targets)
    return build(Component(name=task, params=params)).evaluate(Constant(outputs), split, size)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 4)])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e4])
def test_r2_and_mse(shape, scale):
    y = 1e3 * scale + scale * random(*shape)
    outputs = y + 0.5 * scale * random(*shape, seed=1)
    found = evaluated("regress", outputs, y)
    assert found["r2"] == pytest.approx(metrics.r2_score(y.double(), outputs.double()), rel=1e-6)
    assert found["mse"] == pytest.approx(metrics.mean_squared_error(y.double(), outputs.double()), rel=1e-6)


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_r2_of_constant_targets(error):
    y = torch.stack([torch.full((20,), 3.0), random(20)], dim=1)
    outputs = y + torch.tensor([error, 0.1])
    assert evaluated("regress", outputs, y)["r2"] == pytest.approx(metrics.r2_score(y, outputs), rel=1e-5)


def test_one_output_may_stand_alone_but_nothing_is_broadcast():
    y = random(20)
    assert evaluated("regress", y[:, None], y)["r2"] == 1
    with pytest.raises(ComponentError, match="shape"):
        evaluated("regress", random(20, 2), y)
    with pytest.raises(ComponentError, match="shape"):
        evaluated("regress", y, y[:, None])


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.bool])
@pytest.mark.parametrize("ties", [False, True])
def test_f1_and_average_precision(dtype, ties):
    y = random(80, 6, seed=2) > 0.7
    logits = 2 * y.float() + 1.5 * random(80, 6) - 1
    logits = logits.round() if ties else logits
    found = evaluated("multilabel", logits, y.to(dtype))
    told = logits > 0
    assert found["micro_f1"] == pytest.approx(metrics.f1_score(y, told, average="micro"))
    expected = metrics.average_precision_score(y.numpy(), logits.numpy(), average="macro")
    assert found["mean_average_precision"] == pytest.approx(expected)
    expected = metrics.log_loss(y.numpy().ravel(), torch.sigmoid(logits.double()).numpy().ravel())
    assert found["nll"] == pytest.approx(expected, rel=1e-6)


def test_labels_that_do_not_occur_have_no_precision():
    y = torch.zeros(10, 2, dtype=torch.int64)
    assert "mean_average_precision" not in evaluated("multilabel", random(10, 2), y)
    assert evaluated("multilabel", -torch.ones(10, 2), y)["micro_f1"] == 0
    y[:3, 0] = 1
    logits = random(10, 2)
    expected = metrics.average_precision_score(y[:, 0], logits[:, 0])
    assert evaluated("multilabel", logits, y)["mean_average_precision"] == pytest.approx(expected)


def test_the_best_constant_labels():
    y = (random(40, 3, seed=4) > torch.tensor([-1.0, 0.2, 1.5])).long()
    task = build(Component(name="multilabel"))
    best = max(
        metrics.f1_score(y, np.tile([a, b, c], (40, 1)), average="micro", zero_division=0)
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
    )
    assert task.chance(Split(random(40, 2), y)) == pytest.approx(best)


@pytest.mark.parametrize("ignore", [None, 255, -1])
def test_iou_and_pixel_accuracy(ignore):
    y = torch.randint(0, 4, (9, 6, 5), generator=torch.Generator().manual_seed(3))
    logits = random(9, 6, 6, 5) + 2 * nn.functional.one_hot(y, 6).permute(0, 3, 1, 2)  # class 5 never occurs
    counted = torch.ones_like(y, dtype=torch.bool)
    if ignore is not None:
        counted = random(9, 6, 5, seed=7) > -0.5
        y = y.where(counted, ignore)
    params = {} if ignore is None else {"ignore_index": ignore}
    found = evaluated("segment", logits, y, size=4, **params)
    truth, told = y[counted], logits.argmax(1)[counted]
    labels = sorted({*truth.tolist(), *told.tolist()})
    expected = metrics.jaccard_score(truth, told, labels=labels, average="macro")
    assert found["mean_iou"] == pytest.approx(expected)
    assert found["pixel_accuracy"] == pytest.approx(metrics.accuracy_score(truth, told))
    picked = logits.permute(0, 2, 3, 1)[counted]
    assert found["nll"] == pytest.approx(nn.functional.cross_entropy(picked, truth).item(), rel=1e-5)
    task = build(Component(name="segment", params=params))
    split = Split(torch.arange(9.0)[:, None], y)
    loss = task.loss(Constant(logits), split.at(slice(None)))
    assert loss.item() == pytest.approx(found["nll"], rel=1e-5)
    task.check(split, 4)
    with pytest.raises(DataError, match=r"lie in 0 \.\. 2"):
        task.check(split, 3)
    assert task.outputs(Data(split, split, lambda: split))["outputs"] == 4
    best = max(
        metrics.jaccard_score(truth, torch.full_like(truth, one), labels=[0, 1, 2, 3], average="macro")
        for one in range(4)
    )
    assert task.chance(split) == pytest.approx(best)


def test_an_image_without_a_pixel_that_counts_has_a_loss_of_zero():
    task = build(Component(name="segment", params={"ignore_index": 0}))
    y = torch.zeros(2, 3, 3, dtype=torch.int64)
    assert task.loss(Constant(random(2, 4, 3, 3)), (torch.arange(2.0)[:, None], y)).item() == 0


class Bigram(nn.Module):
    """Logits of the token behind each; as transformers' models in a dict, if asked to."""

    def __init__(self, vocabulary, as_dict=False):
        super().__init__()
        self.table, self.as_dict = nn.Parameter(random(vocabulary, vocabulary)), as_dict

    def forward(self, input_ids, attention_mask=None):
        logits = self.table[input_ids]
        return {"logits": logits, "loss": None} if self.as_dict else logits


def tokens(n=20, length=8, vocabulary=11):
    return torch.randint(vocabulary, (n, length), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("form", ["alone", "dict", "labels", "masked", "next"])
def test_the_next_token(form):
    x, model = tokens(), Bigram(11, as_dict=form == "labels")
    truth, logits = x[:, 1:], model.table.detach()[x[:, :-1]]
    counted, params = torch.ones_like(truth, dtype=torch.bool), {"bytes_per_token": 2.5}
    if form == "alone":
        split = Tensors(x)
    elif form == "dict":
        split = Tensors({"input_ids": x, "attention_mask": torch.ones_like(x)})
    elif form == "labels":
        split = Tensors({"input_ids": x, "attention_mask": torch.ones_like(x), "labels": x.clone()})
    elif form == "masked":
        counted = random(*truth.shape, seed=8) > 0
        labels = torch.cat([x[:, :1], truth.where(counted, -100)], dim=1)
        split = Tensors({"input_ids": x, "labels": labels})
    else:
        split, params = Tensors(x[:, :-1], x[:, 1:].clone()), {**params, "labels": "next"}
    task = build(Component(name="next_token", params=params))
    task.check(split, 11)
    found = task.evaluate(model, split, 6)
    truth, logits = truth[counted], logits[counted]
    nll = metrics.log_loss(truth, logits.double().softmax(-1).numpy(), labels=range(11))
    assert found["token_accuracy"] == pytest.approx(metrics.accuracy_score(truth, logits.argmax(-1)))
    assert found["nll"] == pytest.approx(nll, rel=1e-5)
    assert found["bits_per_byte"] == pytest.approx(nll / math.log(2) / 2.5, rel=1e-5)
    assert task.loss(model, split.at(slice(None))).item() == pytest.approx(nll, rel=1e-5)
    assert task.chance(split) == pytest.approx(truth.bincount().max().item() / len(truth))
    told = Data(split, split, lambda: split)
    assert task.outputs(told) == {"outputs": 11, "classes": 11, "vocabulary": 11}


def test_bits_per_byte_by_what_the_data_set_says():
    split, task = Tensors(tokens()), build(Component(name="next_token"))
    assert "bits_per_byte" not in task.evaluate(Bigram(11), split)
    task.outputs(Data(split, split, lambda: split, bytes_per_token=4.0))
    figures = task.evaluate(Bigram(11), split)
    assert figures["bits_per_byte"] == pytest.approx(figures["nll"] / math.log(2) / 4)


@pytest.mark.parametrize(
    ("split", "why"),
    [
        (Tensors(tokens().float()), "int64"),
        (Tensors(tokens()[:, 0]), "int64"),
        (Tensors({"words": tokens()}), "no targets"),
        (Tensors(tokens() - 1), "lie in 0 .. 10"),
        (Tensors(tokens(), tokens().roll(-1, 1)), "shifted by one"),
        (Tensors(tokens(), tokens()[:, 0]), "int64"),
    ],
)
def test_tokens_that_cannot_be_learnt_are_refused(split, why):
    with pytest.raises(DataError) as caught:
        build(Component(name="next_token")).check(split, 11)
    assert why in str(caught.value)


@pytest.mark.parametrize("classes", [3, 5, 6, 12])
def test_top5_accuracy_of_more_than_five_classes(classes):
    y = torch.randint(classes, (70,), generator=torch.Generator().manual_seed(6))
    logits = random(70, classes)
    found = evaluated("classify", logits, y)
    assert list(found) == ["accuracy", "nll", "top5_accuracy"][: 2 + (classes > 5)]
    if classes > 5:
        expected = metrics.top_k_accuracy_score(y, logits, k=5, labels=range(classes))
        assert found["top5_accuracy"] == pytest.approx(expected)


PAIR = """
import torch

def loss(outputs, targets):
    return (outputs[:, 0] - targets["a"]).square().mean() + 0 * targets["b"].sum()

def score(outputs, targets):
    return -(outputs[:, 0] - targets["a"]).abs().max()

def grade(outputs, targets):
    return 3

def pair(outputs, targets):
    return outputs, targets

def text(outputs, targets):
    return "high"

class Odd:
    pass

def factory(weight, power):
    from idim_cli.tasks.regress import Regress

    return Regress()
"""


@pytest.fixture
def pair(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(PAIR)


@pytest.mark.parametrize("spec", ["./mine.py:loss", {"name": "loss", "loss": "./mine.py:loss"}])
def test_a_users_loss_and_score(pair, spec):
    outputs, targets = random(30, 1), {"a": random(30, seed=1), "b": random(30, 2, seed=2)}
    task = build(Component.of(spec))
    split = Split(torch.arange(30.0)[:, None], targets)
    found = task.evaluate(Constant(outputs), split, 7)
    gap = outputs[:, 0] - targets["a"]
    assert found["score"] == pytest.approx(-gap.abs().max().item())
    assert found["loss"] == pytest.approx(gap.square().mean().item(), rel=1e-5)
    assert task.loss(Constant(outputs), split.at(slice(None))).item() == pytest.approx(
        found["loss"], rel=1e-5
    )


def test_the_score_may_be_another_function(pair):
    task = build(Component.of({"name": "loss", "loss": "./mine.py:loss", "score": "./mine.py:grade"}))
    split = Split(torch.arange(30.0)[:, None], {"a": random(30), "b": random(30, 2)})
    assert task.evaluate(Constant(random(30, 1)), split)["score"] == 3


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"loss": "./mine.py:los"}, "has no 'los'"),
        ({"loss": "./other.py:loss"}, "no file"),
        ({"loss": "./mine.py:pair"}, "not a scalar"),
        ({"loss": "./mine.py:loss", "score": "./mine.py:text"}, "not a number"),
        ({"loss": "./mine.py:loss", "score": "./mine.py:pair"}, "not a number"),
    ],
)
def test_what_is_wrong_with_a_loss_is_said(pair, params, why):
    split = Split(torch.arange(30.0)[:, None], {"a": random(30), "b": random(30, 2)})
    with pytest.raises(ComponentError, match=why):
        build(Component(name="loss", params=params)).evaluate(Constant(random(30, 1)), split)


def test_a_function_may_make_a_task_from_parameters(pair):
    assert build(Component.of({"name": "./mine.py:factory", "weight": 1, "power": 2})).metric == "r2"


def test_what_is_no_task_is_refused(pair):
    with pytest.raises(ComponentError, match="without metric"):
        build(Component(name="./mine.py:Odd"))
