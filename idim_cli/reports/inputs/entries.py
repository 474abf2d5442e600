"""All groups of all results of a report, each with a short label that is unique in the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from idim_cli.core.plain_text import aligned
from idim_cli.reports.inputs.result import ResultSet
from idim_cli.reports.inputs.section import Section
from idim_cli.reports.text import captions
from idim_cli.thresholds import Reading, labels, number
from idim_cli.thresholds.rows import is_of_coords
from idim_cli.thresholds.text import has_no_floor, percent, share_text

# On a narrow terminal: the protocol goes first, then the context; problem and d_int always stay.
_FIRST_TO_GO = ("rule", "runs", "baseline", "% of D", "D", "level", "verdict")
# Shorter than the words of recipes, because the column has to fit a terminal.
_BASELINES = {"model": "own", "best": "best", "fixed": "fixed"}


@dataclass(frozen=True)
class Entry:
    """One group that was read.

    Attributes:
        label: the values in which it differs from the other groups, or from free coordinates; its title if it
            is the only one.
        family: the same without the keys of the model: groups of one family differ in their model alone.
        result, section: the results it belongs to, and its runs and reading.
    """

    label: str
    family: str
    result: ResultSet
    section: Section

    @property
    def reading(self) -> Reading:
        """Its d_int."""
        return self.section.reading

    @property
    def in_words(self) -> str:
        """The reading in a few words."""
        return f"{self.reading.name} {self.reading.value_text} ({captions.interval(self.reading)})"


def entries(found: Sequence[ResultSet]) -> list[Entry]:
    """The groups of these results, in their order; those that could not be read are left out."""
    pairs = [(result, section) for result in found for section in result.sections]
    groups = [{"results": result.name, **section.group} for result, section in pairs]
    names = labels.short_names(groups)
    different = labels.differing(groups)
    # How coordinates are restricted is always said, because it changes the meaning of d_int.
    differing = [key for key in names if key in different or is_of_coords(key)]
    own = [key for key in differing if key != "results"]
    alike = Counter(_words(group, own, names) for group in groups)
    made = []
    for (result, section), group in zip(pairs, groups, strict=True):
        # The name of the results is left out where the group's own values identify it already.
        keys = own if alike[_words(group, own, names)] == 1 else differing
        # `config` identifies the whole problem, so it differs whenever the model does.
        family = [key for key in keys if key.partition(".")[0] not in ("model", "config", "results")]
        title = section.title if len(pairs) == 1 else _words(group, keys, names) or section.title
        made.append(Entry(title, _words(group, family, names), result, section))
    return made


def with_results(found: Sequence[Entry]) -> list[Entry]:
    """The same, each group with the name of its result as ``results``, in its title and its label."""
    made = []
    for one in found:
        name, old = one.result.name, one.section
        section = replace(old, group={"results": name, **old.group}, title=f"{name}: {old.title}")
        # Labels already begin with the name if groups of several results look the same.
        label = one.label if one.label.startswith(name) else f"{name}: {one.label}"
        made.append(replace(one, label=label, section=section))
    return made


def overview(found: Sequence[Entry]) -> list[list[str]]:
    """A header, and a line of text for each group: its reading and the protocol."""
    names = dict.fromkeys(one.reading.name for one in found)
    kinds = dict.fromkeys(captions.interval_kind([one.reading]) for one in found)
    # The name of the reading and the confidence are in the header, or in each cell where they are mixed.
    lines = [_line(one, len(names) > 1, len(kinds) > 1) for one in found]
    interval = "interval" if len(kinds) > 1 else "".join(kinds)
    return [[interval if key == "interval" else key.format(" or ".join(names)) for key in lines[0]]] + [
        list(line.values()) for line in lines
    ]


def summary(found: Sequence[Entry], width: int) -> str:
    """The same as plain text in as many columns as fit into `width`."""
    rows = overview(found)
    d_int, interval = rows[0][2], rows[0][4]
    # A reading of 100 % may have the name of a column that would be dropped.
    going = [name for name in (*_FIRST_TO_GO, interval) if name != d_int]
    return "\n".join(aligned(rows, width, going))


def cautions(found: Sequence[Entry]) -> list[str]:
    """The cautions of all readings, each once with the groups that it applies to."""
    groups: dict[str, list[str]] = {}
    for one in found:
        for caution in one.reading.cautions:
            groups.setdefault(caution, []).append(one.label)
    return [f"Caution: {caution} ({'; '.join(labels)})." for caution, labels in groups.items()]


def level_note(found: Sequence[Entry]) -> str:
    """A sentence on the smallest and the largest level; empty where all are the same."""
    ordered = sorted(found, key=lambda one: one.reading.level)
    if len({number(one.reading.level) for one in ordered}) < 2:
        return ""
    low, high = (f"{number(one.reading.level)} ({one.label})" for one in (ordered[0], ordered[-1]))
    return f"Levels differ: from {low} to {high}. A lower level takes fewer dimensions."


def level_advice(found: Sequence[Entry]) -> str:
    """The same with what to do about it."""
    note = level_note(found)
    return f"{note} `--baseline VALUE` reads all of them at one level." if note else ""


def _line(one: Entry, named: bool, mixed: bool) -> dict[str, str]:
    """The cells of one group by column; {} in a key is the name of the reading."""
    reading = one.reading
    # A reading without an interval has no confidence to state.
    confidence = f"{percent(reading.confidence)} %: " if mixed and reading.has_interval else ""
    floor = "" if has_no_floor(reading) else f" from {reading.floor_kind} {number(reading.floor)}"
    early = f" + {reading.solved + reading.unsolved} stopped" if reading.solved or reading.unsolved else ""
    return {
        "problem": one.label,
        "D": f"{reading.D:,}" if reading.D else "",
        "{}": f"{reading.name} {reading.value_text}" if named else reading.value_text,
        "% of D": share_text(reading),
        "interval": f"{confidence}{reading.interval_text}",
        "verdict": reading.verdict,
        "baseline": f"{_BASELINES[reading.baseline_kind]} {number(reading.baseline)}",
        "level": f"{number(reading.level)} ({reading.fraction:g} x{floor})",
        "rule": reading.rule,
        "runs": f"{reading.runs}{early} + {reading.baseline_runs} direct",
    }


def _words(one: Mapping[str, Any], keys: Sequence[str], names: Mapping[str, Mapping[str, str]]) -> str:
    return ", ".join(names[key][str(one[key])] for key in keys if one.get(key) is not None)
