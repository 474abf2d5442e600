"""What holds for every optimizer: registered, of torch, the user's own, and by an entry point."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from idim_cli.core.errors import ComponentError
from idim_cli.core.registry import registry
from idim_cli.methods import OPTIMIZERS
from idim_cli.methods.optimizers import build, joinable, joined, try_step
from idim_cli.recipe.schema import Component
from idim_cli.runs.checkpoint import optimizer_tensors, restore_optimizer

LIBRARY = [f"torch:{name}" for name in OPTIMIZERS.libraries["torch"].names()]
OWN = """
import torch

class Signs(torch.optim.Optimizer):
    \"\"\"Steps by the sign of the gradient, fewer from step to step.\"\"\"

    def __init__(self, params, lr: float = 0.05, *, decay: float = 0.01):
        super().__init__(params, {"lr": lr, "decay": decay, "shrunk": 0})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            group["shrunk"] += 1
            for p in group["params"]:
                state = self.state[p]
                state["count"] = state.get("count", 0) + 1
                state["whole"] = state.get("whole", torch.zeros(1, dtype=torch.int64)) + 2**40 + 1
                rate = group["lr"] / (1 + group["decay"] * (state["count"] + group["shrunk"]))
                p.sub_(p.grad.sign(), alpha=rate)
"""
#: Of what joins by an entry point the keyword-only arguments are the parameters.
ENTRY = OWN.replace("params, lr: float = 0.05, *,", "params, *, lr: float = 0.05,")
NAMES = [*registry("optimizer"), *LIBRARY, "own", "entry"]


@pytest.fixture(params=NAMES)
def name(request, own_file, entry_point):
    if request.param == "own":
        return own_file(OWN) + ":Signs"
    return entry_point("optimizer", "Signs", ENTRY) if request.param == "entry" else request.param


def made(name, coords, **params):
    return build(Component(name=name, params=params), coords)


def trained(optimizer, coords, steps):
    target = torch.linspace(-1, 1, len(coords))
    for _ in range(steps):
        coords.grad = 2 * (coords.detach() - target)
        optimizer.step()
    return coords.detach().clone()


def start():
    return nn.Parameter(torch.zeros(6))


def test_torch_has_its_optimizers():
    assert {"torch:NAdam", "torch:Adafactor", "torch:SGD"} <= set(LIBRARY)


def test_it_makes_steps_towards_the_minimum(name):
    coords = start()
    optimizer = made(name, coords, lr=0.05)
    target = torch.linspace(-1, 1, 6)
    assert (trained(optimizer, coords, 100) - target).norm() < target.norm() - 1e-3
    try_step(Component(name=name, params={}))


def test_it_goes_on_with_the_same_bits(name):
    whole, first, second = start(), start(), start()
    expected = trained(made(name, whole, lr=0.05), whole, 7)
    before = made(name, first, lr=0.05)
    trained(before, first, 3)
    tensors = {key: value.clone() for key, value in optimizer_tensors(before)}
    assert all(isinstance(value, torch.Tensor) for value in tensors.values())
    after = made(name, second, lr=0.05)
    with torch.no_grad():
        second.copy_(first)
    restore_optimizer(after, tensors)
    assert torch.equal(trained(after, second, 4), expected)


def test_joined_optimizers_make_the_steps_of_single_ones(name):
    coords = [start(), start()]
    optimizers = [made(name, one, lr=0.05) for one in coords]
    if not joinable(optimizers[0]):
        assert name.endswith("Signs")
        return
    whole = joined(optimizers)
    for _ in range(3):
        for at, one in enumerate(coords):
            one.grad = one.detach() - at - 1
        whole.step()
    for at, one in enumerate(coords):
        alone = start()
        optimizer = made(name, alone, lr=0.05)
        for _ in range(3):
            alone.grad = alone.detach() - at - 1
            optimizer.step()
        assert torch.allclose(one, alone, rtol=1e-6, atol=0)


@pytest.mark.parametrize("params", [{"lrr": 0.1}, {"lr": "fast"}])
def test_wrong_parameters_are_refused_before_anything_is_imported(name, params):
    with pytest.raises(ComponentError) as caught:
        OPTIMIZERS.filled(name, params)
    assert next(iter(params)) in caught.value.message
    assert "lrr" not in params or "did you mean lr" in caught.value.hint


@pytest.mark.parametrize("wrong", ["LBFGS", "Muon", "SparseAdam", "Optimizer", "NAdan", "lr_scheduler"])
def test_what_torch_has_and_cannot_be_used_is_said(wrong):
    with pytest.raises(ComponentError) as caught:
        OPTIMIZERS.filled(f"torch:{wrong}", {})
    assert wrong in caught.value.message
    assert wrong != "NAdan" or "NAdam" in caught.value.hint
    assert wrong != "LBFGS" or "loss several times" in caught.value.message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("make = 3", "not a function or class"),
        ("def make(params): return None", "not a torch.optim.Optimizer"),
        ("import torch\ndef make(params): return torch.optim.LBFGS(params)", "closure"),
        ("import torch\ndef make(params): return torch.optim.SparseAdam(params)", "sparse|dense"),
        ("def make(params): raise RuntimeError('no luck')", "no luck"),
        ("import torch\ndef make(params, *, lr): return torch.optim.SGD(params, lr)", "missing a required"),
        (
            "import torch\nclass make(torch.optim.Optimizer):\n"
            "    def __init__(self, params): super().__init__(params, {})\n"
            "    def step(self, closure=None): pass",
            "'lr'",
        ),
    ],
)
def test_own_optimizers_that_cannot_work_are_refused(own_file, text, why):
    with pytest.raises(ComponentError, match=why):
        try_step(Component(name=own_file(text) + ":make"))


def test_those_of_torch_are_used_without_what_prepares_them_for_compiling():
    code = (
        "import sys, torch; from idim_cli.methods.optimizers import try_step\n"
        "from idim_cli.recipe.schema import Component\n"
        "try_step(Component(name='torch:NAdam')); print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
