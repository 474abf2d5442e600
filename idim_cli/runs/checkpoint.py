"""checkpoint.safetensors: the trained state and all that training needs to continue with the same bits.

Tensors: ``coords``; ``buffer/NAME`` for each buffer of the model; ``optimizer/NAME``; ``best/...`` when the
best epoch counts; ``loss_sum`` of the epoch so far; ``book`` and ``slopes`` of a rounding. Metadata, as JSON:
``run_id``, ``recipe``, ``shape``, ``classes``, ``D``, ``d``, ``state`` (counters), and ``mark``, the user's
signature if the recipe names code (`idim_cli.recipe.trust`). A checksum covers everything. No pickle.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn
from torch.optim import Optimizer

from idim_cli.core import bounded_io, shared_memory, tensor_digest
from idim_cli.core.errors import CapacityError, FileError
from idim_cli.core.machine import free_bytes, in_units
from idim_cli.recipe import trust
from idim_cli.runs.results import write_atomic

FORMAT = "idim checkpoint 2"
# Without a checksum: such files are read for their solution, but training does not continue from them.
_UNCHECKED = "idim checkpoint 1"
_HEADER = 2**25  # bytes of names and metadata, at most: those of 100,000 evaluations
# Marks in names of an optimizer's state: numbers that are no tensors, and settings of its parameter group.
_NUMBER, _GROUP = ":number", "group:"
T = TypeVar("T")
_log = logging.getLogger(__name__)


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and metadata (any JSON) in one atomic step."""
    held = shared_memory.separate(dict(tensors))
    mark = trust.mark(metadata.get("recipe") or {})
    marked = {**metadata, "mark": mark} if mark else metadata
    text = {key: json.dumps(value) for key, value in marked.items()}
    write_atomic(path, serialise(held, {"format": FORMAT, "checksum": tensor_digest.of(held, text), **text}))


def load(path: Path, *, unchecked: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and the metadata of a checkpoint.

    Args:
        path: of the file.
        unchecked: whether to read, with a warning, a file of a version that wrote no checksums.

    Raises:
        FileError: it is no checkpoint, is damaged, or has no checksum.
    """
    try:
        _check_size(path)
        with safe_open(path, "pt") as file:
            text = dict(file.metadata() or {})
            version, checksum = text.pop("format", None), text.pop("checksum", None)
            if version not in (FORMAT, _UNCHECKED):
                raise FileError(f"{path} is not a checkpoint of idim, or of another version")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if version == FORMAT and checksum != tensor_digest.of(tensors, text):
            raise FileError(f"{path} is damaged: its content does not match its checksum")
        if version != FORMAT:
            message = f"{path} was written by an earlier idim without a checksum: damage cannot be noticed"
            if not unchecked:
                raise FileError(message)
            _log.warning(message)
        return tensors, {key: bounded_io.parse_json(value) for key, value in text.items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(f"cannot read the checkpoint {path}: {error}") from error


def _check_size(path: Path) -> None:
    """FileError for what is no regular file, or has a header or tensors that would fill the memory."""
    with bounded_io.opened(path) as file:
        # A safetensors file begins with the length of its header, which the library would allocate.
        size, header = os.fstat(file.fileno()).st_size, int.from_bytes(file.read(8), "little")
    if min(header, size) > _HEADER:
        raise FileError(f"{path} is not a checkpoint of idim: its header has {header:,} bytes")
    # The tensors, and the copies that training takes of them.
    if 2 * size > (free := free_bytes()):
        message = f"{path} has {in_units(size)}, {in_units(free)} of memory are free"
        raise CapacityError(message, "use a machine with more memory")


def buffers(module: nn.Module) -> dict[str, Tensor]:
    """The buffers that belong to a module's state_dict, by name."""
    # Buffers that are not persistent are computed again when the model is built.
    kept = module.state_dict(keep_vars=True)
    return {name: buffer for name, buffer in module.named_buffers() if name in kept}


def theta0(module: nn.Module) -> str:
    """The fingerprint of a new network's parameters and buffers."""
    return tensor_digest.of({**dict(module.named_parameters()), **buffers(module)})


def part(tensors: Mapping[str, T], prefix: str) -> dict[str, T]:
    """The tensors whose names begin with `prefix`, by the rest of the name."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def optimizer_tensors(optimizer: Optimizer) -> Iterator[tuple[str, Tensor]]:
    """The state of an optimizer of one parameter, by name; its numbers become tensors of one element."""
    for name, value in optimizer.state_dict()["state"].get(0, {}).items():
        yield from _as_tensor(name, value)
    group = optimizer.param_groups[0]
    for name, value in group.items():
        # The schedule sets the learning rate before each step; some optimizers count in other settings.
        if name != "lr" and type(value) in (int, float) and value != optimizer.defaults.get(name):
            yield from _as_tensor(f"{_GROUP}{name}", value)


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer the state that `optimizer_tensors` listed; its settings stay."""
    groups = optimizer.state_dict()["param_groups"]
    values = {
        name.removesuffix(_NUMBER): t.item() if name.endswith(_NUMBER) else t for name, t in tensors.items()
    }
    counted = part(values, _GROUP)
    state = {name: value for name, value in values.items() if not name.startswith(_GROUP)}
    optimizer.load_state_dict({"state": {0: state} if state else {}, "param_groups": groups})
    group = optimizer.param_groups[0]
    group.update(counted)
    for name, value in state.items():
        # `load_state_dict` casts all state to the parameter's type; a user's optimizer may have integers.
        if isinstance(value, Tensor) and not value.is_floating_point():
            coords = group["params"][0]
            optimizer.state[coords][name] = value.to(coords.device, copy=True)


def _as_tensor(name: str, value: object) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, int | float):
        # A Python float has 64 bits; torch's default type would round it.
        kind = torch.float64 if isinstance(value, float) else None
        yield f"{name}{_NUMBER}", torch.tensor(value, dtype=kind)
