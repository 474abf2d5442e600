"""The one example of the toy problem, which has no data."""

from __future__ import annotations

from pathlib import Path

import torch

from idim_cli.datasets.split import Source, Tensors


def toy(root: Path | None, download: bool) -> Source:
    """One dummy example, so that one epoch is one step (paper, section 2)."""
    one = Tensors(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64))
    return Source(train=one, test=lambda: one, classes=1, validation=one)
