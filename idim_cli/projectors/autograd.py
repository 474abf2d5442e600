"""P and its transpose as each other's derivative, for autograd and torch.func."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from idim_cli.projectors.base import Projector


class Product(torch.autograd.Function):
    """P x, or P' x if `transposed`: linear in x, with the other one as its gradient.

    Nothing looks into the computation, so a kind may compute in any way. It is done in the precision of x,
    also under autocast.
    """

    @staticmethod
    def forward(x: Tensor, projector: Projector, transposed: bool) -> Tensor:
        """The product of a batch [..., d], or [..., D]."""
        with _without_autocast(x.device.type):
            return (projector._adjoint if transposed else projector._project)(x.detach())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Projector, bool], output: Tensor) -> None:
        """A linear map needs no values later on."""
        _, ctx.projector, ctx.transposed = inputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        """The transpose, which has a gradient again."""
        return Product.apply(grads[0], ctx.projector, not ctx.transposed), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        """The same map of the tangent."""
        moved: Tensor = Product.apply(tangents[0], ctx.projector, ctx.transposed)
        return moved

    @staticmethod
    def vmap(
        info: object, in_dims: tuple[int, None, None], x: Tensor, projector: Projector, transposed: bool
    ) -> tuple[Tensor, int]:
        """One more leading dimension."""
        return Product.apply(x.movedim(in_dims[0], 0), projector, transposed), 0


def _without_autocast(device: str) -> AbstractContextManager[Any]:
    on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.autocast(device, enabled=False) if on else nullcontext()
