"""Options of a reading: baseline, floor, fraction, rule, interval."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args

from idim_cli.core.errors import IdimError
from idim_cli.core.registry import did_you_mean
from idim_cli.recipe.choices import MAX_FRACTION, BaselineWord, Centre, FloorWord, Rule

Interval = Literal["bootstrap", "paper"]


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def percent_hint(share: object) -> str:
    """A hint for a share that was given in percent; empty for anything else."""
    percent = isinstance(share, int | float) and not isinstance(share, bool) and 1 < share <= 100
    return f"did you mean {share / 100:g}?" if percent else ""  # type: ignore[operator]


def d_int(fraction: float) -> str:
    """``d_int90`` for a fraction of 0.9."""
    return f"d_int{100 * fraction:g}"


@dataclass(frozen=True)
class Options:
    """How to read d_int; docs/read-the-number.md gives the reasons for the defaults.

    Attributes:
        baseline: what 100 % means: ``model`` (mean of the direct runs), ``best`` (highest mean of the
            sweep) or a fixed performance.
        fraction: how far to get from the floor to the baseline.
        floor: what 0 % means: a performance, ``chance`` (the recorded performance of a constant answer) or
            ``min`` (lowest mean of the sweep, as for rewards).
        rule: see `idim_cli.thresholds.rules.crossings`; ``curve`` fits a smooth curve near the level
            (`idim_cli.thresholds.curve`), and is the only one that can use runs that were stopped early.
        confidence: of the interval and of the test for d_int100.
        centre: ``mean`` or ``median`` of the runs at each d; the baseline ``model`` is always a mean.
        interval: ``bootstrap`` (pooled residuals) or ``paper`` (one run picked at each d, 50 times).
        seed: of the bootstrap's random numbers.
    """

    baseline: float | BaselineWord = "model"
    fraction: float = 0.9
    floor: float | FloorWord = 0.0
    rule: Rule = "isotonic"
    confidence: float = 0.95
    centre: Centre = "mean"
    interval: Interval = "bootstrap"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kinds in (("rule", Rule), ("centre", Centre), ("interval", Interval)):
            if getattr(self, name) not in get_args(kinds):
                value = getattr(self, name)
                raise IdimError(f"{name}: {value!r} is not known", did_you_mean(str(value), get_args(kinds)))
        for name, kinds in (("baseline", BaselineWord), ("floor", FloorWord)):
            if (value := getattr(self, name)) not in get_args(kinds) and not _is_finite(value):
                raise IdimError(
                    f"{name}: {value!r} is not known", f"give {', '.join(get_args(kinds))} or a number"
                )
        if not _is_finite(self.fraction) or not 0 < self.fraction <= MAX_FRACTION:
            message = f"fraction: {self.fraction!r} is not in (0, {MAX_FRACTION:g}]"
            raise IdimError(message, percent_hint(self.fraction))
        if not _is_finite(self.confidence) or not 0 < self.confidence < 1:
            message = f"confidence: {self.confidence!r} is not between 0 and 1"
            raise IdimError(message, percent_hint(self.confidence))
        if not isinstance(self.seed, Integral) or self.seed < 0:
            raise IdimError(f"seed: {self.seed!r} is not a whole number >= 0")
        self.scale([], [])  # a fixed baseline below a fixed floor is an error already here

    @property
    def name(self) -> str:
        """``d_int90`` for a fraction of 0.9."""
        return d_int(self.fraction)

    def level(self, baseline: float, floor: float = 0.0) -> float:
        """The performance to reach; IdimError for a baseline that is not above the floor."""
        if baseline <= floor:
            message = f"the baseline {baseline:g} is not above the floor {floor:g}"
            raise IdimError(message, "set a lower floor: --floor min or a number, or threshold.floor")
        return floor + self.fraction * (baseline - floor)

    def scale(self, direct: Sequence[float], chances: Sequence[float]) -> tuple[float, float] | None:
        """Floor and level while runs come in; None as long as they are unknown.

        Args:
            direct: performance of the direct runs so far.
            chances: recorded chance performances so far.
        """
        baseline, floor = self.baseline, self.floor
        if baseline == "model" and direct:
            # Not fmean: its last bit would differ, and levels are part of the identity of runs.
            baseline = sum(direct) / len(direct)
        if floor == "chance" and chances:
            floor = max(chances)  # as for a finished sweep, see `Sample.chance`
        if isinstance(baseline, str) or isinstance(floor, str):
            return None
        return floor, self.level(baseline, floor)

    def but(self, **changes: Any) -> Options:
        """The same with other values of some fields; IdimError for an unknown field or value."""
        fields = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in fields:
                raise IdimError(f"{name} is not an option of a reading", did_you_mean(name, fields))
        return dataclasses.replace(self, **changes)


def as_options(options: Options | None) -> Options | None:
    """`options` as they are; IdimError for anything else."""
    if not isinstance(options, Options | None):
        raise IdimError(f"options is {options!r}, not an Options", 'for example Options(rule="first")')
    return options


#: The reading of Li et al. 2018 against the model's own baseline.
PAPER = Options(rule="first", interval="paper")
