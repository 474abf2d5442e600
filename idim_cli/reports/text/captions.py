"""The words of plots: captions, headings, legends, and where their marks lie."""

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
    # An end that is neither known nor open lies on the other side of the grid.
    beyond = float(reading.d_max) if low is None and not reading.low_is_open else -math.inf
    below = float(reading.d_min) if high is None and not reading.high_is_open else math.inf
    return beyond if low is None else float(low), below if high is None else float(high)


def interval_kind(readings: Iterable[Reading]) -> str:
    """``95 % interval``, or ``95 % or 80 % interval`` where the readings differ in their confidence."""
    kinds = dict.fromkeys(f"{percent(reading.confidence)} %" for reading in readings)
    return " ".join(filter(None, (" or ".join(kinds), "interval")))


def solves(performance: float, reading: Reading | None) -> bool:
    """Whether a mean performance reaches the level (the rule ``first`` asks for more than the level)."""
    if reading is None:
        return False
    return performance > reading.level if reading.rule == "first" else performance >= reading.level


def caption(reading: Reading) -> list[str]:
    """The facts of the reading in two sentences: the result, and what it rests on."""
    told = facts(reading)
    result = f"{reading.name}: {told[reading.name]} ({told['interval']})."
    rests_on = ("baseline", "floor", "level", "rule", "runs", "coords")
    protocol = "; ".join(f"{key} {told[key]}" for key in rests_on if key in told)
    return [result, f"{protocol[0].upper()}{protocol[1:]}."]


def heading(label: str, log: bool, width: int) -> str:
    """The line above a plot that names both axes, in as many words as fit."""
    kind = " (log axis)" if log else ""
    choices = (f"{label} against subspace dimension d{kind}", f"{label} against d{kind}")
    fitting = [text for text in choices if len(text) <= width]
    return fitting[0] if fitting else textwrap.fill(choices[-1], width)


def legend(curve: Curve, reading: Reading | None) -> list[tuple[str, str]]:
    """What a plot in the terminal shows, as (mark, text)."""
    lines = lines_of(reading)
    if reading is None or "level" not in lines:
        return [("below", f"{curve.centre} over runs"), *_stopped(curve)]
    solved = {solves(mean, reading) for mean in curve.mean}
    both = reading.low is not None or reading.high is not None
    ends = f" [{reading.interval_text}]" if both else ""
    texts = {
        "below": "below the level" if False in solved else "",
        "solved": "reaches the level" if True in solved else "",
        "baseline": f"baseline {number(lines.get('baseline'))}",
        "level": f"level {number(lines['level'])}",
        "floor": f"floor {number(lines['floor'])}" if "floor" in lines else "",
        "interval": f"{reading.name} {reading.value_text}{ends}",
    }
    marks = [(mark, text) for mark, text in texts.items() if text]
    return [*marks[: len(solved)], *_stopped(curve), *marks[len(solved) :]]


def _stopped(curve: Curve) -> list[tuple[str, str]]:
    """The marks of runs that were stopped early, as far as there are any."""
    found = [("up", "stopped early, level reached") if curve.solved else None]
    found.append(("down", "stopped early, level out of reach") if curve.unsolved else None)
    return [entry for entry in found if entry]
