"""The block-diagonal map of a pack of runs, each with its own projector and d."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from idim_cli.projectors.base import BlockDiagonal, Projector


class Blocks(nn.Module):
    """R projectors of one D, as one map from the concatenation of their coordinates.

    Projectors of one kind become one map where their kind has a faster one (`Projector.block_diagonal`); all
    others are applied one by one. Building it is cheap, so a pack is rebuilt whenever a run leaves or joins.

    Args:
        parts: of equal D; their d may differ.
    """

    def __init__(self, parts: Sequence[Projector]) -> None:
        super().__init__()
        self.parts: Sequence[Projector] = nn.ModuleList(parts)  # type: ignore[assignment]
        self.shares = [part.d for part in parts]
        kinds = {type(part) for part in parts}
        joined = kinds.pop().block_diagonal(parts) if len(kinds) == 1 < len(parts) else None
        self.joined: BlockDiagonal | None = joined

    def project(self, v: Tensor) -> Tensor:
        """[sum of d] -> [R, D]: row i is P_i v_i."""
        if self.joined is not None:
            return self.joined.project(v)
        pieces = zip(self.parts, v.split(self.shares), strict=True)
        return torch.stack([part.project(piece) for part, piece in pieces])

    def adjoint(self, g: Tensor) -> Tensor:
        """[R, D] -> [sum of d]: the transpose."""
        if self.joined is not None:
            return self.joined.adjoint(g)
        return torch.cat([part.adjoint(row) for part, row in zip(self.parts, g, strict=True)])
