"""Loops compiled for the CPU, and how their work is shared out over threads."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from idim_cli.core.errors import ComponentError

_PART = 1 << 17  # numbers that are worth a thread
_PARTS = 16  # at most

CompiledLoop = TypeVar("CompiledLoop", bound=Callable[..., None])


class _Compiled:
    """A loop that is compiled when it is first called: what never calls one needs no numba."""

    def __init__(self, loop: Callable[..., None]) -> None:
        self.loop = loop
        functools.update_wrapper(self, loop)

    def __call__(self, *arrays: Any) -> None:
        self.made(*arrays)

    @functools.cached_property
    def made(self) -> Any:
        """The loop as numba calls it, with the loops that it calls."""
        import numba

        known = self.loop.__globals__
        for name in self.loop.__code__.co_names:
            if isinstance(known.get(name), _Compiled):
                known[name] = known[name].made
        options: Any = {"nogil": True, "error_model": "numpy"}
        try:
            return numba.njit(cache=True, **options)(self.loop)
        except RuntimeError:  # neither the package's folder nor the user's may be written to
            return numba.njit(**options)(self.loop)


def compiled(loop: CompiledLoop) -> CompiledLoop:
    """Compile when it is first called with arrays of a type; machine code is kept on disk where that can be.

    Bounds are not checked: `refuse_beyond` comes before an index is followed. Nothing is reordered or fused:
    the same bits on every CPU.
    """
    return cast("CompiledLoop", _Compiled(loop))


def ready() -> bool:
    """Whether numba is there: what torch does as well without it need not load it for one call."""
    return "numba" in sys.modules


@compiled
def refuse_beyond(index: np.ndarray, start: int, size: int) -> None:
    """IndexError unless all of an int32 `index` is in start .. start + size - 1."""
    most = np.uint32(0)
    for i in range(index.size):
        most = max(most, np.uint32(index[i] - start))
    if index.size and most >= size:
        raise IndexError


def runs_here(x: Tensor) -> bool:
    """Whether compiled loops can read this tensor: it lies in main memory."""
    return x.device.type == "cpu"


def parts(size: int, most: int = _PARTS) -> int:
    """Into how many parts work on so many numbers is cut: a power of two, whatever the threads."""
    return 1 << max(1, min(size // _PART, most, _PARTS)).bit_length() - 1


def bounds(size: int, count: int, part: int) -> tuple[int, int]:
    """Where part number `part` of `count` nearly equal ones begins and ends."""
    return part * size // count, (part + 1) * size // count


def in_parts(loop: Callable[..., None], size: int, count: int, *tensors: Tensor) -> None:
    """Call ``loop(*arrays, part, first, last)`` for each part of `size` things, on torch's number of threads.

    The arrays share the memory of the tensors, which must not ask for a gradient: RuntimeError. An index out
    of range is none that P was made with: ComponentError.
    """
    arrays = [tensor.numpy() for tensor in tensors]
    left = iter(range(count))  # each thread takes the next part; a step of this iterator is one instruction

    def work() -> None:
        try:
            for part in left:
                loop(*arrays, part, *bounds(size, count, part))
        except IndexError as error:
            raise ComponentError(
                "P is not as it was made: an index is out of range", "make P anew, from its seed"
            ) from error

    threads = min(torch.get_num_threads(), count)
    others: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # an interpreter at its end starts no more threads
        for _ in range(1, threads):
            others.append(_pool(threads, os.getpid()).submit(work))
    work()
    for other in others:
        other.result()


@functools.cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads that stay, and start when they are needed; of this process, as a fork takes none along."""
    return ThreadPoolExecutor(threads, "idim-loops")
