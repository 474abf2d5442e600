"""P and its transpose as each other's derivative, for autograd and torch.func."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from idim_cli.projectors.base import Projector


class Product(torch.autograd.Function):
    """P x, or P' x if `transposed`: linear in x, each with the other as its gradient.

    Autograd does not record the computation, so a kind may compute in any way. The precision is that of x,
    also under autocast.
    """

    @staticmethod
    def forward(x: Tensor, projector: Projector, transposed: bool) -> Tensor:
        """The product of a batch [..., d], or [..., D]."""
        # Autocast would compute the products of a dense P in 16 bits.
        device = x.device.type
        active = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False) if active else nullcontext():
            return (projector._adjoint if transposed else projector._project)(x.detach())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Projector, bool], output: Tensor) -> None:
        """Keep the map; the gradient of a linear map is independent of its input."""
        _, ctx.projector, ctx.transposed = inputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        """The transpose, itself differentiable (for second derivatives)."""
        return Product.apply(grads[0], ctx.projector, not ctx.transposed), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        """The same map of the tangent."""
        tangent: Tensor = Product.apply(tangents[0], ctx.projector, ctx.transposed)
        return tangent

    @staticmethod
    def vmap(
        info: object, in_dims: tuple[int, None, None], x: Tensor, projector: Projector, transposed: bool
    ) -> tuple[Tensor, int]:
        """One more leading dimension."""
        return Product.apply(x.movedim(in_dims[0], 0), projector, transposed), 0
