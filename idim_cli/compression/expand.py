"""`expand`: from a compressed file to a plain state_dict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch

from idim_cli.compression.format import files, solution
from idim_cli.compression.rebuild import admit, rebuild
from idim_cli.runs.results import as_path


@dataclass(frozen=True)
class Expanded:
    """A state_dict that was written: its path, its size on disk in bytes, its number of tensors."""

    path: Path
    bytes: int
    tensors: int


def expand(file: str | Path, trust_code: bool = False) -> dict[str, torch.Tensor]:
    """The network's state_dict: every parameter and buffer under its own name, tied ones under each name.

    Raises:
        FileError: the file is damaged, contradicts itself, gives another theta0 on this machine, or names
            code while `trust_code` is off.
    """
    module = rebuild(solution.read(as_path(file), admit(trust_code)), trust_code).module
    # Copies, as safetensors refuses tensors that share memory, such as tied weights.
    return {name: value.detach().clone().contiguous() for name, value in module.state_dict().items()}


def write(file: Path, out: Path | None = None, trust_code: bool = False) -> Expanded:
    """Write the state_dict of `file` as safetensors, by default next to it as NAME.state.safetensors."""
    out = out or file.with_suffix(".state.safetensors")
    # Before the network is built, which may take long.
    files.check(out, file)
    state = expand(file, trust_code)
    size = files.save(out, safetensors.torch.save(state, {"format": "pt"}), file)
    return Expanded(out, size, len(state))
