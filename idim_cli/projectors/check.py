"""Checks before a run: that P fits the device, and that its columns have unit length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from idim_cli.core.errors import CapacityError, RunError
from idim_cli.core.machine import free_bytes, in_units
from idim_cli.projectors.base import Cost, Projector, arguments, kind
from idim_cli.recipe.schema import Component

# Far above the rounding of float32 (1e-7 a number), far below a wrong scale that would matter to training.
TOLERANCE = 1e-3
# 256 MiB of sampled columns: a check of P must need less memory than the run that it is for.
_SAMPLE_BYTES = 1 << 28
# Alternatives in an error, in the order of the memory that they need.
_ALTERNATIVES = ("tied", "fastfood", "sparse", "dense")


@dataclass(frozen=True)
class ColumnCheck:
    """A sample of P's columns.

    Attributes:
        sampled: number of columns in the sample.
        norm_min, norm_max: their lengths; 1 by contract.
        coherence: largest |cosine| between two of them; None when only one was sampled.
        layer_share: for each parameter tensor, its mean share of a unit step (the shares sum to one).
    """

    sampled: int
    norm_min: float
    norm_max: float
    coherence: float | None
    layer_share: dict[str, float]


def inspect(projector: Projector, sizes: Sequence[tuple[str, int]], sample: int = 16) -> ColumnCheck:
    """Measure up to `sample` columns, evenly spread over P; `sizes` names the parameter tensors.

    Raises:
        RunError: a column's length is not within `TOLERANCE` of one: the step size would change with it.
    """
    # Two at least: the coherence needs a pair.
    columns = _columns(projector, min(sample, max(2, _SAMPLE_BYTES // (4 * projector.D))))
    norms = columns.norm(dim=1)
    if not (norms - 1).abs().max() <= TOLERANCE:  # `not <=` also catches NaN
        raise RunError(f"columns of P have lengths {norms.min():.4f} .. {norms.max():.4f}, expected 1")
    # -1 on the diagonal: a column's product with itself must not be the largest.
    gram = (columns @ columns.T / norms / norms[:, None]).abs().fill_diagonal_(-1.0)
    share = columns.square().mean(0).split([size for _, size in sizes])
    return ColumnCheck(
        sampled=len(columns),
        norm_min=norms.min().item(),
        norm_max=norms.max().item(),
        coherence=gram.max().item() if len(columns) > 1 else None,
        layer_share={name: part.sum().item() for (name, _), part in zip(sizes, share, strict=True)},
    )


def _columns(projector: Projector, sample: int) -> torch.Tensor:
    """A sample of P's columns, as rows [sample, D] in float32, by projecting unit vectors."""
    # The identity holds no tensors.
    device = next((tensor.device for tensor in projector.held.values()), torch.device("cpu"))
    # In float64: float32 cannot count beyond 2^24.
    at = torch.linspace(0, projector.d - 1, min(sample, projector.d), dtype=torch.float64).round().long()
    units = torch.zeros(len(at), projector.d, device=device)
    units[torch.arange(len(at)), at] = 1.0
    return projector.project(units).detach()


def check_fits(component: Component, sizes: Sequence[int], d: int, device: torch.device) -> None:
    """Refuse, before it is built, a P that does not fit the free memory of `device` or the main memory.

    Raises:
        CapacityError: with the size of P, the free memory, and the projectors that would fit.
    """
    shortage = _shortage(component, sizes, d, device)
    if not shortage:
        return
    others = [Component(name=name) for name in _ALTERNATIVES if name != component.name]
    fitting = [
        f"{other.name} ({in_units(expected(other, sizes, d).state_bytes)})"
        for other in others
        if not _shortage(other, sizes, d, device)
    ]
    raise CapacityError(
        f"projector {component.name!r} for D = {sum(sizes):,}, d = {d:,} {shortage}",
        f"these fit: {', '.join(fitting)}" if fitting else "no projector of this size fits: use a smaller d",
    )


def expected(component: Component, sizes: Sequence[int], d: int) -> Cost:
    """The cost of a recipe's P, without building it."""
    return kind(component).expected_cost(sum(sizes), d, **arguments(component, sizes))


def _shortage(component: Component, sizes: Sequence[int], d: int, device: torch.device) -> str:
    """Which memory is too small, in words; empty if P fits."""
    cost = expected(component, sizes, d)
    if cost.state_bytes > (free := free_bytes(device)):
        return f"needs {in_units(cost.state_bytes)}; {device} has {in_units(free)} free"
    if cost.build_bytes > (free := free_bytes()):
        return f"needs {in_units(cost.build_bytes)} while it is built; {in_units(free)} are free"
    return ""
