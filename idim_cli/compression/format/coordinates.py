"""The d coordinates as a file holds them: float32, or symbols of a codebook. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idim_cli.compression.format import entropy

Floats = NDArray[np.float32]

# A symbol takes one byte in memory.
MOST_LEVELS = 256
#: Coordinates per byte of code at most, so that the length of a file bounds the work of decoding it.
MOST_PER_BYTE = 64


@dataclass(frozen=True)
class Exact:
    """Coordinates in float32.

    Attributes:
        coords: float32 [d].
    """

    coords: Floats

    def values(self) -> Floats:
        """float32 [d]."""
        return self.coords

    @property
    def d(self) -> int:
        """How many there are."""
        return len(self.coords)

    @property
    def levels(self) -> int:
        """0: there is no codebook."""
        return 0

    def code(self) -> bytes:
        """Their bytes in a file: little-endian."""
        return self.coords.astype("<f4").tobytes()


@dataclass(frozen=True)
class Quantised:
    """Coordinates that take few values.

    Attributes:
        book: the values: one bfloat16 number, the step of a uniform grid of `levels` values around 0; or
            `levels` bfloat16 numbers, in rising order.
        symbols: of each coordinate, which value, 0 .. levels - 1, as a byte.
        levels: 2 .. 256.
    """

    book: tuple[float, ...]
    symbols: bytes
    levels: int

    @property
    def uniform(self) -> bool:
        """Whether the values are a uniform grid."""
        return len(self.book) == 1

    @property
    def d(self) -> int:
        """How many coordinates there are."""
        return len(self.symbols)

    def values(self) -> Floats:
        """float32 [d]."""
        return self.table()[np.frombuffer(self.symbols, dtype=np.uint8)]

    def table(self) -> Floats:
        """The values, float32 [levels]; of a uniform grid step x (j - (levels - 1) / 2)."""
        if not self.uniform:
            return np.asarray(self.book, dtype=np.float32)
        return (grid(self.levels) * self.book[0]).astype(np.float32)

    def code(self) -> bytes:
        """Their bytes in a file, without the codebook."""
        # Padding to the bound on coordinates per byte, which `read` requires.
        code = entropy.encode(self.symbols, self.levels)
        return code.ljust(-(-self.d // MOST_PER_BYTE), b"\0")

    @classmethod
    def read(cls, book: tuple[float, ...], code: bytes, d: int, levels: int) -> Quantised:
        """From the bytes of `code`; ValueError if they are not what `code` makes of d coordinates."""
        if d > MOST_PER_BYTE * len(code):
            raise ValueError(f"{len(code)} bytes of code are too few for {d:,} coordinates")
        read = cls(book, entropy.decode(code, d, levels), levels)
        if read.code() != code:  # each content has exactly one encoding
            raise ValueError("its coordinates are not in canonical form")
        return read


Coords = Exact | Quantised


def listed(values: Floats, book: Floats, uniform: bool) -> Quantised:
    """Coordinates [d] as places in a rising `book` of bfloat16; unused ones are dropped unless `uniform`."""
    if uniform:
        return Quantised((float(book[1] - book[0]),), _places(book, values), len(book))
    # Each value in the book costs two bytes, used or not.
    used = np.unique(values)
    if len(used) == 1:  # the format needs two values at least
        used = np.unique(np.append(used, np.float32(0 if used[0] else 1)))
    return Quantised(tuple(used.tolist()), _places(used, values), len(used))


def _places(book: Floats, values: Floats) -> bytes:
    return np.searchsorted(book, values).astype(np.uint8).tobytes()


def grid(levels: int) -> NDArray[np.float64]:
    """A uniform grid of step 1 around 0: whole numbers, or halves between them if `levels` is even."""
    return np.arange(levels, dtype=np.float64) - (levels - 1) / 2


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper halves of float32 numbers, rounded to nearest, ties to even; for numbers below 3.3e38."""
    bits = values.astype(np.float32).view(np.uint32)
    # Adding 0x7FFF rounds ties down; the lowest bit that is kept turns odd results up.
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bfloat16(halves: NDArray[np.uint16]) -> Floats:
    """float32 numbers with these upper halves."""
    return (halves.astype(np.uint32) << 16).view(np.float32)
