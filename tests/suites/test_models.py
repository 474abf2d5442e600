"""What holds for every model of the registry."""

import pytest
import torch

from idim_cli.core.registry import registry
from idim_cli.models.base import build, portable
from idim_cli.recipe.schema import Component

SHAPE, CLASSES = (3, 32, 32), 6
NAMES = list(registry("model"))


def make(name, seed):
    return build(Component(name=name), SHAPE, CLASSES, seed)


@pytest.mark.parametrize("name", NAMES)
def test_theta0_goes_by_the_seed(name):
    first, again, other = (dict(make(name, seed).named_parameters()) for seed in (7, 7, 8))
    assert all(torch.equal(p, again[key]) for key, p in first.items())
    assert any(not torch.equal(p, other[key]) for key, p in first.items())


@pytest.mark.parametrize("name", NAMES)
def test_theta0_owes_nothing_to_torch(name):
    torch.manual_seed(0)
    first = make(name, 7)
    drawn = torch.rand(2)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(2), drawn)
    if portable(Component(name=name)):
        torch.manual_seed(1)
        assert all(
            torch.equal(p, q) for p, q in zip(first.parameters(), make(name, 7).parameters(), strict=True)
        )


@pytest.mark.parametrize("name", NAMES)
def test_it_is_built_for_training_on_the_cpu(name):
    module = make(name, 0)
    assert module.training
    assert all(p.dtype == torch.float32 and p.device.type == "cpu" for p in module.parameters())
    assert all(p.requires_grad and p.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "toy"])
def test_a_batch_of_examples_becomes_a_batch_of_logits(name):
    logits = make(name, 0)(torch.rand(5, *SHAPE))
    assert logits.shape == (5, CLASSES)
    assert logits.std() > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_reaches_every_parameter(name):
    module = make(name, 0)
    module(torch.rand(5, *SHAPE)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in module.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_it_is_described(name):
    assert registry("model").summary(name)
