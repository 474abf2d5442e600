"""The target of a compressed file. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from idim_cli.core.errors import IdimError

#: Share of the checkpoint's own performance that is kept by default.
KEPT = 0.99


@dataclass(frozen=True)
class Target:
    """What a file has to reach.

    Attributes:
        text: the target in words.
        level: the performance to reach with the smallest file.
        most_bytes: the size not to exceed with the best performance.
        prove: whether to find the smallest bound on the error.
    """

    text: str
    level: float | None = None
    most_bytes: int | None = None
    prove: bool = False

    @property
    def known(self) -> dict[str, Any]:
        """Its fields of `Compressed`."""
        return {"goal": self.text, "level": self.level, "max_bytes": self.most_bytes}

    def met(self, performance: float, size: int) -> bool:
        """Whether a file reaches it."""
        if self.level is not None:
            return performance >= self.level
        return self.most_bytes is None or size <= self.most_bytes


def target_of(
    own: float,
    target: float | None,
    baseline: float | None,
    most_bytes: int | None,
    prove: bool,
    metric: str = "",
) -> Target:
    """The target that the options describe.

    Args:
        own: performance of the checkpoint itself.
        target: share of the baseline.
        baseline: the target's 100 %; None if it is unknown.
        most_bytes: largest size.
        prove: whether to find the smallest bound.
        metric: what the performance is; an accuracy is at most 1.

    Raises:
        IdimError: the options contradict each other, or the baseline is not known.
    """
    if (target is not None) + (most_bytes is not None) + prove > 1:
        raise IdimError("--target, --max-bytes and --prove exclude each other", "give one of them")
    if prove:
        return Target("least bound on the error", prove=True)
    if most_bytes is not None:
        return Target(f"best within {most_bytes:,} bytes", most_bytes=most_bytes)
    if target is None:
        return Target(f">= {KEPT:.2f} x {own:.4f} (the run's own) = {KEPT * own:.4f}", KEPT * own)
    if baseline is None:
        raise IdimError(
            "--target needs a baseline, and there are no direct runs next to this run",
            "give it with --baseline 0.98, or leave out --target",
        )
    level = target * baseline
    # Other metrics, such as rewards, have no upper limit.
    if metric == "accuracy" and level > 1:
        raise IdimError(
            f"the level {target:g} x {baseline:.4f} = {level:.4f} is above 1, which no accuracy reaches",
            f"--target must be in (0, {1 / baseline:.4g}]",
        )
    return Target(f">= {target:g} x {baseline:.4f} (baseline) = {level:.4f}", level)
