"""What a compressed network has to reach, and in which sizes it is looked for. No torch here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from idim_cli.errors import IdimError

LEVELS = (2, 3, 4, 6, 8, 16, 32, 64, 256)  #: numbers of values that are tried unless the user names some
TRAINED = 16  #: with more values rounding alone does: none are trained
KEPT = 0.99  #: share of the checkpoint's own performance that is kept unless the user says otherwise


@dataclass(frozen=True)
class Goal:
    """What is asked of a file.

    Attributes:
        says: the goal in words.
        level: the performance that the smallest file is wanted for.
        most_bytes: the size that the best performance is wanted for.
        prove: whether the least bound on the error is wanted.
    """

    says: str
    level: float | None = None
    most_bytes: int | None = None
    prove: bool = False

    def met(self, performance: float, size: int) -> bool:
        """Whether a file reaches it."""
        if self.level is not None:
            return performance >= self.level
        return self.most_bytes is None or size <= self.most_bytes


@dataclass(frozen=True)
class Size:
    """One choice: d coordinates of so many values each."""

    d: int
    levels: int

    @property
    def bits(self) -> float:
        """What the coordinates take if all values are as frequent."""
        return self.d * math.log2(self.levels)


def goal_of(
    own: float, target: float | None, baseline: float | None, most_bytes: int | None, prove: bool
) -> Goal:
    """The goal that the options describe.

    Args:
        own: performance of the checkpoint itself.
        target: share of the baseline.
        baseline: that share's 100 %; None if it is unknown.
        most_bytes: largest size.
        prove: whether the least bound is wanted.

    Raises:
        IdimError: the options contradict each other, or the baseline is not known.
    """
    if (target is not None) + (most_bytes is not None) + prove > 1:
        raise IdimError("one goal at a time", "give one of --target, --max-bytes and --prove")
    if prove:
        return Goal("least bound on the error", prove=True)
    if most_bytes is not None:
        return Goal(f"best within {most_bytes:,} bytes", most_bytes=most_bytes)
    if target is None:
        return Goal(f">= {KEPT:.2f} x {own:.4f} (the run's own) = {KEPT * own:.4f}", KEPT * own)
    if baseline is None:
        raise IdimError(
            "no direct runs lie beside this run: the baseline is not known",
            "give it with --baseline 0.98, or leave --target out",
        )
    level = target * baseline
    return Goal(f">= {target:g} x {baseline:.4f} (baseline) = {level:.4f}", level)


def dimensions(d: int, D: int) -> list[int]:
    """Dimensions around d that are tried when the choice is free: from a half to two and a half times d."""
    steps = [round(d * 2 ** (k / 3)) for k in range(-3, 5)]
    return sorted({min(step, D) for step in steps if step >= 1})


def descent(
    ds: Sequence[int], levels: Sequence[int], reached: Callable[[Size], bool], least: float | None = None
) -> Iterator[Size]:
    """Walk the edge between the sizes that reach a level and those that do not; yields those that do.

    More dimensions and more values both help, so that one walk from (most dimensions, fewest values) passes
    all smallest sizes: at most len(ds) + len(levels) of them are looked at, none of `least` bits or more.
    """
    ds, levels = sorted(ds, reverse=True), sorted(levels)
    at, least = 0, math.inf if least is None else least
    for many in levels:
        while at < len(ds):
            size = Size(ds[at], many)
            if size.bits >= least:
                at += 1
            elif reached(size):
                least = size.bits
                yield size
                at += 1
            else:
                break


def fitting(ds: Sequence[int], levels: Sequence[int], most_bits: float) -> list[Size]:
    """For each number of values the most dimensions that so many bits have room for."""
    every = ([d for d in ds if Size(d, many).bits <= most_bits] for many in levels)
    return [Size(max(room), many) for many, room in zip(levels, every, strict=True) if room]
