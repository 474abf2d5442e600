"""Readings as plain text of at most 80 columns; every report takes its words and numbers from here."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence

from idim_cli.core.errors import IdimError
from idim_cli.core.plain_text import aligned
from idim_cli.thresholds.reading import Reading

_INDENT = 13
_BASELINES = {"model": "model", "best": "best of the sweep", "fixed": "fixed"}
#: The beginning of the description of a d_int100 test without power.
TOO_WEAK = "the test is too weak"
_DETAILS = ("D", "d_int100", "by test", "paper bars")  # facts that are shown on request
_HEAD = ("reading", "level", "value", "interval", "one run")


def describe(reading: Reading, width: int = 80, detailed: bool = False) -> str:
    """A reading with its protocol: a sentence, then a line or more for each fact.

    Args:
        reading: to describe.
        width: columns; a command is never broken, and may be longer.
        detailed: with d_int100, the paper's bars and D.
    """
    shown = {**facts(reading), reading.name: f"{reading.value_text}, {reading.verdict}"}
    if reading.next_command:
        shown["next"] = reading.next_words
    lines = wrapped(sentence(reading), width, then="  ")
    for key, text in shown.items():
        if detailed or key not in _DETAILS:
            lines += wrapped(text, width, f"  {key:{_INDENT - 3}} ", " " * _INDENT)
    return "\n".join([*lines, *([" " * _INDENT + reading.next_command] if reading.next_command else [])])


def sentence(r: Reading) -> str:
    """``110 of 2,410 numbers (4.6 %) are enough; 95 % interval 96-143``."""
    many = f"{r.d_max if r.value is None else r.value:,}"
    of = f" of {r.D:,} numbers ({_share(r.share)} %)" if r.D and r.share else " numbers"
    verdict = {
        "reached": "are enough",
        "not reached": "are not enough, and more were not tried",
        "reached at the smallest d": "are enough, and fewer were not tried",
    }[r.verdict]
    if r.value is None and r.d_max == r.D:  # there are no more to try
        verdict = "are not enough"
    kind = f"{percent(r.confidence)} % interval"
    return f"{many}{of} {verdict}; " + (f"{kind} {_range(r)}" if r.has_interval else f"no {kind}")


def so_far(r: Reading) -> str:
    """Where d_int lies by the runs so far, without a verdict: ``d_int90 so far: above 64``."""
    ends = {"not reached": f"above {r.d_max:,}", "reached at the smallest d": f"{r.d_min:,} or below"}
    interval = f" ({_range(r)})" if r.has_interval else ""
    return f"{r.name} so far: " + (ends.get(r.verdict) or f"{r.value:,}{interval}")


def facts(reading: Reading) -> dict[str, str]:
    """The result and its protocol, by a short name; facts that do not apply are left out."""
    r = reading
    interval = f"{percent(r.confidence)} % interval {r.interval_text}" if r.has_interval else "no interval"
    every = {
        r.name: f"{r.value_text}; {interval}; {r.verdict}",
        "level": f"{_scale(r)} = {number(r.level)}",
        "baseline": _baseline(r),
        "floor": "" if has_no_floor(r) else f"{r.floor_kind}: {number(r.floor)}",
        "caution": "; ".join(r.cautions),
        "rule": "curve, smooth in log d"
        if r.rule == "curve"
        else f"{r.rule}, {r.centre} of the runs at each d",
        "interval": r.interval,
        "runs": f"{_runs(r)}; seeds that vary: {r.seeds}",
        "coords": r.coords,
        "D": f"{r.D:,}" if r.D else "",
        # For a fraction of 1 the result itself has this name.
        "by test" if r.name == "d_int100" else "d_int100": _plateau(r),
        "paper bars": _bars(r),
        "next": r.next,
    }
    return {key: text for key, text in every.items() if text}


def table(named: Iterable[tuple[str, Reading | IdimError]], width: int = 80) -> str:
    """Readings one below the other: name, level, value, interval, and mean and sd of the one-run readings.

    An error is a number in brackets, with the message below the table.
    """
    rows = list(named)
    reasons = list(dict.fromkeys(r.message for _, r in rows if isinstance(r, IdimError)))
    lines = aligned([_HEAD, *(_row(name, reading, reasons) for name, reading in rows)])
    for index, reason in enumerate(reasons, 1):
        lines += wrapped(reason, width, f"[{index}] ", "    ")
    return "\n".join(lines)


def number(value: float | None) -> str:
    """A performance as text, in the same way everywhere; ``-`` if it is unknown.

    Four decimals, one from ten up; with its power of ten where four decimals would be zero.
    """
    if value is None or not math.isfinite(value):
        return "-"
    if 0 < abs(value) < 5e-5:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def percent(share: float) -> str:
    """A share of one in percent: 95, 99.9."""
    return f"{100 * share:.10g}"


def wrapped(text: str, width: int = 80, first: str = "", then: str = "") -> list[str]:
    """Lines of `text` behind `first` and, from the second on, `then`; long words stay whole."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=then,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def share_text(r: Reading) -> str:
    """The value as a share of D in percent, two digits: 4.6, 0.27, 12; ``> 12`` if it was not reached."""
    if r.share is None:
        return ""
    beyond = {"not reached": "> ", "reached at the smallest d": "<= ", "reached": ""}[r.verdict]
    return f"{beyond}{_share(r.share)}"


def has_no_floor(r: Reading) -> bool:
    """Whether 0 % is a performance of 0, which readings do not mention."""
    return r.floor_kind == "fixed" and r.floor == 0


def _share(share: float) -> str:
    percents = 100 * share
    return f"{percents:.0f}" if percents >= 9.95 else f"{percents:.2g}"


def _range(r: Reading) -> str:
    """``96-143``, or in words where an end lies outside what was tried."""
    ends = r.ends(f"{r.d_min:,} or below", f"above {r.d_max:,}", ",")
    return ("-" if None not in (r.low, r.high) else " to ").join(ends)


def _scale(r: Reading) -> str:
    """``0.9 x 0.9733``, with a floor ``0.1000 + 0.9 x (0.9733 - 0.1000)``."""
    if has_no_floor(r):
        return f"{r.fraction:g} x {number(r.baseline)}"
    sign = "-" if r.floor >= 0 else "+"
    return f"{number(r.floor)} + {r.fraction:g} x ({number(r.baseline)} {sign} {number(abs(r.floor))})"


def _baseline(r: Reading) -> str:
    value = f"{_BASELINES[r.baseline_kind]}: {number(r.baseline)}"
    if r.baseline_kind != "model":
        return value
    sd = f"sd {number(r.baseline_sd)}, " if r.baseline_sd is not None else ""
    return f"{value} ({sd}{r.baseline_runs} direct run{'s' * (r.baseline_runs != 1)})"


def _runs(r: Reading) -> str:
    out = f" ({r.left_out} not ok left out)" if r.left_out else ""
    if r.solved or r.unsolved:
        kinds = ((r.solved, "level reached"), (r.unsolved, "level out of reach"))
        stopped = ", ".join(f"{number} {why}" for number, why in kinds if number)
        return f"{r.runs} to the end, stopped early: {stopped}; d from {r.d_min} to {r.d_max}{out}"
    low, high = min(r.runs_per_d), max(r.runs_per_d)
    each = f"{low}" if low == high else f"{low} to {high}"
    return f"{r.runs}, {each} at each of {len(r.d_values)} d from {r.d_min} to {r.d_max}{out}"


def _plateau(r: Reading) -> str:
    if r.d_int100_sees is None or r.d_int100_test.startswith(TOO_WEAK):
        return f"unknown ({r.d_int100_test})"
    value = str(r.d_int100) if r.d_int100 is not None else f"> {r.d_max}"
    return f"{value}; detects a shortfall of {number(r.d_int100_sees)} or more ({r.d_int100_test})"


def _bars(r: Reading) -> str:
    if r.bootstrap_mean is None:
        return ""
    spreads = [sd for sd in r.performance_sd if sd is not None]
    blue = f"; sd of performance at one d up to {number(max(spreads))}" if spreads else ""
    return f"d_int {_one_run(r)} from one run at each d{blue}"


def _one_run(r: Reading) -> str:
    return "-" if r.bootstrap_mean is None else f"{r.bootstrap_mean:.0f} +- {r.bootstrap_sd:.0f}"


def _row(name: str, r: Reading | IdimError, reasons: Sequence[str]) -> tuple[str, ...]:
    if isinstance(r, IdimError):
        return name, "-", f"[{reasons.index(r.message) + 1}]", "-", "-"
    return name, number(r.level), r.value_text, r.interval_text, _one_run(r)
