"""A solution in memory, read from a training checkpoint or from a compressed file alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from idim_cli.codec import container, files
from idim_cli.codec.spec import Buffer, Spec
from idim_cli.errors import FileError
from idim_cli.recipe.schema import Seeds

DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32,
    "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32,
    "F64": torch.float64,
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Solution:
    """A point in a subspace, and what is needed to say which network it is.

    Attributes:
        spec, D, d, seeds: as in `container.Content`.
        coords: theta_d, float32 [d], on the CPU.
        buffers: the model's buffers by name.
        start: CRC-32 of theta0 and probe of P theta_d to be met; None for a checkpoint, which has neither.
        data_root: where the recipe of a checkpoint finds its data; a file does not say that.
    """

    spec: Spec
    D: int
    d: int
    seeds: Seeds
    coords: Tensor
    buffers: dict[str, Tensor]
    start: tuple[int, float] | None = None
    data_root: str | None = None


def read(path: Path) -> Solution:
    """The solution in an `.idim` file; FileError if the file cannot be trusted."""
    content = container.unpack(files.load(path))
    values = np.frombuffer(content.coords, dtype="<f4").astype(np.float32)
    coords = finite(torch.from_numpy(values), path)
    buffers = dict(_split(content.spec.buffers, content.buffers))
    start = (content.theta0, content.probe)
    return Solution(content.spec, content.D, content.d, content.seeds, coords, buffers, start)


def finite(coords: Tensor, path: Path) -> Tensor:
    """The same coordinates; FileError if one of them is NaN or infinite."""
    if not bool(torch.isfinite(coords).all()):
        raise FileError(f"{path}: a coordinate is not finite", "did the training diverge?")
    return coords


def table(buffers: dict[str, Tensor]) -> list[Buffer]:
    """What the spec says about buffers."""
    return [Buffer(name=n, dtype=_name(n, t), shape=list(t.shape)) for n, t in buffers.items()]  # type: ignore[arg-type]


def to_bytes(tensor: Tensor) -> bytes:
    """A tensor's elements in row-major order, little-endian."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def _name(name: str, tensor: Tensor) -> str:
    if tensor.dtype not in _NAMES:
        raise FileError(f"buffer {name!r} is {tensor.dtype}, which an .idim file cannot hold")
    return _NAMES[tensor.dtype]


def _split(buffers: list[Buffer], data: bytes) -> Iterator[tuple[str, Tensor]]:
    at = 0
    for buffer in buffers:
        yield buffer.name, _tensor(buffer, data[at : at + buffer.bytes])
        at += buffer.bytes


def _tensor(buffer: Buffer, data: bytes) -> Tensor:
    dtype = DTYPES[buffer.dtype]
    if not math.prod(buffer.shape):
        return torch.empty(buffer.shape, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(buffer.shape)
