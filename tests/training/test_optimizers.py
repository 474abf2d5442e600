"""Optimisers: their settings reach torch, wrong ones are refused."""

import pytest
import torch
from torch import nn

from idim_cli.core.errors import ComponentError
from idim_cli.core.registry import registry
from idim_cli.methods import optimizers
from idim_cli.recipe.schema import Component


def stepped(name, gradients, **params):
    """A coordinate at 1 after steps along the given gradients."""
    coords = nn.Parameter(torch.ones(1))
    optimizer = optimizers.build(Component(name=name, params=params), coords)
    for gradient in gradients:
        coords.grad = torch.tensor([gradient])
        optimizer.step()
    return coords.item()


@pytest.mark.parametrize(
    ("name", "params", "gradients", "expected"),
    [
        ("sgd", {"lr": 0.1, "momentum": 0.0}, [1.0], 0.9),
        ("sgd", {"lr": 0.1, "momentum": 0.9}, [1.0, 1.0], 1 - 0.1 - 0.19),
        ("sgd", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, [1.0], 1 - 0.19),
        ("sgd", {"lr": 0.1, "momentum": 0.0, "weight_decay": 0.5}, [0.0], 0.95),
        ("adam", {"lr": 0.1, "eps": 0.0}, [5.0], 0.9),
        ("adam", {"lr": 0.1, "weight_decay": 0.5, "decoupled": True}, [0.0], 0.95),
        ("rmsprop", {"lr": 0.1, "alpha": 0.75, "eps": 0.0}, [5.0], 0.8),
    ],
)
def test_first_steps_are_what_the_settings_say(name, params, gradients, expected):
    assert stepped(name, gradients, **params) == pytest.approx(expected, abs=1e-6)


def test_adam_has_the_authors_second_beta():
    optimizer = optimizers.build(Component(name="adam"), nn.Parameter(torch.ones(1)))
    assert optimizer.defaults["betas"] == (0.9, 0.99)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("adam", {"lr": 0}),
        ("adam", {"lr": "0.1"}),
        ("adam", {"betas": [0.9]}),
        ("sgd", {"beta": 0.9}),
        ("rmsprop", {"alpha": 1.0}),
    ],
)
def test_the_recipe_check_refuses_wrong_settings(name, params):
    with pytest.raises(ValueError, match="validation error"):
        registry("optimizer").parameters(name)(**params)


def test_what_only_torch_can_tell_is_a_component_error():
    with pytest.raises(ComponentError, match=r"sgd.*[Nn]esterov"):
        stepped("sgd", [], momentum=0.0, nesterov=True)
