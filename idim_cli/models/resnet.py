"""Residual networks for small images."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.errors import ComponentError

_STAGES = 3
_GROUPS = 4  # of group normalisation, where so many divide the channels


def resnet(
    shape: Sequence[int],
    classes: int,
    *,
    depth: Annotated[int, Field(ge=8)] = 20,
    width: Annotated[int, Field(ge=1)] = 16,
    norm: Literal["batch", "group"] = "batch",
) -> nn.Module:
    """ResNet for small images: three stages of blocks of two 3 x 3 convolutions (He et al. 2016, 4.2).

    Each stage but the first halves height and width and doubles the channels; shortcuts have no parameters.
    With the defaults and 10 classes it has D = 269,722 on 3 x 32 x 32 (the paper, section S8, speaks of
    280k for its 20 layers and publishes no settings).

    Args:
        shape: channels, height, width; at least 4 x 4.
        classes: number of outputs.
        depth: number of layers with weights: 6 n + 2.
        width: channels of the first stage.
        norm: ``batch`` normalisation, whose running statistics are buffers, or ``group`` normalisation
            (Wu and He 2018), which has none.

    Raises:
        ComponentError: the examples are not images, or too small, or the depth is not 6 n + 2.
    """
    if len(shape) != 3 or min(shape[1:]) < 4:
        raise ComponentError(
            f"resnet needs images of at least 4 x 4 as [channels, height, width], not {[*shape]}"
        )
    blocks, rest = divmod(depth - 2, 2 * _STAGES)
    if rest:
        raise ComponentError(f"resnet has 6 n + 2 layers, not {depth}", "such as depth: 20")
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(shape[0], width, 3, padding=1, bias=False),
        "norm1": _norm(norm, width),
        "relu1": nn.ReLU(),
    }
    for stage in range(_STAGES):
        after = width * 2**stage
        for k in range(blocks):
            before = after // 2 if stage and not k else after
            layers[f"block{stage + 1}_{k + 1}"] = Block(before, after, norm)
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "output": nn.Linear(after, classes)}
    return nn.Sequential(OrderedDict(layers))


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut.

    With more channels than before it halves height and width: the shortcut takes every other pixel, and
    zeros for the new channels.

    Args:
        before: channels that come in.
        after: channels that go out, as many or more.
        norm: behind each convolution.
    """

    def __init__(self, before: int, after: int, norm: str) -> None:
        super().__init__()
        self.stride, self.new = 1 if before == after else 2, after - before
        self.conv1 = nn.Conv2d(before, after, 3, self.stride, padding=1, bias=False)
        self.norm1 = _norm(norm, after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = _norm(norm, after)

    def forward(self, x: Tensor) -> Tensor:
        """[B, before, H, W] to [B, after, H, W], or to half the height and width, rounded up."""
        inner = functional.relu(self.norm1(self.conv1(x)))
        shortcut = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))
        return functional.relu(self.norm2(self.conv2(inner)) + shortcut)


def _norm(norm: str, channels: int) -> nn.Module:
    if norm == "group":
        return nn.GroupNorm(math.gcd(channels, _GROUPS), channels)
    return nn.BatchNorm2d(channels)
