"""A small problem with all that can go wrong in going on: dropout, BatchNorm, a partial last batch."""

from pathlib import Path

import pytest

from idim_cli.recipe.load import loads
from idim_cli.runs.plan import single

CODE = '''
import torch
from torch import nn
from idim_cli.datasets.split import Source, Split

def points(n: int = 79):
    """Points in the plane, and on which side of a line they lie."""
    x = torch.linspace(-1, 1, 2 * n).reshape(n, 2).sin().roll(1, 0)
    x[:, 1] = (13 * x[:, 0]).cos()
    split = Split(x, (x[:, 0] > x[:, 1]).long())
    return Source(split, lambda: split, 2, 40)

def noisy(classes):
    return nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, classes)
    )

def plain(classes):
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, classes))

def idle():
    return nn.Flatten()

def vast(width: int):
    return nn.Linear(2, width)

def broken(classes):
    class Broken(nn.Linear):
        def forward(self, x):
            if self.training:
                raise ZeroDivisionError("a bug in the user's model")
            return super().forward(x)
    return Broken(2, classes)
'''


@pytest.fixture
def code(tmp_path):
    """The file with the problem's code."""
    path = tmp_path / "problem.py"
    path.write_text(CODE)
    return path


@pytest.fixture
def loaded(code):
    """Makes a recipe of the problem: 39 training examples, 5 batches an epoch; keys may be overridden."""

    def make(*overrides, extra=""):
        text = f"""
name: small
dataset: {{name: '{code}:points'}}
model: {{name: '{code}:noisy'}}
d: 20
device: cpu
training: {{epochs: 4, batch_size: 8, optimizer: {{name: adam, lr: 0.05}}}}
{extra}
"""
        return loads(text, "small.yaml", overrides)

    return make


@pytest.fixture
def one(loaded):
    """Makes the one run of the problem's recipe."""
    return lambda *overrides: single(loaded(*overrides).recipe)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where a run goes."""
    return tmp_path / "run"
