"""What is requested of a compressed file. No torch here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from idim_cli.compression.search.sizes import dimensions
from idim_cli.core.errors import IdimError
from idim_cli.recipe.choices import MAX_FRACTION
from idim_cli.thresholds.options import percent_hint


def _counts(name: str, value: Any) -> None:
    """IdimError for anything but a list of positive whole numbers."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    # `type`, because True is an instance of int.
    if not several or not value or not all(type(one) is int and one > 0 for one in value):
        raise IdimError(f"{name} must be a list of positive integers, got {value!r}", f"such as {name}=[3]")


@dataclass(frozen=True)
class CompressOptions:
    """What is requested of a file.

    Attributes:
        target: the smallest file that reaches this share of the baseline; None keeps 99 % of the checkpoint's
            own performance.
        baseline: the target's 100 %; None takes the direct runs in the run's results folder.
        max_bytes: the best file of at most this size.
        prove: the file whose size proves the smallest error on new data.
        levels: numbers of values to try; None tries some from 2 to 256.
        codebook: ``uniform`` or ``kmeans``.
        d: dimensions to try; None is that of the run, ``auto`` from half to two and a half times it, which is
            also the default of a `frontier`.
        epochs: budget of a training with few values; None is the recipe's own, 0 rounds only.
        lossless: keep float32 coordinates, as the checkpoint has them.
        compare: also try other ways to store the network, at the same performance or better.
        frontier: try every choice of d and levels, for a figure of bytes against performance; if no file
            reaches the target, the nearest is written.
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
            raise IdimError(f"epochs must be a whole number from 0, got {self.epochs!r}", "0 only rounds")

    def check(self, direct: bool, metric: str, D: int) -> None:
        """Refuse options that contradict each other or the kind of the run, before anything is tried.

        Args:
            direct: whether the run trained all D parameters.
            metric: what its performance is.
            D: its number of parameters.

        Raises:
            IdimError: with what to leave out.
        """
        if self.lossless and self != CompressOptions(lossless=True):
            raise IdimError(
                "--lossless cannot be combined with other options", "leave out --lossless or the others"
            )
        if direct and self.d is not None:
            raise IdimError(
                "--d does not apply to a direct run, which trains all D parameters", "leave out --d"
            )
        if max(self.dimensions(1, D)) > D:
            raise IdimError(f"--d must be in 1 .. D = {D:,}, got {max(self.dimensions(1, D))}")
        if self.prove and metric != "accuracy":
            raise IdimError(f"--prove needs accuracy as the performance, got {metric}", "leave out --prove")
        if self.target is not None and not 0 < self.target <= MAX_FRACTION:
            raise IdimError(
                f"--target must be in (0, {MAX_FRACTION:g}], got {self.target:g}",
                percent_hint(self.target) or "such as --target 0.9",
            )
        if self.baseline is not None and not 0 < self.baseline < math.inf:
            raise IdimError(
                f"--baseline must be above 0 and finite, got {self.baseline:g}", "such as --baseline 0.98"
            )
        if self.baseline is not None and self.target is None:
            raise IdimError("--baseline needs --target", "add --target 0.9")

    def dimensions(self, d: int, D: int) -> list[int]:
        """The dimensions to try for a run of d of D."""
        wanted = self.d or ("auto" if self.frontier and d < D else [d])
        return dimensions(d, D) if wanted == "auto" else list(wanted)
