"""A reading of d_int with everything that it depends on; JSON, CSV and text take their fields from here."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from idim_cli.recipe.choices import Centre
from idim_cli.thresholds.options import d_int

Verdict = Literal["reached", "not reached", "reached at the smallest d"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """An estimate of d_int with its protocol; the texts below the fields are also those of the documents."""

    # For the JSON Schema that `cli.documents` makes of this class.
    __pydantic_config__: ClassVar[dict[str, bool]] = {"use_attribute_docstrings": True}

    value: int | None
    """d_int, the smallest d that reaches the level; null if none does"""
    low: int | None
    """lower end of the interval; null if there is none or it lies outside the grid"""
    high: int | None
    """upper end, likewise"""
    low_is_open: bool
    """whether the interval reaches down to d_min or below"""
    high_is_open: bool
    """whether it reaches beyond d_max"""
    interval: str
    """how the interval was made, or why there is none"""
    confidence: float
    """of the interval"""
    baseline_kind: Literal["model", "best", "fixed"]
    """`model`, `best` or `fixed`"""
    baseline: float
    """performance that counts as 100 %"""
    baseline_sd: float | None
    """standard deviation of the direct runs; null for fewer than two, or another kind of baseline"""
    floor_kind: Literal["chance", "min", "fixed"]
    """`chance`, `min` or `fixed`"""
    floor: float
    """performance that counts as 0 %"""
    fraction: float
    """how far to get from the floor to the baseline"""
    level: float
    """performance to reach: floor + fraction x (baseline - floor)"""
    rule: str
    """how the runs at each d become one d"""
    centre: Centre
    """`mean` or `median` of the runs at one d"""
    d_values: tuple[int, ...]
    """the grid: each d with a run trained to its end"""
    d_min: int
    """smallest d that was tried"""
    d_max: int
    """largest d that was tried"""
    runs: int
    """runs trained to their end"""
    runs_per_d: tuple[int, ...]
    """the same at each d of the grid"""
    baseline_runs: int
    """direct runs"""
    solved: int
    """runs stopped early because they had reached the level"""
    unsolved: int
    """runs stopped early because they would not reach it"""
    left_out: int
    """runs with another status"""
    seeds: str
    """which seeds vary among the runs at one d"""
    coords: str
    """restrictions of the coordinates; empty if they are free and start at zero"""
    D: int | None
    """number of native parameters; null if unknown"""
    verdict: Verdict
    """`reached`, `not reached` or `reached at the smallest d`"""
    cautions: tuple[str, ...]
    """what makes the reading weaker than it looks, e.g. that a constant answer reaches the level"""
    next: str
    """what to run next, ending with the command; empty if nothing; how far a sweep is that was stopped"""
    next_arguments: tuple[str, ...] = ()
    """arguments of `idim sweep` for it; none if nothing is to be run, or if `idim` did not make the runs"""
    next_command: str = ""
    """the whole command, quoted for the shell; empty if none is known"""
    bootstrap_mean: float | None
    """mean of the paper's 50 one-run readings by rule `first` (its red bar); null for single runs"""
    bootstrap_sd: float | None
    """standard deviation of the same"""
    performance_sd: tuple[float | None, ...]
    """standard deviation of performance at each d (the paper's blue bars); null where there is one run"""
    d_int100: int | None
    """smallest d whose runs cannot be told from the direct runs"""
    d_int100_sees: float | None
    """smallest shortfall that the test for d_int100 can detect"""
    d_int100_test: str
    """the test, or why there was none"""

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @property
    def name(self) -> str:
        """``d_int90`` for a fraction of 0.9."""
        return d_int(self.fraction)

    @property
    def next_words(self) -> str:
        """What to run next, without the command or the arguments for it."""
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
        return " .. ".join(self.ends(f"<= {self.d_min}", f"> {self.d_max}")) if self.has_interval else "none"

    def ends(self, below: str, beyond: str, form: str = "d") -> list[str]:
        """The ends of the interval as text, in the format `form` or as `below` and `beyond` the grid.

        One text alone if both ends lie on the same side of the grid.
        """
        low = f"{self.low:{form}}" if self.low is not None else below if self.low_is_open else beyond
        high = f"{self.high:{form}}" if self.high is not None else beyond if self.high_is_open else below
        return [low] if low == high in (below, beyond) else [low, high]

    @property
    def has_interval(self) -> bool:
        """Whether the runs allowed an interval, whether or not its ends lie inside the grid."""
        return not (self.low is None and self.high is None and not self.low_is_open and not self.high_is_open)


def finite(value: float) -> float | None:
    """None for NaN and infinities, which JSON and CSV cannot hold."""
    return value if math.isfinite(value) else None
