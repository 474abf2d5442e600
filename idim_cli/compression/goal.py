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
    """What is asked of a file; exactly one of `level` and `most_bytes` is not None.

    Attributes:
        level: the performance that the smallest file is wanted for.
        most_bytes: the size that the best performance is wanted for.
        says: the goal in words.
    """

    level: float | None
    most_bytes: int | None
    says: str

    def met(self, performance: float, size: int) -> bool:
        """Whether a file reaches it."""
        if self.level is not None:
            return performance >= self.level
        return self.most_bytes is None or size <= self.most_bytes

    def better(self, performance: float, size: int) -> tuple[float, float]:
        """What to maximise among files that meet the goal."""
        return (-size, performance) if self.level is not None else (performance, -size)


@dataclass(frozen=True)
class Size:
    """One choice: d coordinates of so many values each."""

    d: int
    levels: int

    @property
    def bits(self) -> float:
        """What the coordinates take if all values are as frequent."""
        return self.d * math.log2(self.levels)


def goal_of(own: float, target: float | None, baseline: float | None, most_bytes: int | None) -> Goal:
    """The goal that the options describe.

    Args:
        own: performance of the checkpoint itself.
        target: share of the baseline.
        baseline: that share's 100 %; None if it is unknown.
        most_bytes: largest size.

    Raises:
        IdimError: the options contradict each other, or the baseline is not known.
    """
    if target is not None and most_bytes is not None:
        raise IdimError("a target or a largest size, not both", "give --target or --max-bytes")
    if most_bytes is not None:
        return Goal(None, most_bytes, f"best within {most_bytes:,} bytes")
    if target is None:
        return Goal(KEPT * own, None, f">= {KEPT:.2f} x {own:.4f} (the run's own) = {KEPT * own:.4f}")
    if baseline is None:
        raise IdimError(
            "no direct runs lie beside this run: the baseline is not known",
            "give it with --baseline 0.98, or leave --target out",
        )
    level = target * baseline
    return Goal(level, None, f">= {target:g} x {baseline:.4f} (baseline) = {level:.4f}")


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
