"""Whether groups side by side were asked for the same: a word where their levels differ."""

from __future__ import annotations

from collections.abc import Sequence

from idim_cli.reports.inputs.entries import Entry
from idim_cli.thresholds import number

AT_ONE = "`--baseline VALUE` reads all of them at one level"


def differ(found: Sequence[Entry]) -> str:
    """A sentence on the smallest and the largest level; empty where all are the same."""
    ordered = sorted(found, key=lambda one: one.section.reading.level)
    if len({number(one.section.reading.level) for one in ordered}) < 2:
        return ""
    ends = (ordered[0], ordered[-1])
    low, high = (f"{number(one.section.reading.level)} ({one.label})" for one in ends)
    return f"Levels differ: from {low} to {high}. A lower level takes fewer dimensions."


def advice(found: Sequence[Entry]) -> str:
    """The same with what to do about it."""
    told = differ(found)
    return f"{told} {AT_ONE}." if told else ""
