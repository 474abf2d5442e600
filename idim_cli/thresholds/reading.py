"""A reading of d_int with everything it rests on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from idim_cli.thresholds.options import Centre, d_int

Verdict = Literal["reached", "not reached", "reached at the smallest d"]


@dataclass(frozen=True)
class Reading:
    """An estimate of d_int that never stands alone.

    Attributes:
        value: smallest d that reaches the level; None if none does.
        low, high: ends of the interval; None if there is none or the end lies outside the grid.
        low_is_open: the interval reaches down to d_min or below.
        high_is_open: the interval reaches beyond d_max.
        interval: how the interval was made, or why there is none.
        confidence: of the interval.
        baseline_kind: ``model``, ``best`` or ``fixed``.
        baseline: performance that 100 % refers to; baseline_sd is the spread of the direct runs, None for
            fewer than two or another kind.
        floor_kind: ``chance``, ``min`` or ``fixed``.
        floor: performance that 0 % refers to.
        level: floor + fraction x (baseline - floor), the performance to reach.
        rule, centre: see `Options`.
        d_values: the grid; d_min and d_max are its ends.
        runs, runs_per_d, baseline_runs: runs trained to their end, at each d of the grid, and direct ones.
        solved, unsolved: runs that were stopped early, and as what.
        left_out: runs with another status than ok.
        seeds: which seeds vary among the runs at one d, in words.
        coords: what the coordinates may be, in words; empty if they are free and start at zero.
        D: number of native parameters, None if unknown.
        verdict: see `Verdict`.
        cautions: see `idim_cli.thresholds.cautions`.
        next: what to run next, ending with the command or its arguments; "" if nothing.
        next_arguments: of the `idim sweep` that made the runs, which do what `next` says.
        next_command: the same as a whole command, quoted for the shell; empty where none is known.
        bootstrap_mean, bootstrap_sd: of the paper's 50 one-run readings by its rule `first` (its red bar);
            None for single runs, or if none of them reached the level.
        performance_sd: at each d (the paper's blue bars), None where there is one run.
        d_int100, d_int100_sees, d_int100_test: see `idim_cli.thresholds.plateau`.
    """

    value: int | None
    low: int | None
    high: int | None
    low_is_open: bool
    high_is_open: bool
    interval: str
    confidence: float
    baseline_kind: Literal["model", "best", "fixed"]
    baseline: float
    baseline_sd: float | None
    floor_kind: Literal["chance", "min", "fixed"]
    floor: float
    fraction: float
    level: float
    rule: str
    centre: Centre
    d_values: tuple[int, ...]
    d_min: int
    d_max: int
    runs: int
    runs_per_d: tuple[int, ...]
    baseline_runs: int
    solved: int
    unsolved: int
    left_out: int
    seeds: str
    coords: str
    D: int | None
    verdict: Verdict
    cautions: tuple[str, ...]
    next: str
    bootstrap_mean: float | None
    bootstrap_sd: float | None
    performance_sd: tuple[float | None, ...]
    d_int100: int | None
    d_int100_sees: float | None
    d_int100_test: str
    next_arguments: tuple[str, ...] = ()
    next_command: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @property
    def name(self) -> str:
        """``d_int90`` for a fraction of 0.9."""
        return d_int(self.fraction)

    @property
    def next_words(self) -> str:
        """What to run next, without the command or the arguments that do it."""
        how = self.next_command or " ".join(self.next_arguments)
        return self.next.removesuffix(f": {how}") if how else self.next

    @property
    def value_text(self) -> str:
        """``625``, ``<= 10`` or ``> 1500``."""
        if self.value is None:
            return f"> {self.d_max}"
        return f"<= {self.value}" if self.verdict == "reached at the smallest d" else str(self.value)

    @property
    def share(self) -> float | None:
        """The value, or where there is none the largest d tried, as a share of D; None if D is unknown."""
        return (self.d_max if self.value is None else self.value) / self.D if self.D else None

    @property
    def interval_text(self) -> str:
        """``580 .. 690``, with ``<= d_min`` and ``> d_max`` for ends outside the grid, or ``none``."""
        if not self.has_interval:
            return "none"
        if self.low is None and self.low_is_open and self.high is None and not self.high_is_open:
            return f"<= {self.d_min}"
        if self.low is None and not self.low_is_open:
            return f"> {self.d_max}"
        low = f"<= {self.d_min}" if self.low is None else str(self.low)
        high = f"> {self.d_max}" if self.high is None else str(self.high)
        return f"{low} .. {high}"

    @property
    def has_interval(self) -> bool:
        """Whether the runs allowed an interval, be its ends inside the grid or not."""
        return not (self.low is None and self.high is None and not self.low_is_open and not self.high_is_open)


def known(value: float) -> float | None:
    """None for NaN and infinities, which JSON and CSV cannot hold."""
    return value if math.isfinite(value) else None
