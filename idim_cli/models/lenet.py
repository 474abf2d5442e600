"""LeNet, the paper's convolutional network."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import nn

from idim_cli.core.errors import ComponentError


def lenet(
    shape: Sequence[int], classes: int, *, dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
) -> nn.Module:
    """LeNet: two 5 x 5 convolutions (6, 16 channels) with pooling, then layers of 120 and 84 units.

    With 10 classes it has D = 44,426 on 1 x 28 x 28 and D = 62,006 on 3 x 32 x 32 (paper, section 3.2).

    Args:
        shape: channels, height, width; at least 16 x 16.
        classes: number of outputs.
        dropout: share of the inputs of every fully connected layer set to zero in training.

    Raises:
        ComponentError: the examples are not images, or too small.
    """
    # 16 is the smallest size that leaves a pixel after both convolutions and poolings.
    if len(shape) != 3 or min(shape[1:]) < 16:
        raise ComponentError(
            f"lenet needs images of at least 16 x 16 as [channels, height, width], got {[*shape]}"
        )
    channels, *sides = shape
    features = 16 * math.prod(((side - 4) // 2 - 4) // 2 for side in sides)
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(channels, 6, 5),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(6, 16, 5),
        "relu2": nn.ReLU(),
        "pool2": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "dropout3": nn.Dropout(dropout),
        "hidden3": nn.Linear(features, 120),
        "relu3": nn.ReLU(),
        "dropout4": nn.Dropout(dropout),
        "hidden4": nn.Linear(120, 84),
        "relu4": nn.ReLU(),
        "dropout5": nn.Dropout(dropout),
        "output": nn.Linear(84, classes),
    }
    kept = {name: layer for name, layer in layers.items() if dropout or not isinstance(layer, nn.Dropout)}
    return nn.Sequential(OrderedDict(kept))
