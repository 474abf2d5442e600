"""Tensors that share memory: finding, saving and writing them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

Named = tuple[str, Tensor]


def span(tensor: Tensor) -> tuple[str, int, int] | None:
    """Device, first byte and end of a tensor in memory; None if unknown, or if it has no elements."""
    if tensor.layout != torch.strided or not tensor.numel():
        return None
    try:
        storage = tensor.untyped_storage()
        # Tensors on the meta device have no address: their storages are compared by identity.
        base: int = storage._cdata << 64 if tensor.is_meta else storage.data_ptr()
    except (NotImplementedError, RuntimeError):  # kinds of tensors without their own memory
        return None
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    reach = 1 + sum(int(size - 1) * int(stride) for size, stride in steps)
    begin = base + int(tensor.storage_offset()) * tensor.element_size()
    return str(tensor.device), begin, begin + reach * tensor.element_size()


def overlaps_itself(tensor: Tensor) -> bool:
    """Whether some elements of a tensor share a place, as in an expanded one."""
    reach = 0  # of the dimensions so far, the closest elements first
    # Each dimension must step over all closer ones, or two indices lead to one place.
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        # Elements along this dimension begin before the end of the previous ones.
        if size > 1 and stride <= reach:
            return True
        reach += (size - 1) * stride
    return False


def separate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors on the CPU, contiguous, without shared memory, as safetensors requires."""
    seen, found = set[int](), dict[str, Tensor]()
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        own = own.clone() if own.untyped_storage().data_ptr() in seen else own
        seen.add(own.untyped_storage().data_ptr())
        found[name] = own
    return found


def put(tensor: Tensor, value: Tensor) -> None:
    """Copy `value` into `tensor`, which may be expanded, with fewer elements in memory than in its shape."""
    for dim, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        # All elements along an expanded dimension share one place.
        if stride == 0 and size > 1:
            tensor, value = tensor.narrow(dim, 0, 1), value.narrow(dim, 0, 1)
    tensor.copy_(value)


def overlap(moved: Iterable[Named], still: Iterable[Named]) -> tuple[str, str] | None:
    """The names of two overlapping tensors of which one is moved; None if there are none.

    Interlaced tensors count as overlapping, because only whole spans are compared.
    """
    spans = sorted(
        (place, name, moves)
        for moves, tensors in ((True, moved), (False, still))
        for name, tensor in tensors
        if (place := span(tensor)) is not None
    )
    furthest: dict[bool, tuple[str, int, str]] = {}  # end of the moved ones so far (True), and of all (False)
    for (device, begin, end), name, moves in spans:
        before = furthest.get(not moves)
        # Sorted by begin, so an earlier span overlaps exactly if it ends behind this begin.
        if before is not None and before[0] == device and begin < before[1]:
            return before[2], name
        for kind in (True, False) if moves else (False,):
            if kind not in furthest or furthest[kind][:2] < (device, end):
                furthest[kind] = device, end, name
    return None
