"""A stream of random numbers with the same bits on every machine, device, process and library version.

The words are those of the counter-based generator Philox4x64-10 (Salmon et al., SC 2011), whose raw output
numpy keeps stable by policy. Everything else is derived from the words by the fixed steps below. These use
only operations that IEEE 754 rounds exactly (+, -, *, /, sqrt) on float64, one at a time, and never a sum or
a transcendental function of a library, whose last bits differ between processors.

A stream is named by (seed, purpose) and addressed by position: ``Stream(s, p).words(n, start)`` are words
``start .. start + n - 1``, independent of earlier calls. One number of any kind consumes one word,
except that 64 signs share one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idim_cli.core.errors import IdimError
from idim_cli.core.rng_version import VERSION as VERSION

_CHUNK = 1 << 15  # words at a time, so that intermediate arrays stay in the processor's cache
_LN2 = 0.6931471805599453
_QUARTER_PI = 0.7853981633974483
_SQRT_HALF = 0.7071067811865476
# Taylor coefficients, highest power first: atanh(s)/s in s^2, then sin(t)/t and cos(t) in t^2.
_ATANH = [1 / k for k in range(25, 0, -2)]
_SIN = [(-1) ** k / math.factorial(2 * k + 1) for k in range(7, -1, -1)]
_COS = [(-1) ** k / math.factorial(2 * k) for k in range(8, -1, -1)]

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]


class Stream:
    """An endless, addressable stream of random numbers.

    Args:
        seed: 0 <= seed < 2**64.
        purpose: what the numbers are for; other purposes give independent streams.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        if not 0 <= seed < 2**64:
            raise IdimError(f"seed {seed} is not in 0 .. 2**64 - 1")
        # A hash, so that purposes may be any text and still give unrelated keys.
        digest = hashlib.blake2b(purpose.encode(), digest_size=8).digest()
        self._key = np.array([seed, int.from_bytes(digest, "little")], dtype=np.uint64)

    def words(self, n: int, start: int = 0) -> Words:
        """`n` uniform 64-bit words, from position `start`."""
        block, skip = divmod(start, 4)  # Philox makes four words from one counter value
        generator = np.random.Philox(key=self._key, counter=block)
        return np.asarray(generator.random_raw(n + skip)[skip:], dtype=np.uint64)

    def uniforms(self, n: int, start: int = 0) -> Floats:
        """`n` float64 in [0, 1): the top 53 bits of each word."""
        return (self.words(n, start) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, n: int, high: int, start: int = 0) -> NDArray[np.int64]:
        """`n` integers in 0 .. high - 1, for high <= 2**32 (bias below high / 2**32)."""
        top = self.words(n, start) >> np.uint64(32)
        return np.asarray((top * np.uint64(high)) >> np.uint64(32), dtype=np.int64)

    def signs(self, n: int) -> NDArray[np.int8]:
        """`n` signs +1 or -1: the bits of the words, least significant first (1 is +1)."""
        # Little-endian explicitly, so that the order of bits is the same on every machine.
        octets = self.words(-(-n // 64)).astype("<u8").view(np.uint8)
        bits = np.unpackbits(octets, count=n, bitorder="little").view(np.int8)
        np.left_shift(bits, 1, out=bits)
        return np.subtract(bits, 1, out=bits)

    def normals(self, n: int, start: int = 0) -> Floats:
        """`n` standard normals, float64, by Box and Muller's transform of words in pairs."""
        first, out = start - start % 2, np.empty(n + start % 2 + 1)
        for at, size in _chunks(n + start % 2):
            size += size % 2
            out[at : at + size] = _box_muller(self.words(size, first + at))
        return out[start % 2 : start % 2 + n]

    def permutation(self, n: int) -> NDArray[np.int64]:
        """A permutation of 0 .. n - 1."""
        return np.asarray(self.permutations(1, n)[0], dtype=np.int64)

    def permutations(self, count: int, n: int) -> NDArray[np.int32]:
        """`count` independent permutations of 0 .. n - 1, as [count, n].

        The indices are sorted by random keys. A key holds its index in the low bits, so that no two are
        equal and every sorting algorithm gives the same order.
        """
        mask = np.uint64((1 << max(1, (n - 1).bit_length())) - 1)
        out = np.empty((count, n), dtype=np.int32)
        for at, rows in _chunks(count, max(1, 8 * _CHUNK // max(n, 1))):
            keys = self.words(rows * n, at * n).reshape(rows, n)
            # The upper bits stay random: at n = 10 million, 40 of them, so that ties before the index are
            # rare.
            keys &= ~mask
            keys |= np.arange(n, dtype=np.uint64)
            keys.sort(axis=1)
            out[at : at + rows] = keys & mask
        return out

    def hits(self, n: int, probability: float) -> NDArray[np.int64]:
        """The rising positions in 0 .. n - 1 at which independent trials of `probability` succeed.

        The gaps between successes are geometric: one word for each success instead of one for each trial.
        """
        if probability >= 1:
            return np.arange(n)
        unlikely = _log(np.array([1.0 - probability]))
        if unlikely == 0:  # a probability lost in rounding
            return np.empty(0, dtype=np.int64)
        found, at, last = [np.empty(0, dtype=np.int64)], 0, -1
        while last < n:
            gaps = np.floor(_log(1.0 - self.uniforms(_CHUNK, at)) / unlikely)
            # A gap beyond n ends the search; the bound keeps the sum inside an int64.
            found.append(last + np.cumsum(np.minimum(gaps, n).astype(np.int64) + 1))
            at, last = at + _CHUNK, int(found[-1][-1])
        positions: NDArray[np.int64] = np.concatenate(found)
        return positions[positions < n]


def fixed_sum(values: NDArray[Any]) -> float:
    """The sum of a vector in float64, added in a fixed order (halves onto each other) on every machine."""
    total = np.asarray(values, dtype=np.float64)
    while total.size > 1:
        half = total.size // 2
        rest = total[2 * half :]
        total = np.concatenate([total[:half] + total[half : 2 * half], rest])
    return float(total[0]) if total.size else 0.0


def _chunks(n: int, size: int = _CHUNK) -> Iterator[tuple[int, int]]:
    return ((at, min(size, n - at)) for at in range(0, n, size))


def _horner(coefficients: list[float], x: Floats) -> Floats:
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total


def _log(x: Floats) -> Floats:
    """Natural logarithm of x > 0: exponent, and 2 atanh((m - 1) / (m + 1)) of the mantissa."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < _SQRT_HALF
    # Into sqrt(1/2) .. sqrt(2), where the series converges fastest.
    mantissa += mantissa * low
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return (exponent - low) * _LN2 + 2.0 * s * _horner(_ATANH, s * s)


def _box_muller(words: Words) -> Floats:
    """Normals from an even number of words: the first of a pair gives the radius, the second the angle."""
    pairs = words.reshape(-1, 2)
    u = ((pairs[:, 0] >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53  # in (0, 1]
    radius = np.sqrt(-2.0 * _log(u))
    # A quarter circle around zero; doubling it gives the right half, the lowest bit the left half.
    t = ((pairs[:, 1] >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0) * _QUARTER_PI
    sine, cosine = t * _horner(_SIN, t * t), _horner(_COS, t * t)
    radius *= 1.0 - 2.0 * (pairs[:, 1] & np.uint64(1)).astype(np.float64)
    out = np.empty((len(pairs), 2))
    out[:, 0] = radius * (cosine * cosine - sine * sine)
    out[:, 1] = radius * (2.0 * (sine * cosine))
    return out.reshape(-1)
