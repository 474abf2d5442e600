"""Memory for passing results: on a CPU, pages fresh from the system cost more than the arithmetic on them."""

from __future__ import annotations

import threading

import torch
from torch import Tensor

_KEPT_AT_MOST = 1 << 22  # numbers in one stretch of kept memory
_kept = threading.local()


class Scratch:
    """Two stretches of memory in turn: each step reads the result of the one before, and nothing older.

    On a CPU the memory is kept from one use to the next, for each thread its own.

    Args:
        size: of the largest result, in numbers.
        like: what decides type and device.
    """

    def __init__(self, size: int, like: Tensor) -> None:
        self._next, self._last = (memory(name, size, like.dtype, like.device) for name in ("even", "odd"))

    def __call__(self, size: int) -> Tensor:
        """Room for the next result, which is there until the one after the next is made."""
        self._next, self._last = self._last, self._next
        return self._last[:size]

    def index(self, rows: slice, dtype: torch.dtype) -> Tensor:
        """Room for an index of these rows; there is one."""
        return memory("index", rows.stop - rows.start, dtype, self._last.device)


def memory(name: str, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Uninitialised memory, the same one at each call of that name: kept on a CPU unless it is large."""
    if device.type != "cpu" or size > _KEPT_AT_MOST:
        return torch.empty(size, dtype=dtype, device=device)
    kept, key = _kept.__dict__, f"{name} {dtype}"
    if key not in kept or len(kept[key]) < size:
        with torch.inference_mode(False):  # it outlives the mode that it is made in
            kept[key] = torch.empty(size, dtype=dtype)
    found: Tensor = kept[key]
    return found[:size]
