"""theta0 of the shipped models: drawn from `core.rng`, so that a seed gives the same bits everywhere."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from idim_cli.core.rng import Stream


def initialise(module: nn.Module, seed: int) -> nn.Module:
    """Set every parameter of `module` in place, as the paper's authors did, and return it.

    Kernels (two axes or more) get He's normal distribution by fan in, truncated. Vectors called ``weight``,
    the scales of normalisation layers, get ones; all other vectors, the biases, get zeros. A module with a
    method ``draw_theta0(seed)`` is initialised by it instead.
    """
    with torch.no_grad():
        if draw := getattr(module, "draw_theta0", None):
            draw(seed)
        else:
            for name, parameter in module.named_parameters():
                parameter.copy_(_start(name, parameter, seed))
    return module


def he_normal(seed: int, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Start of the kernel `name` of `shape` [out, in, ...]: sqrt(2 / fan_in) x a normal cut at 2.

    As in the libraries of 2018, the scale is not corrected for the variance that the cut takes away, so
    the standard deviation is 0.88 sqrt(2 / fan_in) (He et al. 2015, section 2.2, is without the cut).
    """
    scale = math.sqrt(2.0 / math.prod(shape[1:]))
    values = scale * truncated_normals(seed, f"theta0/{name}", math.prod(shape))
    return values.astype(np.float32).reshape(shape)


def truncated_normals(seed: int, purpose: str, n: int) -> NDArray[np.float64]:
    """`n` standard normals within +-2: those outside are redrawn, each time from another stream."""
    values = Stream(seed, purpose).normals(n)
    beyond, turn = np.flatnonzero(np.abs(values) > 2), 0
    while beyond.size:
        # The same stream would repeat the numbers that were rejected.
        turn += 1
        values[beyond] = Stream(seed, f"{purpose}/redraw{turn}").normals(beyond.size)
        beyond = beyond[np.abs(values[beyond]) > 2]
    return values


def _start(name: str, parameter: nn.Parameter, seed: int) -> torch.Tensor:
    # By shape and name, not by layer: a module may use parameters of its own without a layer.
    if parameter.ndim >= 2:
        return torch.from_numpy(he_normal(seed, name, tuple(parameter.shape)))
    is_scale = name.rpartition(".")[2] == "weight"
    return torch.ones_like(parameter) if is_scale else torch.zeros_like(parameter)
