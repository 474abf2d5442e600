"""Several projectors side by side: the block-diagonal map of a pack of runs, each with its own d."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from idim_cli.projectors.base import Projector, SideBySide


class Blocks(nn.Module):
    """R projectors of one D, as one map from the concatenation of their coordinates.

    Projectors of one kind are joined to one map where their kind knows how (`Projector.beside`); all others
    take turns. Making it is cheap, so that a pack can be made anew whenever a run leaves or joins.

    Args:
        parts: of equal D; their d may differ.
    """

    def __init__(self, parts: Sequence[Projector]) -> None:
        super().__init__()
        self.parts: Sequence[Projector] = nn.ModuleList(parts)  # type: ignore[assignment]
        self.shares = [part.d for part in parts]
        kinds = {type(part) for part in parts}
        joined = kinds.pop().beside(parts) if len(kinds) == 1 < len(parts) else None
        self.joined: SideBySide = joined or _Turns(parts)

    def project(self, v: Tensor) -> Tensor:
        """[sum of d] -> [R, D]: row i is P_i v_i."""
        return self.joined.project(v)

    def adjoint(self, g: Tensor) -> Tensor:
        """[R, D] -> [sum of d]: the transpose."""
        return self.joined.adjoint(g)


class _Turns(SideBySide):
    """One projector after the other."""

    def __init__(self, parts: Sequence[Projector]) -> None:
        super().__init__()
        self.parts = parts
        self.shares = [part.d for part in parts]

    def project(self, v: Tensor) -> Tensor:
        pieces = zip(self.parts, v.split(self.shares), strict=True)
        return torch.stack([part.project(piece) for part, piece in pieces])

    def adjoint(self, g: Tensor) -> Tensor:
        return torch.cat([part.adjoint(row) for part, row in zip(self.parts, g, strict=True)])
