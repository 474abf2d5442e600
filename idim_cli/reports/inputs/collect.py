"""All inputs of a report: the runs and the compressed files at the given paths."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idim_cli.compression.record import Compressed
from idim_cli.core.errors import FileError, IdimError
from idim_cli.reports.inputs import records
from idim_cli.reports.inputs.entries import Entry, entries
from idim_cli.reports.inputs.result import ResultSet, load
from idim_cli.runs import results
from idim_cli.thresholds import Options
from idim_cli.thresholds.selection import ALL, Selection


@dataclass(frozen=True)
class Inputs:
    """What was read.

    Attributes:
        places: the paths as given.
        results: those with runs, in their order.
        records: of the compressed files at and below all of them.
        notes: messages about paths and files that were read in part or left out.
    """

    places: tuple[Path, ...]
    results: tuple[ResultSet, ...]
    records: tuple[Compressed, ...]
    notes: tuple[str, ...]

    @property
    def entries(self) -> list[Entry]:
        """All groups with a reading."""
        return entries(self.results)

    @property
    def error(self) -> IdimError | None:
        """Why no group could be read; None if one could, or if there are single runs or no runs at all."""
        if any(result.sections for result in self.results) or all(result.lone for result in self.results):
            return None
        return next((one.error for result in self.results for one in result.unread), None)

    @property
    def stem(self) -> str:
        """First part of the names of files that are about all inputs."""
        if len(self.places) > 1:
            return "all"
        # A report of one result has its name, so that figures of several reports can share a folder.
        return self.results[0].slug if self.results else "compressed"


def collect(
    places: Sequence[Path], options: Options | None, selection: Selection = ALL, **changes: Any
) -> Inputs:
    """Read what is at these paths; `options`, `selection` and `changes` are those of `load`.

    Raises:
        IdimError: there is nothing at one of them, or it cannot be read.
    """
    runs: list[ResultSet] = []
    notes: list[str] = []
    for place in places:
        if not records.is_compressed(place) and results.holds_runs(place):
            runs.append(load(place, options, selection, **changes))
            notes += [f"{place}: {note}" for note in runs[-1].notes]
        elif note := _without_runs(place):
            notes.append(note)
    compressed, faults = records.find(places)
    # Every place has a compressed file, but none can be read.
    if not runs and not compressed:
        raise faults[0]
    # Notes and no errors: one damaged file must not prevent the report on the others.
    notes += [f"left out: {fault}" for fault in faults]
    return Inputs(tuple(places), tuple(_numbered(runs)), tuple(compressed), tuple(notes))


def _without_runs(place: Path) -> str:
    """A note about a path without runs; an error if there is no compressed file, not even a damaged one."""
    if records.is_compressed(place):
        if not records.files(place)[0].exists():
            raise FileError(f"{place} has no record", "write both again with `idim compress`")
        return ""
    if not records.files(place):
        results.read(place)  # raises the error that suggests what might be meant
    return f"no runs at {place}; reporting its compressed files only"


def _numbered(found: Sequence[ResultSet]) -> list[ResultSet]:
    """Results of one name get numbers, because their figures share a folder."""
    seen: Counter[str] = Counter()
    named = []
    for one in found:
        seen[one.slug] += 1
        again = seen[one.slug] > 1
        named.append(dataclasses.replace(one, name=f"{one.name}~{seen[one.slug]}") if again else one)
    return named
