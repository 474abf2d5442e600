"""The Walsh-Hadamard transform on the CPU: butterflies of vectors that stay in registers."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from idim_cli.projectors.kernels.loops import compiled

_LANES = 16  # numbers of a vector: one AVX-512 register of float32; the compiler splits it for smaller ones
_INDEX = ir.IntType(32)


def _butterflies(radix: int, within: bool) -> Any:
    """A compiled step on x[at + k stride], k < radix, each a vector of 16 numbers: H_radix between vectors.

    A loop over arrays loads and stores at every stage, as the compiler cannot know that they do not overlap.
    Here the whole step is loaded once, transformed in registers, and stored once.

    Args:
        radix: a power of two; up to 16 vectors fit the registers.
        within: H_16 inside each vector first.
    """

    @intrinsic
    def step(typing: Any, x: Any, at: Any, stride: Any) -> Any:
        def emit(context: Any, build: Any, signature: Any, args: Any) -> Any:
            kind = signature.args[0]
            item = context.get_value_type(kind.dtype)
            data = build.gep(context.make_array(kind)(context, build, args[0]).data, [args[1]])
            places = [build.gep(data, [build.mul(args[2], args[2].type(k))]) for k in range(radix)]
            places = [build.bitcast(place, ir.VectorType(item, _LANES).as_pointer()) for place in places]
            # Aligned to a number, not to a vector: an array may begin anywhere.
            vectors = [build.load(place, align=kind.dtype.bitwidth // 8) for place in places]
            if within:
                vectors = [_inside(build, vector) for vector in vectors]
            for place, vector in zip(places, _among(build, vectors), strict=True):
                build.store(vector, place, align=kind.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.void(x, types.intp, types.intp), emit

    return step


def _among(build: Any, vectors: list[Any]) -> list[Any]:
    """H between vectors: log2 of their number stages of sums and differences."""
    distance = 1
    while distance < len(vectors):
        for i in range(len(vectors)):
            if not i & distance:
                a, b = vectors[i], vectors[i + distance]
                vectors[i], vectors[i + distance] = build.fadd(a, b), build.fsub(a, b)
        distance *= 2
    return vectors


def _inside(build: Any, vector: Any) -> Any:
    """H_16 between the numbers of a vector: each stage adds the partner, or subtracts from it."""
    for distance in (1, 2, 4, 8):
        other = _shuffled(build, vector, vector, [lane ^ distance for lane in range(_LANES)])
        sums, differences = build.fadd(other, vector), build.fsub(other, vector)
        # The upper number of each pair takes its difference, which the shuffle counts from _LANES on.
        upper = [lane + _LANES * bool(lane & distance) for lane in range(_LANES)]
        vector = _shuffled(build, sums, differences, upper)
    return vector


def _shuffled(build: Any, a: Any, b: Any, lanes: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_INDEX, _LANES), [_INDEX(lane) for lane in lanes])
    return build.shuffle_vector(a, b, mask)


_first1, _first2, _first4, _first8, _first16 = (_butterflies(radix, True) for radix in (1, 2, 4, 8, 16))
_next2, _next4, _next8, _next16 = (_butterflies(radix, False) for radix in (2, 4, 8, 16))


@compiled
def transform(x: np.ndarray) -> None:
    """H x in place, for a contiguous x of float32 or float64 whose length is a power of two.

    Entries of H are +1 and -1. Four to eight of the log2 n stages are done in each pass over x.
    """
    n = x.size
    if n < _LANES:
        _shorter_than_a_vector(x)
    elif n < 256:
        _first_stages(x)
    else:
        # 256 numbers fill the registers: eight stages while they are there.
        for i in range(0, n, 256):
            _first16(x, i, _LANES)
        _further_stages(x, 256)


@compiled
def _shorter_than_a_vector(x: np.ndarray) -> None:
    distance = 1
    while distance < x.size:
        for i in range(x.size):
            if not i & distance:
                a, b = x[i], x[i + distance]
                x[i], x[i + distance] = a + b, a - b
        distance *= 2


# numba compiles a call of a step for its radix, so each length has a branch of its own.
@compiled
def _first_stages(x: np.ndarray) -> None:
    if x.size == 16:
        _first1(x, 0, _LANES)
    elif x.size == 32:
        _first2(x, 0, _LANES)
    elif x.size == 64:
        _first4(x, 0, _LANES)
    else:
        _first8(x, 0, _LANES)


@compiled
def _further_stages(x: np.ndarray, distance: int) -> None:
    """The stages between numbers at `distance` and more."""
    while x.size >= 16 * distance:
        for i in range(0, x.size, 16 * distance):
            for j in range(i, i + distance, _LANES):
                _next16(x, j, distance)
        distance *= 16
    left = x.size // distance
    for j in range(0, distance * (left > 1), _LANES):
        if left == 2:
            _next2(x, j, distance)
        elif left == 4:
            _next4(x, j, distance)
        else:
            _next8(x, j, distance)
