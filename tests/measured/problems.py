"""Models and data on which the adaptive search is measured, made from seeds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from idim_cli.datasets.split import Source, Split

TOKENS, LENGTH = 12, 16


def _source(x: Tensor, y: Tensor, classes: int) -> Source:
    """The last 1,000 examples are the test split, 1,000 before them the validation split."""
    return Source(Split(x[:-1000], y[:-1000]), lambda: Split(x[-1000:], y[-1000:]), classes, validation=1000)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counts(n: int = 5000) -> Source:
    """How often does token 0 or 1 occur among 16 of 12 tokens: 0 .. 5 or more times?"""
    x = torch.randint(TOKENS, (n, LENGTH), generator=_generator(1))
    return _source(x, (x < 2).sum(1).clamp(max=5), 6)


def last_of_four(n: int = 5000) -> Source:
    """Which of tokens 0 .. 3 occurs last among 16 of 12 tokens? All sequences have one."""
    x = torch.randint(TOKENS, (2 * n, LENGTH), generator=_generator(2))
    x = x[(x < 4).any(1)][:n]
    last = LENGTH - 1 - (x < 4).int().flip(1).argmax(1)
    return _source(x, x.gather(1, last[:, None])[:, 0], 4)


def waves(n: int = 5000) -> Source:
    """Which of six frequencies has a noisy wave of 48 points with a random phase?"""
    g = _generator(3)
    y = torch.randint(6, (n,), generator=g)
    time, phase = torch.linspace(0, 6.2832, 48), 6.2832 * torch.rand(n, 1, generator=g)
    wave = torch.sin((1.0 + 0.5 * y[:, None]) * time + phase)
    return _source((wave + 0.5 * torch.randn(n, 48, generator=g))[:, None], y, 6)


class Transformer(nn.Module):
    """Two layers that normalise first, and an output layer over the mean of the sequence."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(TOKENS, width), nn.Embedding(LENGTH, width)
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.output = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [B, classes] of tokens [B, LENGTH]."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return self.output(self.layers(self.token(tokens) + self.place(places)).mean(1))


class Recurrent(nn.Module):
    """One GRU, read at its last state."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.token, self.gru = nn.Embedding(TOKENS, width), nn.GRU(width, width, batch_first=True)
        self.output = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [B, classes] of tokens [B, LENGTH]."""
        return self.output(self.gru(self.token(tokens))[0][:, -1])


def transformer(classes: int, width: int = 24) -> nn.Module:
    """A transformer for `counts`."""
    return Transformer(classes, width)


def recurrent(classes: int, width: int = 32) -> nn.Module:
    """A GRU for `last_of_four`."""
    return Recurrent(classes, width)


def small_conv(classes: int, channels: int = 8) -> nn.Module:
    """Two convolutions on 8 x 8 images."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(channels, 2 * channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * channels, classes),
    )  # fmt: skip


def wave_conv(classes: int, channels: int = 12) -> nn.Module:
    """Two convolutions over time, each with group normalisation."""
    return nn.Sequential(
        nn.Conv1d(1, channels, 7, stride=2, padding=3), nn.GroupNorm(3, channels), nn.SiLU(),
        nn.Conv1d(channels, 2 * channels, 5, stride=2, padding=2), nn.GroupNorm(3, 2 * channels), nn.SiLU(),
        nn.AdaptiveAvgPool1d(3), nn.Flatten(), nn.Linear(6 * channels, classes),
    )  # fmt: skip
