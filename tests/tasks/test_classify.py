import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from idim_cli.core.registry import registry
from idim_cli.datasets.split import Split
from idim_cli.recipe.schema import Component
from idim_cli.tasks.base import build


@pytest.fixture
def split():
    generator = torch.Generator().manual_seed(0)
    return Split(torch.randn(103, 6, generator=generator), torch.randint(0, 4, (103,), generator=generator))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 20), nn.BatchNorm1d(20), nn.Dropout(0.5), nn.Linear(20, 4))


def test_loss_is_the_mean_cross_entropy(model, split):
    logits = model.eval()(split.x)
    by_hand = -logits.log_softmax(1)[torch.arange(103), split.y].mean()
    assert torch.allclose(build(Component(name="classify")).loss(model, split.data), by_hand)


@pytest.mark.parametrize("batch_size", [1, 10, 103, 1000])
def test_figures_are_of_the_whole_split_whatever_the_batches(model, split, batch_size):
    figures = build(Component(name="classify")).evaluate(model, split, batch_size)
    logits = model.eval()(split.x)
    assert figures["accuracy"] == pytest.approx(
        (logits.argmax(1) == split.y).double().mean().item(), abs=1e-9
    )
    assert figures["nll"] == pytest.approx(functional.cross_entropy(logits, split.y).item(), rel=1e-5)


def test_modes_and_statistics_are_left_as_they_were(model, split):
    model.train()
    model[2].eval()
    before = model[1].running_mean.clone()
    build(Component(name="classify")).evaluate(model, split)
    assert [part.training for part in model] == [True, True, False, True]
    assert torch.equal(model[1].running_mean, before)


def test_no_graph_is_kept(model, split):
    seen = []
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.requires_grad))
    build(Component(name="classify")).evaluate(model, split)
    assert seen == [False]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_output_that_is_not_finite_is_no_answer(split, value):
    model = nn.Linear(6, 4)
    with torch.no_grad():
        model.bias[3] = value  # one of four outputs; argmax would call NaN a class
    figures = build(Component(name="classify")).evaluate(model, split)
    assert all(math.isnan(figure) for figure in figures.values())


def test_the_score_may_be_of_training():
    assert build(Component(name="classify")).score_on == "validation"
    assert build(Component(name="classify", params={"score": "train"})).score_on == "train"
    with pytest.raises(ValueError, match="'validation' or 'train'"):
        registry("task").parameters("classify")(score="test")


def test_every_task_names_a_figure_of_its_own_evaluation():
    from idim_cli.models.base import build as model

    one = Split(torch.rand(3, 1, 16, 16), torch.tensor([0, 1, 1]))
    for name, net in {"classify": "fc", "toy": "toy"}.items():
        task = build(Component(name=name))
        figures = task.evaluate(model(Component(name=net), (1, 16, 16), 2, 0), one)
        assert task.metric in figures
        assert task.score_on in ("train", "validation")


def test_chance_is_the_share_of_the_most_frequent_class():
    from idim_cli.tasks.base import chance

    some = Split(torch.zeros(5, 6), torch.tensor([1, 3, 3, 0, 3]))
    assert chance(build(Component(name="classify")), some) == 0.6
    assert chance(build(Component(name="toy")), some) is None
