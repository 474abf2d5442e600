"""What a compressed network has to reach. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from idim_cli.core.errors import IdimError

KEPT = 0.99  #: share of the checkpoint's own performance that is kept unless the user says otherwise


@dataclass(frozen=True)
class Target:
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

    @property
    def known(self) -> dict[str, Any]:
        """What the record of a file says of it."""
        return {"goal": self.says, "level": self.level, "max_bytes": self.most_bytes}

    def met(self, performance: float, size: int) -> bool:
        """Whether a file reaches it."""
        if self.level is not None:
            return performance >= self.level
        return self.most_bytes is None or size <= self.most_bytes


def goal_of(
    own: float,
    target: float | None,
    baseline: float | None,
    most_bytes: int | None,
    prove: bool,
    metric: str = "",
) -> Target:
    """The goal that the options describe.

    Args:
        own: performance of the checkpoint itself.
        target: share of the baseline.
        baseline: that share's 100 %; None if it is unknown.
        most_bytes: largest size.
        prove: whether the least bound is wanted.
        metric: what the performance is; an accuracy is at most 1.

    Raises:
        IdimError: the options contradict each other, or the baseline is not known.
    """
    if (target is not None) + (most_bytes is not None) + prove > 1:
        raise IdimError("one goal at a time", "give one of --target, --max-bytes and --prove")
    if prove:
        return Target("least bound on the error", prove=True)
    if most_bytes is not None:
        return Target(f"best within {most_bytes:,} bytes", most_bytes=most_bytes)
    if target is None:
        return Target(f">= {KEPT:.2f} x {own:.4f} (the run's own) = {KEPT * own:.4f}", KEPT * own)
    if baseline is None:
        raise IdimError(
            "no direct runs lie beside this run: the baseline is not known",
            "give it with --baseline 0.98, or leave --target out",
        )
    level = target * baseline
    if metric == "accuracy" and level > 1:
        raise IdimError(
            f"the level is {target:g} x {baseline:.4f} = {level:.4f}: no accuracy is above 1",
            f"--target must be in (0, {1 / baseline:.4g}]",
        )
    return Target(f">= {target:g} x {baseline:.4f} (baseline) = {level:.4f}", level)
