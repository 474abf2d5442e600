"""A network of a user's own with buffers of every kind; its start is arithmetic, the same everywhere."""

import torch
from torch import nn


class Net(nn.Module):
    """A layer, BatchNorm with running statistics, a mask, and a layer that shares the first one's bias."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, classes)
        self.norm = nn.BatchNorm1d(classes)
        self.last = nn.Linear(classes, classes)
        self.last.bias = self.first.bias
        self.register_buffer("mask", torch.tensor([True, False] * classes)[:classes])
        self.register_buffer("calls", torch.tensor([0, -7], dtype=torch.int32))
        with torch.no_grad():
            for parameter in self.parameters():
                numbers = torch.arange(parameter.numel(), dtype=torch.float32)
                parameter.copy_(((numbers * 37 % 101 - 50) / 128).view(parameter.shape))

    def forward(self, x):
        return self.last(self.norm(self.first(x.flatten(1))).relu() * self.mask)


def net(*, shape, classes):
    return Net(shape[0], classes)
