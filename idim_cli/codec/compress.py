"""Packing a trained checkpoint into an `.idim` file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from idim_cli.codec import checkpoint, container, files
from idim_cli.codec.container import Content
from idim_cli.codec.rebuild import rebuild
from idim_cli.codec.solution import Solution, to_bytes
from idim_cli.models.base import portable


@dataclass(frozen=True)
class Compressed:
    """A file that was written.

    Attributes:
        path: the file.
        bytes: its size on disk.
        D, d: native parameters and coordinates.
        ratio: D x 4 bytes over `bytes`.
        parts: bytes of header, coords, buffers and checksum; they add up to `bytes`.
        warning: why the file may not expand elsewhere, or "".
    """

    path: Path
    bytes: int
    D: int
    d: int
    ratio: float
    parts: dict[str, int]
    warning: str = ""


def compress(run: str | Path, out: str | Path | None = None) -> Compressed:
    """Write the `.idim` file of a checkpoint.

    Args:
        run: a run folder, or its checkpoint.safetensors.
        out: the file to write; beside the checkpoint by default.

    Raises:
        FileError: not a checkpoint, or one whose coordinates are not finite.
    """
    source = checkpoint.locate(Path(run))
    out = Path(out) if out else source.with_suffix(".idim")
    solution = checkpoint.read(source)
    content = contents(solution)
    size = files.save(out, container.pack(content), source)
    ratio, parts = 4 * solution.D / size, container.sizes(content)
    return Compressed(out, size, solution.D, solution.d, ratio, parts, _warning(solution))


def contents(solution: Solution) -> Content:
    """What the file of a solution says; the network is built to take the checksum of its start."""
    rebuilt = rebuild(solution, trust_code=True)
    return Content(
        D=solution.D,
        d=solution.d,
        seeds=solution.seeds,
        theta0=rebuilt.theta0,
        probe=rebuilt.probe,
        spec=solution.spec,
        coords=to_bytes(solution.coords),
        buffers=b"".join(map(to_bytes, solution.buffers.values())),
    )


def _warning(solution: Solution) -> str:
    model = solution.spec.model
    if portable(model):
        return ""
    return (
        f"theta0 of {model.name!r} comes from its own code and torch {torch.__version__}: "
        "the file expands only where both give the same start (expand checks that)"
    )
