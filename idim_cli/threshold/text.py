"""Readings as plain text of at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from idim_cli.errors import IdimError
from idim_cli.threshold.reading import Reading

_INDENT = 13


def describe(reading: Reading, width: int = 80) -> str:
    """A reading with everything it rests on: one headline, then ``key  value`` lines."""
    lines = [_headline(reading)]
    for key, value in _facts(reading):
        # An override is one long word: it is kept whole, so that it can be copied.
        first = f"  {key:{_INDENT - 3}} "
        lines += textwrap.wrap(
            value, width, initial_indent=first, subsequent_indent=" " * _INDENT,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)


def table(named: Iterable[tuple[str, Reading | IdimError]]) -> str:
    """Readings side by side: name, level, value, interval, and mean and sd of the one-run readings."""
    head = ("reading", "level", "value", "interval", "one run")
    rows = [head, *(_row(name, reading) for name, reading in named)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join(
        f"{row[0]:{widths[0]}}" + "".join(f"  {row[i]:>{widths[i]}}" for i in range(1, len(head)))
        for row in rows
    )


def number(value: float) -> str:
    """Four significant digits, at least four decimals below 10: ``0.9811``, ``195``."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"


def _headline(r: Reading) -> str:
    interval = r.interval_text if r.has_interval else "no interval"
    wide = f"{100 * r.confidence:g} % interval " if r.has_interval else ""
    equals = "= " if r.verdict == "reached" else ""
    return f"{r.name} {equals}{r.value_text}   {wide}{interval}   {r.verdict}"


def _facts(r: Reading) -> Iterator[tuple[str, str]]:
    yield "baseline", f"{_baseline(r)}; level {r.fraction:g} x {number(r.baseline)} = {number(r.level)}"
    yield "rule", f"{r.rule}, {r.centre} of the runs at each d"
    yield "interval", r.interval
    yield "runs", f"{_runs(r)}; seeds that vary: {r.seeds}"
    yield "d_int100", f"{_plateau(r)} ({r.d_int100_test})"
    if r.bootstrap_mean is not None:
        bars = f"d_int {r.bootstrap_mean:.0f} +- {r.bootstrap_sd:.0f} from one run at each d{_blue(r)}"
        yield "paper bars", bars
    if r.next:
        yield "next", r.next


def _baseline(r: Reading) -> str:
    if r.baseline_kind != "model":
        return f"{r.baseline_kind}: {number(r.baseline)}"
    sd = f"sd {number(r.baseline_sd)}, " if r.baseline_sd is not None else ""
    return f"model: {number(r.baseline)} ({sd}{r.baseline_runs} direct run{'s' * (r.baseline_runs != 1)})"


def _runs(r: Reading) -> str:
    low, high = min(r.runs_per_d), max(r.runs_per_d)
    each = f"{low}" if low == high else f"{low} to {high}"
    out = f" ({r.left_out} rows not ok left out)" if r.left_out else ""
    native = f"; D = {r.D}" if r.D else ""
    return f"{r.runs}, {each} at each of {len(r.d_values)} d from {r.d_min} to {r.d_max}{out}{native}"


def _plateau(r: Reading) -> str:
    if r.d_int100_sees is None:
        return "unknown"
    found = str(r.d_int100) if r.d_int100 is not None else f"> {r.d_max}"
    return f"{found}; sees a shortfall of {number(r.d_int100_sees)} or more"


def _blue(r: Reading) -> str:
    spreads = [sd for sd in r.performance_sd if sd is not None]
    return f"; sd of performance at one d up to {number(max(spreads))}" if spreads else ""


def _row(name: str, r: Reading | IdimError) -> tuple[str, ...]:
    if isinstance(r, IdimError):
        return name, "-", "-", "no direct runs", "-"
    one = "-" if r.bootstrap_mean is None else f"{r.bootstrap_mean:.0f} +- {r.bootstrap_sd:.0f}"
    return name, number(r.level), r.value_text, r.interval_text, one
