"""The words of tables and plots: numbers as text, headlines, captions, legends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from idim_cli.report.curve import Curve

if TYPE_CHECKING:
    from idim_cli.threshold import Reading

UNKNOWN = "-"
_BASELINES = {"model": "direct training", "best": "best of the sweep", "fixed": "fixed value"}


def score(value: float | None) -> str:
    """A performance as text: four decimals, one for scores of ten and more; ``-`` if unknown."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def percent(share: float) -> str:
    """A share of one in percent: 95, 99.9."""
    return f"{100 * share:.10g}"


def lines_of(reading: Reading | None) -> dict[str, float]:
    """The performances at which plots draw a line: ``baseline`` and ``level``, as far as they are known."""
    found = {} if reading is None else {"baseline": reading.baseline, "level": reading.level}
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


def solves(performance: float, reading: Reading | None) -> bool:
    """Whether a mean performance reaches the level (the rule ``first`` asks for more than the level)."""
    if reading is None:
        return False
    return performance > reading.level if reading.rule == "first" else performance >= reading.level


def first_solving(curve: Curve, reading: Reading | None) -> int | None:
    """Index of the smallest d of the curve at or above d_int; None when it is not reached."""
    if reading is None or reading.value is None:
        return None
    at_or_above = (index for index, d in enumerate(curve.d) if d >= reading.value)
    return next(at_or_above, None)


def headline(reading: Reading) -> dict[str, str]:
    """The reading, with all that it rests on, as labels and texts; empty ones are left out."""
    texts = {
        reading.name: reading.value_text,
        "interval": f"{reading.interval_text} ({percent(reading.confidence)} %, {reading.interval})",
        "baseline": _baseline(reading),
        "level": f"{score(reading.level)} = {reading.fraction:g} x baseline",
        "rule": reading.rule if reading.centre == "mean" else f"{reading.rule}, of the {reading.centre}",
        "runs": f"{reading.runs}, {_each(reading)}",
        "seeds varied": reading.seeds,
        "D": f"{reading.D:,}" if reading.D else "",
        "verdict": reading.verdict,
        "next": reading.next,
    }
    if not reading.has_interval:
        texts["interval"] = reading.interval
    return {label: text for label, text in texts.items() if text}


def caption(reading: Reading) -> list[str]:
    """The reading in sentences: the result; what it rests on; what to run next, if anything."""
    told = headline(reading)
    protocol = (
        f"Level {told['level']} {told['baseline']}; rule: {told['rule']}; "
        f"{reading.runs} runs, {_each(reading)}; seeds varied: {told['seeds varied']}."
    )
    result = f"{reading.name}: {reading.value_text}, interval {told['interval']}; {reading.verdict}."
    return [result, protocol, *([f"Next: {reading.next}"] if reading.next else [])]


def heading(label: str, log: bool, width: int) -> str:
    """The line above a plot that names both axes, in as many words as fit."""
    kind = " (log axis)" if log else ""
    choices = (f"{label} against subspace dimension d{kind}", f"{label} against d{kind}")
    return next((text for text in choices if len(text) <= width), choices[-1][:width])


def legend(curve: Curve, reading: Reading | None) -> list[tuple[str, str]]:
    """What a plot in the terminal shows, as (mark, text)."""
    lines = lines_of(reading)
    if reading is None or "level" not in lines:
        return [("below", "mean over runs")]
    solved = {solves(mean, reading) for mean in curve.mean}
    both = reading.low is not None or reading.high is not None
    ends = f" [{reading.interval_text}]" if both else ""
    texts = {
        "below": "below the level" if False in solved else "",
        "solved": "reaches the level" if True in solved else "",
        "baseline": f"baseline {score(lines.get('baseline'))}",
        "level": f"level {score(lines['level'])}",
        "interval": f"{reading.name} {reading.value_text}{ends}",
    }
    return [(mark, text) for mark, text in texts.items() if text]


def _baseline(reading: Reading) -> str:
    kind = _BASELINES[reading.baseline_kind]
    if reading.baseline_kind == "model":
        kind += f", {reading.baseline_runs} run{'s' if reading.baseline_runs > 1 else ''}"
    return f"{score(reading.baseline)} ({kind})"


def _each(reading: Reading) -> str:
    least, most = min(reading.runs_per_d), max(reading.runs_per_d)
    each = str(most) if least == most else f"{least} to {most}"
    left_out = f" ({reading.left_out} not ok left out)" if reading.left_out else ""
    return f"{each} at each d{left_out}"
