"""Checkpoints as training leaves them, without the training, and files of every kind."""

import struct
import zlib
from pathlib import Path

import numpy as np
import torch

from idim_cli.compression import from_checkpoint as solutions
from idim_cli.compression import write
from idim_cli.compression.format import container, shipped
from idim_cli.compression.format.container import Content
from idim_cli.compression.format.coordinates import Exact, Quantised
from idim_cli.compression.format.dictionary import DICTIONARY
from idim_cli.compression.format.spec import Buffer, Spec
from idim_cli.models import base as models
from idim_cli.projectors import base as projectors
from idim_cli.projectors.native import native_parameters
from idim_cli.projectors.quantiser import Quantiser
from idim_cli.projectors.subspace import Subspace
from idim_cli.recipe.dump import dump
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import Component, Seeds
from idim_cli.runs import checkpoint
from idim_cli.runs.results import CHECKPOINT

DIGITS = """
name: small
dataset: digits
model: {name: fc, depth: 1, width: 6}
projector: PROJECTOR
d: 12
seeds: {theta0: 5, projector: 6, data: 7}
training: {epochs: 1}
"""
#: A network whose problem has a number in the format.
NUMBERED = DIGITS.replace("width: 6", "width: 32")
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


def few(text: str, levels: int, codebook: str = "uniform") -> str:
    """A recipe whose coordinates take few values."""
    return f"{text}quantise: {{levels: {levels}, codebook: {codebook}}}\n"


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
    book = {}
    if recipe.quantise:
        quantiser = Quantiser(recipe.quantise.levels, recipe.quantise.codebook)
        quantiser.fit(subspace.coords)
        quantiser.round(subspace.coords)
        book = {"book": quantiser.book}
    checkpoint.save(folder / CHECKPOINT, {**held, **moments, **book, "coords": subspace.coords}, metadata)
    return subspace


def compressed(folder: Path, out: Path | None = None) -> Path:
    """The file of the checkpoint in a folder, every bit kept; beside it unless said otherwise."""
    path = out or folder / "checkpoint.idim"
    path.write_bytes(container.pack(write.content(solutions.read(folder / CHECKPOINT))))
    return path


def sealed(body: bytes) -> bytes:
    """With the checksum that an adversary would compute."""
    return body + struct.pack("<I", zlib.crc32(body))


def deflated(text: bytes) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    return squeeze.compress(text) + squeeze.flush()


FC = Spec(
    model=Component(name="fc", params={"depth": 2, "width": 200, "dropout": 0.0}),
    projector=Component(name="tied"),
    dataset=Component(name="digits", params={"fraction": 0.5}),
    task=Component(name="classify", params={"score": "validation"}),
    shape=[1, 28, 28],
    classes=10,
)
NORM = Buffer(name="norm.running_mean", dtype="F32", shape=[3])
STEPS = Buffer(name="norm.num_batches_tracked", dtype="I64", shape=[], stored="U8")
_NUMBERED = {"seeds": Seeds(theta0=1, projector=300), "theta0": 0xBEEF, "probe": -0.5}
_MNIST, _MNIST_D = shipped.named(16)
#: A file of each kind: a description, buffers and float32; and shipped problems with few values.
CONTENTS = {
    "described": Content(
        D=300,
        seeds=Seeds(theta0=1, projector=2**63 - 1),
        spec=FC.model_copy(update={"buffers": [NORM, STEPS]}),
        coords=Exact(np.array([1.0, -2.0], dtype=np.float32)),
        theta0=0xDEAD,
        probe=0.5,
        buffers=bytes(range(13)),
    ),
    "exact": Content(_MNIST_D, spec=_MNIST, coords=Exact(np.arange(5, dtype=np.float32)), **_NUMBERED),
    "uniform": Content(
        _MNIST_D, spec=_MNIST, coords=Quantised((0.25,), bytes([0, 2, 1, 1, 2]), 3), **_NUMBERED
    ),
    "free": Content(
        _MNIST_D,
        spec=_MNIST,
        coords=Quantised((-1.0, 0.5, 2.0, 3.0), bytes([3, 0, 2, 1, 1] * 9), 4),
        **_NUMBERED,
    ),
}
