"""Checkpoints as training leaves them, without the training."""

from pathlib import Path

import torch

from idim_cli import checkpoint
from idim_cli.models import base as models
from idim_cli.projectors import base as projectors
from idim_cli.recipe.dump import dump
from idim_cli.recipe.load import loads
from idim_cli.results import CHECKPOINT
from idim_cli.subspace import Subspace, native_parameters

DIGITS = """
name: small
dataset: digits
model: {name: fc, depth: 1, width: 6}
projector: PROJECTOR
d: 12
seeds: {theta0: 5, projector: 6, data: 7}
training: {epochs: 1}
"""
USER_CODE = """
import torch
from torch import nn


class Tied(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.first = nn.Linear(64, 8)
        self.norm = nn.BatchNorm1d(8)
        self.second = nn.Linear(8, 8)
        self.second.weight = nn.Parameter(torch.randn(8, 8))
        self.third = nn.Linear(8, 8)
        self.third.weight = self.second.weight
        self.head = nn.Linear(8, classes)
        self.register_buffer("mask", torch.ones(8), persistent=False)

    def forward(self, x):
        x = self.norm(self.first(x.flatten(1))).relu() * self.mask
        return self.head(self.third(self.second(x).relu()).relu())


def tied(*, classes):
    return Tied(classes)
"""


def subspace_of(recipe, shape, classes):
    """The network of a recipe as training has it, at random coordinates."""
    module = models.build(recipe.model, shape, classes, recipe.seeds.theta0)
    sizes = [p.numel() for _, p in native_parameters(module, recipe.trainable)]
    projector = projectors.build(recipe.projector, sizes, recipe.d or sum(sizes), recipe.seeds.projector)
    subspace = Subspace(module, projector, recipe.trainable)
    with torch.no_grad():
        subspace.coords.copy_(torch.randn(subspace.d, generator=torch.Generator().manual_seed(0)))
        for buffer in module.buffers():
            buffer.add_(1)
    return subspace.eval()


def write_checkpoint(text: str, folder: Path, shape=(1, 8, 8), classes=10) -> Subspace:
    """A run folder's checkpoint; returns the network in it."""
    recipe = loads(text).recipe
    subspace = subspace_of(recipe, shape, classes)
    metadata = {"recipe": dump(recipe), "D": subspace.D, "d": subspace.d, "shape": shape, "classes": classes}
    held = {f"buffer/{name}": value for name, value in subspace.module.named_buffers()}
    moments = {"optimizer/coords/exp_avg": torch.zeros(subspace.d)}
    checkpoint.save(folder / CHECKPOINT, {**held, **moments, "coords": subspace.coords}, metadata)
    return subspace
