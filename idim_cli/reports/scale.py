"""Axes: whether d is better spread on a log axis, where a value lies, and which ticks fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# More decimals than this are rounding noise of a float32 performance.
_MOST_DECIMALS = 8
# Below this ratio of the largest to the smallest d, the smallest ones still have room on a linear axis.
LOG_SPAN = 20.0


def use_log(values: Sequence[float]) -> bool:
    """Whether `values` call for a log axis: a wide span, and more evenly spread by ratio than by step.

    The paper's grids (10 ... 1500, closely spaced around the threshold) span a factor of 150 and are still
    best seen on a linear axis, so the span alone does not decide.
    """
    known = sorted(set(values))
    if not known or known[0] <= 0 or known[-1] < LOG_SPAN * known[0]:
        return False
    low, middle, high = known[0], known[len(known) // 2], known[-1]
    # Where the median lies between the ends, 0..1: the axis on which it is closer to the middle wins.
    by_step = (middle - low) / (high - low)
    by_ratio = math.log(middle / low) / math.log(high / low)
    return abs(by_ratio - 0.5) < abs(by_step - 0.5)


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, `low` < `high`; both above zero if `log`."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Position of `value`: 0 at `low`, 1 at `high`; values outside are clipped to the ends."""
        inside = min(max(value, self.low), self.high)
        if self.log:
            return math.log(inside / self.low) / math.log(self.high / self.low)
        return (inside - self.low) / (self.high - self.low)

    def label(self, value: float) -> str:
        """`value` as text, with enough digits for the span of the axis; in powers of ten if tiny or huge."""
        largest = max(abs(self.low), abs(self.high))
        # Outside of this range, plain decimals would be a row of zeros or overflow the margin of a terminal.
        if largest < 1e-3 or largest >= 1e7:
            return f"{value:.2e}"
        return f"{value:.{min(decimals(self.high - self.low), _MOST_DECIMALS)}f}"

    def ticks(self, fits: Callable[[Sequence[float]], bool]) -> list[float]:
        """The densest round values on the axis for whose labels there is room, as `fits` decides."""
        choices = [*(_log_ticks(self) if self.log else []), *_linear_ticks(self)]
        # One tick alone does not show a scale.
        return next((ticks for ticks in choices if len(ticks) > 1 and fits(ticks)), [])


def around(values: Sequence[float], log: bool = False, margin: float = 0.05) -> Scale:
    """A scale that contains all `values` (at least one), with a margin on both sides, a share of the span."""
    low, high = min(values), max(values)
    # Equal values span nothing: they get a fixed margin, so that the scale has a length.
    if log:
        ratio = (high / low) ** margin if high > low else 2.0
        return Scale(low / ratio, high * ratio, log=True)
    room = (high - low) * margin if high > low else (abs(high) * margin or 0.5)
    return Scale(low - room, high + room)


def d_scale(d: Sequence[float], log: bool, margin: float = 0.05) -> Scale:
    """The scale of the axis of d: a linear one starts at 0 when that costs little."""
    scale = around(d, log, margin)
    if log or (min(d) > max(d) / 2 and len(set(d)) > 1):
        return scale
    # From 0, so that distances from the origin show ratios of d.
    return Scale(0.0, scale.high)


def decimals(span: float) -> int:
    """Decimals that resolve about a hundredth of `span`."""
    return max(0, 2 - math.floor(math.log10(span))) if span > 0 else 3


def labels(ticks: Sequence[float]) -> list[str]:
    """Round values of d as text: 500, 1,000, 1,500; in thousands (k) or millions (M) beyond 10,000."""
    # Decided for all ticks together, so that an axis has no mixture of both forms.
    if max(ticks, default=0.0) < 1e4:
        return [f"{tick:,.0f}" for tick in ticks]
    return [_short(tick) for tick in ticks]


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def _linear_ticks(scale: Scale) -> list[list[float]]:
    top = math.floor(math.log10(scale.high - scale.low))
    # Steps of 1, 2 and 5 are those that people read; smaller ones than these never fit.
    steps = [m * 10.0**power for power in (top - 1, top) for m in (1, 2, 5)]
    return [_multiples(scale, step) for step in steps if step > 0]


def _multiples(scale: Scale, step: float) -> list[float]:
    # The tolerance keeps an end of the axis that is a multiple of `step` up to rounding.
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    digits = 2 - math.floor(math.log10(step))  # 3 * 0.1 is 0.30000000000000004
    return [round(k * step, digits) for k in range(first, last + 1)]


def _log_ticks(scale: Scale) -> list[list[float]]:
    first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    decades = [10.0**power for power in range(first, last + 1)]
    # From dense to sparse, as `Scale.ticks` takes the first that fits.
    every = [[m * ten for ten in decades for m in ms] for ms in ((1, 2, 5), (1, 3))]
    every += [decades[::step] for step in (1, 2, 3)]
    return [[tick for tick in ticks if scale.low <= tick <= scale.high] for ticks in every]
