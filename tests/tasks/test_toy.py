import math

import pytest
import torch

from idim_cli.datasets.base import load
from idim_cli.models.base import build as model
from idim_cli.recipe.schema import Component
from idim_cli.tasks.base import build


@pytest.fixture
def toy():
    return build(Component(name="toy")), model(Component(name="toy"), (1,), 1, 0)


def test_groups_that_sum_to_one_up_to_ten_are_perfect(toy):
    task, net = toy
    with torch.no_grad():
        net.theta.copy_(torch.arange(1, 11).repeat_interleave(100) / 100)
    figures = task.evaluate(net, load(Component(name="toy")).train)
    assert figures == pytest.approx({"exp_minus_loss": 1, "loss": 0}, abs=1e-6)


def test_the_loss_is_the_squared_error_summed_over_the_groups(toy):
    task, net = toy
    with torch.no_grad():
        net.theta.zero_()
    figures = task.evaluate(net, load(Component(name="toy")).train)
    assert figures["loss"] == pytest.approx(385)
    assert figures["exp_minus_loss"] == pytest.approx(math.exp(-385))


def test_direct_training_solves_it(toy):
    task, net = toy
    split = load(Component(name="toy")).train
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, betas=(0.9, 0.99))
    for _ in range(250):  # later on Adam jitters around the solution, by the last bits of the processor
        optimizer.zero_grad()
        task.loss(net, split.data).backward()
        optimizer.step()
    assert task.evaluate(net, split)["exp_minus_loss"] > 0.999
