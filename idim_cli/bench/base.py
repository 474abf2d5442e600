"""The settings of a bench, and the form of its measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

#: A measurement by column.
BenchRow = dict[str, Any]


@dataclass(frozen=True)
class How:
    """How a bench measures.

    Attributes:
        device: to compute on.
        seconds: of timing for each row at least.
        limit: seconds; a P whose construction is expected to take longer is skipped.
    """

    device: torch.device
    seconds: float = 1.0
    limit: float = 120.0


def complete(row: BenchRow, columns: Sequence[str]) -> BenchRow:
    """The row with all columns in their order; unknown ones are None."""
    return {name: row.get(name) for name in columns}
