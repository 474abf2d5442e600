"""The words of plots: captions, headings, legends, and the places of their lines."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from idim_cli.reports.points import Curve
from idim_cli.thresholds import facts, number
from idim_cli.thresholds.text import has_no_floor, percent

if TYPE_CHECKING:
    from idim_cli.thresholds import Reading

_PROTOCOL = (
    "baseline",
    "floor",
    "level",
    "rule",
    "runs",
    "coords",
)  # facts in a caption


def lines_of(reading: Reading | None) -> dict[str, float]:
    """The performances at which plots draw a line: ``baseline``, ``level`` and a ``floor`` other than 0."""
    found = {} if reading is None else {"baseline": reading.baseline, "level": reading.level}
    if reading is not None and not has_no_floor(reading):
        found["floor"] = reading.floor
    return {key: height for key, height in found.items() if math.isfinite(height)}


def interval_ends(reading: Reading | None) -> tuple[float, float] | None:
    """Ends of the interval of d_int, infinite where the runs do not bound it; None if there is none."""
    if reading is None or not reading.has_interval:
        return None
    low, high = reading.low, reading.high
    # An end that is neither known nor open is beyond the other end of the grid.
    beyond = float(reading.d_max) if low is None and not reading.low_is_open else -math.inf
    below = float(reading.d_min) if high is None and not reading.high_is_open else math.inf
    return beyond if low is None else float(low), below if high is None else float(high)


def interval_kind(readings: Iterable[Reading]) -> str:
    """``95 % interval``, or ``95 % or 80 % interval`` where the readings differ in their confidence."""
    kinds = dict.fromkeys(f"{percent(reading.confidence)} %" for reading in readings)
    return " ".join(filter(None, (" or ".join(kinds), "interval")))


def interval(reading: Reading) -> str:
    """``95 % interval 580 .. 690``."""
    return f"{interval_kind([reading])} {reading.interval_text}"


def solves(performance: float, reading: Reading | None) -> bool:
    """Whether a mean performance reaches the level; the rule ``first`` needs more than the level."""
    if reading is None:
        return False
    return performance > reading.level if reading.rule == "first" else performance >= reading.level


def caption(reading: Reading) -> list[str]:
    """The facts of the reading in two sentences: the result, and its protocol."""
    known = facts(reading)
    result = f"{reading.name}: {known[reading.name]} ({known['interval']})."
    protocol = "; ".join(f"{key} {known[key]}" for key in _PROTOCOL if key in known)
    return [result, f"{protocol[0].upper()}{protocol[1:]}."]


def heading(label: str, log: bool, width: int) -> str:
    """The line above a plot that names both axes, in as many words as fit."""
    kind = " (log axis)" if log else ""
    short = f"{label} against d{kind}"
    # The last one is wrapped, and always used if nothing fits.
    choices = [f"{label} against subspace dimension d{kind}", short, textwrap.fill(short, width)]
    return next((text for text in choices if len(text) <= width), choices[-1])


def legend(curve: Curve, reading: Reading | None) -> list[tuple[str, str]]:
    """The entries of a plot in the terminal as (mark, text)."""
    stopped = [("up", "stopped early, level reached")] if curve.solved else []
    stopped += [("down", "stopped early, level out of reach")] if curve.unsolved else []
    lines = lines_of(reading)
    if reading is None or "level" not in lines:
        return [("below", f"{curve.centre} over runs"), *stopped]
    solved = {solves(mean, reading) for mean in curve.mean}
    points = [("below", "below the level")] if False in solved else []
    points += [("solved", "reaches the level")] if True in solved else []
    # With one open end, the value text says as much as the interval.
    both = reading.low is not None or reading.high is not None
    ends = f" [{reading.interval_text}]" if both else ""
    return [
        *points,
        *stopped,
        ("baseline", f"baseline {number(lines.get('baseline'))}"),
        ("level", f"level {number(lines['level'])}"),
        *([("floor", f"floor {number(lines['floor'])}")] if "floor" in lines else []),
        ("interval", f"{reading.name} {reading.value_text}{ends}"),
    ]
