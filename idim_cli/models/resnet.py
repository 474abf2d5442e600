"""Residual networks for small images."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from idim_cli.core.errors import ComponentError

# Groups of group normalisation, if they divide the channels: 4 channels each at the default width of 16.
_GROUPS = 4


def resnet(
    shape: Sequence[int],
    classes: int,
    *,
    depth: Annotated[int, Field(ge=4, le=2000)] = 20,
    width: Annotated[int, Field(ge=1, le=1_000_000_000_000)] = 16,
    stages: Annotated[int, Field(ge=1, le=16)] = 3,
    pool: Annotated[int, Field(ge=1)] = 1,
    norm: Literal["batch", "group"] = "batch",
) -> nn.Module:
    """ResNet for small images: stages of blocks of two 3 x 3 convolutions (He et al. 2016, 4.2).

    Each stage but the first halves height and width and doubles the channels; shortcuts have no parameters.
    With the defaults and 10 classes it has D = 269,722 on 3 x 32 x 32 (the paper, section S8, has 280k for
    its 20 layers and publishes no settings).

    Args:
        shape: channels, height, width; at least ``pool * 2^(stages - 1)`` pixels each way.
        classes: number of outputs.
        depth: number of layers with weights: 2 n stages + 2, with n blocks a stage.
        width: channels of the first stage.
        stages: how many; He et al. have 3.
        pool: the output layer gets the means of ``pool x pool`` regions; 1, as in He et al., discards where
            in the image a feature is.
        norm: ``batch`` normalisation, whose running statistics are buffers, or ``group`` normalisation
            (Wu and He 2018), which has none.

    Raises:
        ComponentError: the examples are not images, or too small, or the depth is not 2 n stages + 2.
    """
    # Each later stage halves the image, and every region of the pooling needs a pixel.
    least = pool * 2 ** (stages - 1)
    if len(shape) != 3 or min(shape[1:]) < least:
        size = f"at least {least} x {least} as [channels, height, width]"
        raise ComponentError(f"this resnet needs images of {size}, got {[*shape]}")
    # Two layers for each block, and the first convolution and the output layer.
    blocks, rest = divmod(depth - 2, 2 * stages)
    if rest or not blocks:
        several = "s" if stages > 1 else ""
        raise ComponentError(
            f"a resnet of {stages} stage{several} has {2 * stages} n + 2 layers, not {depth}",
            f"set a depth such as {2 * stages + 2}",
        )
    # Convolutions have no bias: the normalisation behind them would subtract it.
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(shape[0], width, 3, padding=1, bias=False),
        "norm1": _norm(norm, width),
        "relu1": nn.ReLU(),
    }
    for stage in range(stages):
        after = width * 2**stage
        for k in range(blocks):
            before = after // 2 if stage and not k else after
            layers[f"block{stage + 1}_{k + 1}"] = Block(before, after, norm)
    output = nn.Linear(after * pool**2, classes)
    layers |= {"pool": nn.AdaptiveAvgPool2d(pool), "flatten": nn.Flatten(), "output": output}
    return nn.Sequential(OrderedDict(layers))


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut.

    If the number of channels grows, height and width are halved: the shortcut takes every other pixel, and
    zeros for the new channels (option A of He et al., without parameters).

    Args:
        before: input channels.
        after: output channels, at least as many.
        norm: kind of normalisation after each convolution.
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
        # The new channels follow the old ones.
        inner = functional.relu(self.norm1(self.conv1(x)))
        shortcut = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))
        return functional.relu(self.norm2(self.conv2(inner)) + shortcut)


def _norm(norm: str, channels: int) -> nn.Module:
    if norm == "group":
        return nn.GroupNorm(math.gcd(channels, _GROUPS), channels)
    return nn.BatchNorm2d(channels)
