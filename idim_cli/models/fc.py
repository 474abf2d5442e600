"""Fully connected networks, the paper's FC models."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import nn


def fc(
    shape: Sequence[int],
    classes: int,
    *,
    # Limits far above any use: a typing error is refused before it fills the memory.
    depth: Annotated[int, Field(ge=0, le=1000)] = 2,
    width: Annotated[int, Field(ge=1, le=1_000_000_000_000)] = 200,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> nn.Module:
    """Fully connected ReLU network: depth hidden layers of one width.

    On 28 x 28 images with 10 classes the defaults have D = 199,210 (paper, section 3.1).

    Args:
        shape: of one example; flattened by the network itself.
        classes: number of outputs.
        depth: number of hidden layers.
        width: units in each of them.
        dropout: share of the inputs of every layer set to zero in training, as the paper's authors did.
    """
    sizes = [math.prod(shape), *[width] * depth, classes]
    # The names are part of the identity of theta0: each kernel is drawn from a stream of its name.
    layers: dict[str, nn.Module] = {"flatten": nn.Flatten()}
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        if dropout:
            layers[f"dropout{k}"] = nn.Dropout(dropout)
        layers[f"hidden{k}" if k <= depth else "output"] = nn.Linear(fan_in, fan_out)
        if k <= depth:
            layers[f"relu{k}"] = nn.ReLU()
    return nn.Sequential(OrderedDict(layers))
