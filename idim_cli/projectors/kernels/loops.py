"""Loops compiled for the CPU, and how threads divide their work."""

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

#: Message and hint of an error about a P whose numbers or indices were changed.
OUT_OF_RANGE, REBUILD = "an index of P is out of range: P was changed", "rebuild the projector from its seed"
_PART = 1 << 17  # numbers of a part: handing fewer to a thread takes longer than the loop itself
_PARTS = 16  # at most: sums are kept for each part, and the number must not depend on the machine's cores

CompiledLoop = TypeVar("CompiledLoop", bound=Callable[..., None])


class _Compiled:
    """A loop that is compiled when it is first called, so that importing this module needs no numba."""

    def __init__(self, loop: Callable[..., None]) -> None:
        self.loop = loop
        functools.update_wrapper(self, loop)

    def __call__(self, *arrays: Any) -> None:
        self.made(*arrays)

    @functools.cached_property
    def made(self) -> Any:
        """The loop compiled by numba, together with the loops that it calls."""
        import numba

        # numba compiles calls of its own functions alone, so their names have to lead to those.
        known = self.loop.__globals__
        for name in self.loop.__code__.co_names:
            if isinstance(known.get(name), _Compiled):
                known[name] = known[name].made
        # nogil for threads; numpy's model of errors leaves out the check for division by zero.
        options: Any = {"nogil": True, "error_model": "numpy"}
        try:
            return numba.njit(cache=True, **options)(self.loop)
        except RuntimeError:  # no folder for the cache is writable
            return numba.njit(**options)(self.loop)


def compiled(loop: CompiledLoop) -> CompiledLoop:
    """Compile `loop` at its first call with arrays of a type; machine code is cached on disk where possible.

    Bounds are not checked: call `refuse_beyond` before following an index. Nothing is reordered or fused: the
    bits are the same on every CPU.
    """
    return cast("CompiledLoop", _Compiled(loop))


def ready() -> bool:
    """Whether numba is imported already, which takes most of a second."""
    return "numba" in sys.modules


@compiled
def refuse_beyond(index: np.ndarray, start: int, size: int) -> None:
    """IndexError unless all of an int32 `index` is in start .. start + size - 1."""
    # One comparison for both ends: a number below the start wraps around to a large one.
    most = np.uint32(0)
    for i in range(index.size):
        most = max(most, np.uint32(index[i] - start))
    if index.size and most >= size:
        raise IndexError


def runs_here(x: Tensor) -> bool:
    """Whether compiled loops can read this tensor, that is, whether it is in main memory."""
    return x.device.type == "cpu"


def parts(size: int, most: int = _PARTS) -> int:
    """Number of parts for work on `size` numbers: a power of two, independent of the threads."""
    return 1 << max(1, min(size // _PART, most, _PARTS)).bit_length() - 1


def bounds(size: int, count: int, part: int) -> tuple[int, int]:
    """Begin and end of part number `part` of `count` nearly equal parts."""
    return part * size // count, (part + 1) * size // count


def in_parts(loop: Callable[..., None], size: int, count: int, *tensors: Tensor) -> None:
    """Call ``loop(*arrays, part, first, last)`` for each part of `size` items, on torch's number of threads.

    Raises:
        RuntimeError: a tensor needs a gradient, so that its memory cannot be shared with an array.
        ComponentError: an index is out of range.
    """
    arrays = [tensor.numpy() for tensor in tensors]
    # Each thread takes the next part. A step of this iterator is one instruction of the interpreter: no lock.
    left = iter(range(count))

    def work() -> None:
        try:
            for part in left:
                loop(*arrays, part, *bounds(size, count, part))
        except IndexError as error:
            raise ComponentError(OUT_OF_RANGE, REBUILD) from error

    threads = min(torch.get_num_threads(), count)
    others: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # an interpreter that is shutting down starts no more threads
        for _ in range(1, threads):
            others.append(_pool(threads, os.getpid()).submit(work))
    work()
    for other in others:
        other.result()


@functools.cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads that stay; one pool for each process, as a forked process inherits no threads."""
    return ThreadPoolExecutor(threads, "idim-loops")
