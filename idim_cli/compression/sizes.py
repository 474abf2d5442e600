"""In which sizes a file is looked for: how many dimensions, of how many values. No torch here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LEVELS = (2, 3, 4, 6, 8, 16, 32, 64, 256)  #: numbers of values that are tried unless the user names some
TRAINED = 16  #: with more values rounding alone does: none are trained


@dataclass(frozen=True)
class Size:
    """One choice: d coordinates of so many values each."""

    d: int
    levels: int

    @property
    def bits(self) -> float:
        """What the coordinates take if all values are as frequent."""
        return self.d * math.log2(self.levels)


def dimensions(d: int, D: int) -> list[int]:
    """Dimensions around d that are tried when the choice is free: from a half to two and a half times d."""
    steps = [round(d * 2 ** (k / 3)) for k in range(-3, 5)]
    return sorted({min(step, D) for step in steps if step >= 1})


def descent(
    ds: Sequence[int], levels: Sequence[int], reached: Callable[[Size], bool], least: float = math.inf
) -> list[Size]:
    """Walk the edge between the sizes that reach a level and those that do not; those that do.

    More dimensions and more values both help, so that one walk from (most dimensions, fewest values) passes
    all smallest sizes: at most len(ds) + len(levels) of them are looked at, none of `least` bits or more.
    """
    ds, levels = sorted(ds, reverse=True), sorted(levels)
    at, found = 0, list[Size]()
    for many in levels:
        while at < len(ds):
            size = Size(ds[at], many)
            if size.bits >= least:
                at += 1
            elif reached(size):
                least = size.bits
                found.append(size)
                at += 1
            else:
                break
    return found


def fitting(ds: Sequence[int], levels: Sequence[int], most_bits: float) -> list[Size]:
    """For each number of values the most dimensions that so many bits have room for."""
    every = ([d for d in ds if Size(d, many).bits <= most_bits] for many in levels)
    return [Size(max(room), many) for many, room in zip(levels, every, strict=True) if room]
