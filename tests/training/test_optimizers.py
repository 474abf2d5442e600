"""Optimizers: their settings reach torch, wrong ones are refused."""

import pytest
import torch
from torch import nn

from idim_cli.core.errors import ComponentError
from idim_cli.core.registry import registry
from idim_cli.methods import optimizers
from idim_cli.methods.eager import eager
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


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.LBFGS])
def test_eager_optimizers_are_those_of_torch_without_their_compiler(kind):
    """Bit by bit, hooks included, also after `state_dict` went from one to the other."""
    hooked = []

    def steps(used, after=None):
        coords = nn.Parameter(torch.linspace(-1, 1, 5))
        made = used([coords], lr=0.1)
        made.register_step_post_hook(lambda *_: hooked.append(used))
        if after is not None:
            made.load_state_dict(after.state_dict())

        def loss():
            made.zero_grad()
            loss = (coords**4).sum()
            loss.backward()
            return loss

        for _ in range(3):
            made.step(loss)
        return coords.detach(), made

    plain, first = steps(kind)
    own, second = steps(eager(kind))
    assert torch.equal(plain, own)
    assert torch.equal(steps(kind, second)[0], steps(eager(kind), first)[0])
    assert len(hooked) == 12
    assert isinstance(second, kind)
    assert eager(kind) is eager(kind)
