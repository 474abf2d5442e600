"""The sizes that are tried for a file: how many dimensions, of how many values. No torch here."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

LEVELS = (2, 3, 4, 6, 8, 16, 32, 64, 256)  #: numbers of values that are tried by default
#: With more values, rounding alone keeps the performance: none are trained.
TRAINED = 16
#: Coded bits over those of equally frequent values. Trained coordinates are zero more often, which saves some
#: 5 %; adapting to the frequencies costs a few percent, and in a short code a byte more.
_LEAST, _MOST, _LEARNT = 0.9, 1.15, 8
_VALUE = 16  # bits of a value in the codebook: bfloat16


@dataclass(frozen=True)
class Size:
    """One choice: d coordinates of `levels` values each, which are `listed` in the file or evenly spaced."""

    d: int
    levels: int
    listed: bool = False

    @property
    def book(self) -> int:
        """Bits that the values take."""
        return _VALUE * (self.levels if self.listed else 1)

    @property
    def code(self) -> float:
        """Bits that the coordinates take if all values are as frequent."""
        return self.d * math.log2(self.levels)

    @property
    def bits(self) -> float:
        """What both take."""
        return self.book + self.code

    @property
    def least(self) -> float:
        """Bits that few files of this size stay below."""
        return self.book + _LEAST * self.code

    @property
    def most(self) -> float:
        """Bits that no file of this size should exceed."""
        return self.book + _MOST * self.code + _LEARNT


def dimensions(d: int, D: int) -> list[int]:
    """Dimensions to try around d: from a half to two and a half times d, by factors of 2^(1/3)."""
    # Below half of d the level is rarely reached; above 2.5 d, fewer values are smaller.
    steps = [round(d * 2 ** (k / 3)) for k in range(-3, 5)]
    return sorted({min(step, D) for step in steps if step >= 1})


def descent(
    ds: Sequence[int],
    levels: Sequence[int],
    reached: Callable[[Size], bool],
    least: float = math.inf,
    listed: bool = False,
) -> list[Size]:
    """Walk along the boundary between the sizes that reach a level and those that do not; those that do.

    More dimensions and more values both help, so that one walk from (most dimensions, fewest values) passes
    all smallest sizes. It tries at most `steps` of them, and none of `least` bits or more.
    """
    ds, levels = sorted(ds, reverse=True), sorted(levels)
    at, found = 0, list[Size]()
    for many in levels:
        while at < len(ds):
            size = Size(ds[at], many, listed)
            if size.bits >= least:
                at += 1
            # With fewer dimensions it may still be reached, at a smaller size.
            elif reached(size):
                least = size.bits
                found.append(size)
                at += 1
            else:
                # Fewer dimensions would miss the level too; more values may reach it.
                break
    return found


def steps(ds: Sequence[int], levels: Sequence[int]) -> int:
    """How many sizes `descent` tries at most: each step excludes one of `ds` or one of `levels`."""
    return len(ds) + len(levels) - 1


def fitting(ds: Sequence[int], levels: Sequence[int], room: float, listed: bool = False) -> list[list[Size]]:
    """For each number of values the sizes that may fit `room` bits, largest d first, down to a sure fit.

    How many bits a file takes is known only once it is trained.
    """
    ladders = ([Size(d, many, listed) for d in sorted(ds, reverse=True)] for many in levels)
    return [found for ladder in ladders if (found := list(_to_fit(ladder, room)))]


def _to_fit(ladder: Sequence[Size], room: float) -> Iterator[Size]:
    for size in ladder:
        if size.least <= room:
            yield size
        if size.most <= room:
            return


def largest(levels: int, room: float, listed: bool = False) -> int:
    """The most dimensions that surely fit `room` bits; 0 if none do."""
    taken = Size(0, levels, listed).most
    return max(0, int((room - taken) / (_MOST * math.log2(levels))))


def fill(ladders: Sequence[Sequence[Size]], fits: Callable[[Sequence[Size]], Container[Size]]) -> None:
    """Try the first size of all ladders together; where that does not fit, the next one, and so on."""
    while ladders:
        found = fits([ladder[0] for ladder in ladders])
        ladders = [ladder[1:] for ladder in ladders if ladder[0] not in found and ladder[1:]]
