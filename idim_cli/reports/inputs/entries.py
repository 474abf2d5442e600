"""All groups of all results of a report, each with a short name that tells it from the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from idim_cli.reports.inputs.result import ResultSet
from idim_cli.reports.inputs.section import Section
from idim_cli.reports.text import captions, columns
from idim_cli.thresholds import labels, number
from idim_cli.thresholds.rows import is_of_coords
from idim_cli.thresholds.text import has_no_floor, percent, share_text

_HEAD = ("problem", "D", "{name}", "% of D", "{interval}", "verdict", "baseline", "level", "rule", "runs")


@dataclass(frozen=True)
class Entry:
    """One group that was read.

    Attributes:
        label: the values in which it differs from the other groups, or from free coordinates; its title if it
            is the only one.
        family: the same without what is said of the model: groups of one family differ in their model alone.
        result, section: where it lies, and what it is.
    """

    label: str
    family: str
    result: ResultSet
    section: Section

    @property
    def told(self) -> str:
        """The reading in a few words."""
        reading = self.section.reading
        interval = f"{captions.interval_kind([reading])} {reading.interval_text}"
        return f"{reading.name} {reading.value_text} ({interval})"


def entries(found: Sequence[ResultSet]) -> list[Entry]:
    """The groups of these results, in their order; those that could not be read are left out."""
    pairs = [(result, section) for result in found for section in result.sections]
    facts = [{"results": result.name, **section.group} for result, section in pairs]
    names = labels.short_names(facts)
    different = labels.differing(facts)
    differing = [key for key in names if key in different or is_of_coords(key)]
    own = [key for key in differing if key != "results"]
    alike = Counter(_words(one, own, names) for one in facts)
    made = []
    for (result, section), one in zip(pairs, facts, strict=True):
        # Names of results that only repeat what the groups say themselves would be told twice.
        keys = own if alike[_words(one, own, names)] == 1 else differing
        family = [key for key in keys if key.partition(".")[0] not in ("model", "config", "results")]
        title = section.title if len(pairs) == 1 else _words(one, keys, names) or section.title
        made.append(Entry(title, _words(one, family, names), result, section))
    return made


def with_results(found: Sequence[Entry]) -> list[Entry]:
    """The same, each group with the name of its result as ``results``, in its title and its label."""
    made = []
    for one in found:
        name, section = one.result.name, one.section
        told = replace(section, group={"results": name, **section.group}, title=f"{name}: {section.title}")
        label = one.label if one.label.startswith(name) else f"{name}: {one.label}"
        made.append(replace(one, label=label, section=told))
    return made


def overview(found: Sequence[Entry]) -> list[list[str]]:
    """A header, and a line of text for each group: its reading with all that it rests on."""
    readings = [one.section.reading for one in found]
    names = dict.fromkeys(reading.name for reading in readings)
    kinds = dict.fromkeys(captions.interval_kind([reading]) for reading in readings)
    interval = "interval" if len(kinds) > 1 else "".join(kinds)
    header = [name.format(name=" or ".join(names), interval=interval) for name in _HEAD]
    return [header, *(_line(one, len(names) > 1, len(kinds) > 1) for one in found)]


def summary(found: Sequence[Entry], width: int) -> str:
    """The same as plain text in as many columns as fit into `width`."""
    rows = overview(found)
    d_int, _, interval = rows[0][2:5]
    going = [
        name
        for name in ("rule", "runs", "baseline", "% of D", "D", "level", "verdict", interval)
        if name != d_int
    ]
    return "\n".join(columns.fitted(rows, width, going))


def cautions(found: Sequence[Entry]) -> list[str]:
    """What speaks against the readings, each once with the groups that it is said of."""
    groups: dict[str, list[str]] = {}
    for one in found:
        for caution in one.section.reading.cautions:
            groups.setdefault(caution, []).append(one.label)
    return [f"Caution: {caution} ({'; '.join(labels)})." for caution, labels in groups.items()]


def _line(one: Entry, named: bool, mixed: bool) -> list[str]:
    """Of one group; with the name of its reading and the confidence of its interval where they are mixed."""
    reading = one.section.reading
    level = f"{percent(reading.confidence)} %: " if mixed and reading.has_interval else ""
    kind = {"model": "own", "best": "best", "fixed": "fixed"}[reading.baseline_kind]
    floor = "" if has_no_floor(reading) else f" from {reading.floor_kind} {number(reading.floor)}"
    early = f" + {reading.solved + reading.unsolved} stopped" if reading.solved or reading.unsolved else ""
    return [
        one.label,
        f"{reading.D:,}" if reading.D else "",
        f"{reading.name} {reading.value_text}" if named else reading.value_text,
        share_text(reading),
        f"{level}{reading.interval_text}",
        reading.verdict,
        f"{kind} {number(reading.baseline)}",
        f"{number(reading.level)} ({reading.fraction:g} x{floor})",
        reading.rule,
        f"{reading.runs}{early} + {reading.baseline_runs} direct",
    ]


def _words(one: Mapping[str, Any], keys: Sequence[str], names: Mapping[str, Mapping[str, str]]) -> str:
    return ", ".join(names[key][str(one[key])] for key in keys if one.get(key) is not None)
