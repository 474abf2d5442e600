"""Tables of the variance by seed, for a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from idim_cli.reports.inputs.section import Section, Unread
from idim_cli.reports.inputs.variance import VarianceShare, VarianceSplit, split
from idim_cli.reports.page.panels import Panel
from idim_cli.thresholds import number


def tables(shown: Sequence[Panel]) -> list[dict[str, Any]]:
    """Tables of the variance splits, one for all groups with the same parts."""
    blocks: dict[tuple[str, ...], dict[str, Any]] = {}
    for panel in shown:
        found = _split(panel.part)
        names = [part.name for part in found.components]
        # Groups with other parts cannot share columns.
        block = blocks.setdefault(
            (found.problem, "" if found.sd is None else "sd", *names),
            {"head": [], "lines": [], "problem": found.problem, "hint": found.hint, "groups": 0},
        )
        block["groups"] += 1
        if found.sd is not None:
            block["head"] = ["group", "sd of one run", "pooled over", *names]
            shares = [_share(found, part) for part in found.components]
            block["lines"].append([panel.heading, number(found.sd), f"{found.at} d", *shares])
    return list(blocks.values())


def _split(part: Section | Unread) -> VarianceSplit:
    """The split of a group; if its table is invalid, the reason as the problem."""
    if part.sample is not None:
        return split(part.sample)
    reason = str(part.error) if isinstance(part, Unread) else ""
    return VarianceSplit(problem=f"{reason[:1].upper()}{reason[1:]}.")


def _share(found: VarianceSplit, part: VarianceShare) -> str:
    """A part of the variance in percent, with its standard error if known."""
    total = sum(other.variance for other in found.components)
    if not total:
        return ""
    error = "" if part.error is None else f" ± {100 * part.error / total:.0f}"
    return f"{100 * part.variance / total:.0f}{error} %"
