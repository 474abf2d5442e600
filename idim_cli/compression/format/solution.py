"""A solution in memory, read from a training checkpoint or from a compressed file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idim_cli.compression.format import container, files
from idim_cli.compression.format.container import Content
from idim_cli.compression.format.coordinates import Coords
from idim_cli.compression.format.spec import Buffer, Spec
from idim_cli.core.errors import FileError
from idim_cli.recipe.schema import Recipe, Seeds

# By the names that safetensors uses, which the format shares.
DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32,
    "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32,
    "F64": torch.float64,
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Solution:
    """A point in a subspace, and all that identifies its network.

    Attributes:
        spec, D, seeds: as in `container.Content`.
        stored: theta_d, as a file holds it.
        buffers: the model's buffers by name.
        checks: of theta0 and of P theta_d, to be reproduced; None for a checkpoint.
        recipe: of a checkpoint; None for a file.
        trusted: whether code that it names may run: this user made it, or allows it.
        origin: what it was made from (`runs.origin`), by the checkpoint or the record of a file; None if
            unknown.
        metrics: of exactly this solution as it was trained or packed, by split and name; empty if not known.
    """

    spec: Spec
    D: int
    seeds: Seeds
    stored: Coords
    buffers: dict[str, Tensor]
    checks: tuple[int, float] | None = None
    recipe: Recipe | None = None
    trusted: bool = False
    origin: Any = None
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What it was read from, for messages."""
        return "the checkpoint" if self.checks is None else "the file"

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return self.stored.d

    @property
    def coords(self) -> Tensor:
        """theta_d, float32 [d], on the CPU."""
        return torch.from_numpy(self.stored.values())


def read(path: Path, admit: container.Admit | None = None) -> Solution:
    """The solution in an `.idim` file; FileError if the file cannot be trusted, or `admit` refuses it."""
    return of(container.unpack(files.load(path), admit), path)


def of(content: Content, path: Path | str = "the file") -> Solution:
    """The solution in the content of a file; `path` is for messages."""
    finite(content.coords, path)
    buffers = dict(_split(content.spec.buffers, content.buffers))
    checks = (content.theta0, content.probe)
    return Solution(content.spec, content.D, content.seeds, content.coords, buffers, checks)


def finite(coords: Coords, path: Path | str) -> Coords:
    """The same coordinates; FileError if one of them is NaN or infinite."""
    if not np.isfinite(coords.values()).all():
        raise FileError(f"{path}: a coordinate is not finite", "check whether the training diverged")
    return coords


def table(buffers: dict[str, Tensor], exact: bool = True) -> list[Buffer]:
    """The table of buffers; unless `exact`, fractions are stored as float16 where they fit."""
    return [_buffer(name, tensor, exact) for name, tensor in buffers.items()]


def stored(table: list[Buffer], buffers: dict[str, Tensor]) -> bytes:
    """The bytes of the buffers as the table describes them, back to back."""
    return b"".join(to_bytes(buffers[entry.name].to(DTYPES[entry.written])) for entry in table)


def to_bytes(tensor: Tensor) -> bytes:
    """A tensor's elements in row-major order, little-endian."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def _buffer(name: str, tensor: Tensor, exact: bool) -> Buffer:
    if tensor.dtype not in _NAMES:
        raise FileError(f"buffer {name!r} is {tensor.dtype}, which an .idim file cannot hold")
    dtype, narrow = _NAMES[tensor.dtype], _narrow(tensor, exact)
    kept = None if narrow is None or narrow == tensor.dtype else _NAMES[narrow]
    return Buffer(name=name, dtype=dtype, shape=list(tensor.shape), stored=kept)  # type: ignore[arg-type]


def _narrow(tensor: Tensor, exact: bool) -> torch.dtype | None:
    """The narrowest dtype that holds these numbers: whole ones exactly, others to 11 bits or 2^-25."""
    if tensor.is_floating_point():
        wide = tensor.element_size() > 2
        # float16 ends at 65,504, which running variances may exceed.
        return torch.float16 if wide and not exact and bool(tensor.half().isfinite().all()) else None
    whole = (torch.uint8, torch.int16, torch.int32)
    # There and back, because a cast to a narrower integer wraps silently.
    fits = (dtype for dtype in whole if torch.equal(tensor.to(dtype).to(tensor.dtype), tensor))
    return next((d for d in fits if d.itemsize < tensor.element_size()), None)


def _split(buffers: list[Buffer], data: bytes) -> Iterator[tuple[str, Tensor]]:
    at = 0
    for buffer in buffers:
        yield buffer.name, _tensor(buffer, data[at : at + buffer.bytes])
        at += buffer.bytes


def _tensor(buffer: Buffer, data: bytes) -> Tensor:
    dtype = DTYPES[buffer.dtype]
    # torch.frombuffer refuses empty buffers.
    if not math.prod(buffer.shape):
        return torch.empty(buffer.shape, dtype=dtype)
    # torch would accept other bytes, and compute nonsense with them.
    if buffer.dtype == "BOOL" and max(data) > 1:
        raise FileError(f"damaged .idim file: buffer {buffer.name!r} is not boolean")
    # A copy, because torch warns about memory that cannot be written to.
    written = torch.frombuffer(bytearray(data), dtype=DTYPES[buffer.written])
    return written.to(dtype).reshape(buffer.shape)
