"""The identity: direct training of all D parameters, with theta_d as the displacement from theta_0."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from idim_cli.core.errors import ComponentError
from idim_cli.projectors.base import Cost, Projector


class Identity(Projector):
    """P = 1 with d = D: direct training, the baseline of every sweep.

    Raises:
        ComponentError: d is not D.
    """

    def __init__(self, D: int, d: int, seed: int) -> None:
        super().__init__(D, d, seed)
        if d != D:
            raise ComponentError(f"the identity projector needs d = D = {D}, not {d}", "leave d out")

    # Copies: autograd takes a returned input for an in-place operation.
    def _project(self, v: Tensor) -> Tensor:
        """P v = v."""
        return v.clone()

    def _adjoint(self, g: Tensor) -> Tensor:
        """P' g = g."""
        return g.clone()

    @classmethod
    def expected_cost(cls, D: int, d: int, **params: Any) -> Cost:
        """Zero: no tensors and no arithmetic."""
        return Cost(0, 0, 0)
