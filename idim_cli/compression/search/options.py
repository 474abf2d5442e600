"""What is wished of a compressed file. No torch here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from idim_cli.compression.search.sizes import dimensions
from idim_cli.core.errors import IdimError
from idim_cli.recipe.choices import MAX_FRACTION
from idim_cli.thresholds.options import meant


def _counts(name: str, value: Any) -> None:
    """IdimError for what is no list of whole numbers from 1 on."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    if not several or not value or not all(type(one) is int and one > 0 for one in value):
        raise IdimError(f"{name} is {value!r}", f"give a list of whole numbers, such as {name}=[3]")


@dataclass(frozen=True)
class CompressOptions:
    """What a file is to be.

    Attributes:
        target: share of the baseline that it reaches, and then it is the smallest; None keeps 99 % of what
            the checkpoint itself reaches.
        baseline: the target's 100 %; None takes the direct runs beside the run.
        max_bytes: its size at most, and then it is the best.
        prove: it is the one whose size proves the least error on new data.
        levels: numbers of values that are tried; None tries some from 2 to 256.
        codebook: ``uniform`` or ``kmeans``.
        d: dimensions that are tried; None is that of the run, ``auto`` from half to two and a half times it,
            as is None for a `frontier`.
        epochs: budget of a training with few values; None is the recipe's own, 0 rounds only.
        lossless: float32, as the checkpoint has it.
        compare: look at other ways to store the network, at the same performance or better.
        frontier: try every choice of d and levels, for a picture of bytes against performance; the nearest is
            written where none does what is asked.
    """

    target: float | None = None
    baseline: float | None = None
    max_bytes: int | None = None
    prove: bool = False
    levels: Sequence[int] | None = None
    codebook: Literal["uniform", "kmeans"] = "uniform"
    d: Sequence[int] | Literal["auto"] | None = None
    epochs: int | None = None
    lossless: bool = False
    frontier: bool = False
    compare: bool = False

    def __post_init__(self) -> None:
        for name in ("levels", "d"):
            value = getattr(self, name)
            if value is not None and not (name == "d" and value == "auto"):
                _counts(name, value)
        if self.epochs is not None and not (type(self.epochs) is int and self.epochs >= 0):
            raise IdimError(f"epochs is {self.epochs!r}", "give a whole number, 0 for none")

    def check(self, direct: bool, metric: str, D: int) -> None:
        """Refuse what contradicts itself, or a run's kind, before anything is tried.

        Args:
            direct: whether the run trained all D parameters.
            metric: what its performance is.
            D: how many parameters it has.

        Raises:
            IdimError: with what to leave out.
        """
        if self.lossless and self != CompressOptions(lossless=True):
            raise IdimError(
                "--lossless keeps every bit and goes with no other option", "leave the others out"
            )
        if direct and self.d is not None:
            raise IdimError("a direct run trains all D parameters: there is no other d", "leave --d out")
        if max(self.dimensions(1, D)) > D:
            raise IdimError(f"--d {max(self.dimensions(1, D))} is more than D = {D:,}", "d is in 1 .. D")
        if self.prove and metric != "accuracy":
            raise IdimError(f"sizes prove something about errors, not about {metric}", "leave --prove out")
        if self.target is not None and not 0 < self.target <= MAX_FRACTION:
            raise IdimError(
                f"--target must be in (0, {MAX_FRACTION:g}], got {self.target:g}",
                meant(self.target) or "such as --target 0.9",
            )
        if self.baseline is not None and not 0 < self.baseline < math.inf:
            raise IdimError(f"a baseline of {self.baseline:g} is no performance", "such as --baseline 0.98")
        if self.baseline is not None and self.target is None:
            raise IdimError("a baseline without a target says nothing", "add --target 0.9")

    def dimensions(self, d: int, D: int) -> list[int]:
        """The dimensions that are tried for a run of d of D."""
        wanted = self.d or ("auto" if self.frontier and d < D else [d])
        return dimensions(d, D) if wanted == "auto" else list(wanted)
