"""checkpoint.safetensors: the trained state, and what is needed to continue bit for bit; no pickle.

Tensors: ``coords``; ``buffer/NAME`` for each buffer of the model; ``optimizer/NAME``; ``best/...`` when the
best epoch counts; ``loss_sum`` of the epoch so far; ``book`` and ``slopes`` of a rounding. Metadata, as JSON:
``run_id``, ``recipe``, ``shape``, ``classes``, ``D``, ``d``, ``state`` (counters), and ``mark``, which shows
that this user made it, where its recipe names code (`idim_cli.recipe.trust`). A checksum covers everything.
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
#: Without a checksum, so that damage is not noticed: their solution can be read, training not continued.
_UNCHECKED = "idim checkpoint 1"
_HEADER = 2**25  # bytes of names and metadata, at most: 100,000 evaluations have about as many
# In the names of an optimizer's state: suffix of plain numbers, prefix of those of the parameter group.
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
        unchecked: whether one without a checksum, of an earlier version, may be read, with a warning.

    Raises:
        FileError: it is not a checkpoint, is damaged, or has no checksum.
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
            _without_checksum(path, unchecked)
        return tensors, {key: bounded_io.parse_json(value) for key, value in text.items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(f"cannot read the checkpoint {path}: {error}") from error


def _check_size(path: Path) -> None:
    """FileError for anything but a regular file whose header and tensors fit into memory."""
    with bounded_io.opened(path) as file:
        size, header = os.fstat(file.fileno()).st_size, int.from_bytes(file.read(8), "little")
    if min(header, size) > _HEADER:
        raise FileError(f"{path} is not a checkpoint of idim: its header has {header:,} bytes")
    if 2 * size > (free := free_bytes()):
        raise CapacityError(f"{path} has {in_units(size)}, but {in_units(free)} of memory are free")


def _without_checksum(path: Path, accepted: bool) -> None:
    message = f"{path} was written by an earlier idim, without a checksum: damage to it cannot be noticed"
    if not accepted:
        raise FileError(message)
    _log.warning(message)


def buffers(module: nn.Module) -> dict[str, Tensor]:
    """The buffers that belong to a module's state_dict, by name."""
    kept = module.state_dict(keep_vars=True)
    return {name: buffer for name, buffer in module.named_buffers() if name in kept}


def theta0(module: nn.Module) -> str:
    """The fingerprint of a new network's parameters and buffers."""
    return tensor_digest.of({**dict(module.named_parameters()), **buffers(module)})


def part(tensors: Mapping[str, T], prefix: str) -> dict[str, T]:
    """The tensors below `prefix`, without it in their names."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def optimizer_tensors(optimizer: Optimizer) -> Iterator[tuple[str, Tensor]]:
    """The state of an optimizer of one parameter, by name; plain numbers become tensors of one element."""
    for name, value in optimizer.state_dict()["state"].get(0, {}).items():
        yield from _as_tensor(name, value)
    group = optimizer.param_groups[0]
    for name, value in group.items():
        # The learning rate is set before each step. Some optimizers keep counters among their settings.
        if name != "lr" and type(value) in (int, float) and value != optimizer.defaults.get(name):
            yield from _as_tensor(f"{_GROUP}{name}", value)


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the state that `optimizer_tensors` listed; the settings of the optimizer stay."""
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
        # load_state_dict converts all state to the type of the parameter; integers have to stay integers.
        if isinstance(value, Tensor) and not value.is_floating_point():
            coords = group["params"][0]
            optimizer.state[coords][name] = value.to(coords.device, copy=True)


def _as_tensor(name: str, value: object) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, int | float):
        kind = torch.float64 if isinstance(value, float) else None
        yield f"{name}{_NUMBER}", torch.tensor(value, dtype=kind)
