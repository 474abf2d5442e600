"""What is looked at before a run: does P fit the device, and are its columns what they should be?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch

from idim_cli.errors import CapacityError, RunError
from idim_cli.projectors import REGISTRY
from idim_cli.projectors.base import Projector, checked, context, kind
from idim_cli.recipe.schema import Component

TOLERANCE = 1e-3
_SAMPLE_BYTES = 1 << 28
_ALTERNATIVES = ("tied", "fastfood", "sparse", "dense")


@dataclass(frozen=True)
class Columns:
    """A sample of P's columns.

    Attributes:
        sampled: how many columns were looked at.
        norm_min, norm_max: their lengths; 1 by contract.
        coherence: largest |cosine| between two of them; None when only one was sampled.
        layer_share: for each parameter tensor, its mean share of a unit step (the shares sum to one).
    """

    sampled: int
    norm_min: float
    norm_max: float
    coherence: float | None
    layer_share: dict[str, float]


def inspect(projector: Projector, sizes: Sequence[tuple[str, int]], sample: int = 16) -> Columns:
    """Measure up to `sample` columns, evenly spread over P; `sizes` names the parameter tensors.

    Raises:
        RunError: a column's length is not within `TOLERANCE` of one; a wrong scale changes the step size.
    """
    columns = _columns(projector, min(sample, max(2, _SAMPLE_BYTES // (4 * projector.D))))
    norms = columns.norm(dim=1)
    if (norms - 1).abs().max() > TOLERANCE:
        raise RunError(f"columns of P have lengths {norms.min():.4f} .. {norms.max():.4f}, not 1")
    gram = (columns @ columns.T / norms / norms[:, None]).abs().fill_diagonal_(-1.0)
    share = columns.square().mean(0).split([size for _, size in sizes])
    return Columns(
        sampled=len(columns),
        norm_min=norms.min().item(),
        norm_max=norms.max().item(),
        coherence=gram.max().item() if len(columns) > 1 else None,
        layer_share={name: part.sum().item() for (name, _), part in zip(sizes, share, strict=True)},
    )


def _columns(projector: Projector, sample: int) -> torch.Tensor:
    """Columns of P as rows, float32, by projecting unit vectors."""
    device = next((b.device for b in projector.buffers()), torch.device("cpu"))
    at = torch.linspace(0, projector.d - 1, min(sample, projector.d)).round().long()
    units = torch.zeros(len(at), projector.d, device=device)
    units[torch.arange(len(at)), at] = 1.0
    return projector.project(units).detach()


def check_fits(component: Component, sizes: Sequence[int], d: int, device: torch.device) -> None:
    """Refuse a P larger than the free memory of `device`, before any of it is made.

    Raises:
        CapacityError: with the size of P, what is free, and the projectors that would fit.
    """
    need, free = expected_bytes(component, sizes, d), free_bytes(device)
    if need <= free:
        return
    others = [Component(name=name) for name in _ALTERNATIVES if name in REGISTRY and name != component.name]
    fitting = [
        f"{other.name} ({in_units(size)})"
        for other in others
        if (size := expected_bytes(other, sizes, d)) <= free
    ]
    raise CapacityError(
        f"projector {component.name!r} needs {in_units(need)} for D = {sum(sizes):,}, d = {d:,}; "
        f"{device} has {in_units(free)} free",
        f"these fit: {', '.join(fitting)}" if fitting else "no projector of this size fits this device",
    )


def expected_bytes(component: Component, sizes: Sequence[int], d: int) -> int:
    """Memory of P in bytes, without building it."""
    cls = kind(component)
    return cls.expected_cost(sum(sizes), d, **context(cls, sizes), **checked(component)).state_bytes


def free_bytes(device: torch.device) -> int:
    """Memory that is free on a device, in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def in_units(size: float) -> str:
    """A number of bytes for people, in decimal units."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
