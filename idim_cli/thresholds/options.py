"""What a reading rests on: baseline, fraction, rule, interval."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args

from idim_cli.core.errors import IdimError
from idim_cli.core.registry import did_you_mean
from idim_cli.thresholds.rules import GridRule

#: Largest fraction of a baseline that may be asked for.
MOST = 2.0
Rule = Literal[GridRule, "curve"]
Interval = Literal["bootstrap", "paper"]
Centre = Literal["mean", "median"]


def _finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(float(value))


def _positive(value: Any) -> bool:
    return _finite(value) and value > 0


def meant(share: object) -> str:
    """A hint for a share that was given in percent; empty for anything else."""
    percent = isinstance(share, int | float) and not isinstance(share, bool) and 1 < share <= 100
    return f"did you mean {share / 100:g}?" if percent else ""  # type: ignore[operator]


def d_int(fraction: float) -> str:
    """``d_int90`` for a fraction of 0.9."""
    return f"d_int{100 * fraction:g}"


@dataclass(frozen=True)
class Options:
    """How to read d_int; the defaults are argued for in docs/read-the-number.md.

    Attributes:
        baseline: what 100 % means: ``model`` (mean of the direct runs), ``best`` (highest mean of the
            sweep) or a fixed performance.
        floor: where the scale begins, 0 %: a performance, ``chance`` (the recorded performance of a constant
            answer) or ``min`` (lowest mean of the sweep, as for rewards).
        fraction: how far to get from the floor to the baseline.
        rule: see `idim_cli.thresholds.rules.crossings`; ``curve`` fits a smooth curve near the level
            (`idim_cli.thresholds.curve`), and alone makes use of runs that were stopped early.
        confidence: of the interval and of the test for d_int100.
        centre: what stands for the runs at one d, in the value and in its interval; the baseline ``model``
            stays a mean.
        interval: ``bootstrap`` (pooled residuals) or ``paper`` (one run picked at each d, 50 times).
        seed: of the bootstrap's random numbers.
    """

    baseline: float | Literal["model", "best"] = "model"
    fraction: float = 0.9
    floor: float | Literal["chance", "min"] = 0.0
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
        for name, words in (("baseline", ("model", "best")), ("floor", ("chance", "min"))):
            value = getattr(self, name)
            if value not in words and not _finite(value):
                raise IdimError(f"{name}: {value!r} is not known", f"give {', '.join(words)} or a number")
        if not _positive(self.fraction) or self.fraction > MOST:
            raise IdimError(f"fraction: {self.fraction!r} is not in (0, {MOST:g}]", meant(self.fraction))
        if not _positive(self.confidence) or self.confidence >= 1:
            raise IdimError(f"confidence: {self.confidence!r} is not between 0 and 1", meant(self.confidence))
        if not isinstance(self.seed, Integral) or self.seed < 0:
            raise IdimError(f"seed: {self.seed!r} is not a whole number from 0 on")
        if not isinstance(self.baseline, str) and not isinstance(self.floor, str):
            self.level(self.baseline, self.floor)

    @property
    def name(self) -> str:
        """What is read: ``d_int90`` for a fraction of 0.9."""
        return d_int(self.fraction)

    def level(self, baseline: float, floor: float = 0.0) -> float:
        """The performance to reach; IdimError for a baseline that is not above the floor."""
        if baseline <= floor:
            message = f"the baseline {baseline:g} is not above the floor {floor:g}"
            raise IdimError(message, "set a lower floor: --floor min or a number, or threshold.floor")
        return floor + self.fraction * (baseline - floor)

    def but(self, **changes: Any) -> Options:
        """The same with other values of some fields; IdimError for a value or a field that there is not."""
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
