"""All that lies at the places that a report is asked for: runs, and compressed files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idim_cli.core.errors import FileError, IdimError
from idim_cli.reports.inputs import records
from idim_cli.reports.inputs.entries import Entry, entries
from idim_cli.reports.inputs.records import CompressedRecord
from idim_cli.reports.inputs.result import ResultSet, load
from idim_cli.runs import results
from idim_cli.thresholds import Options
from idim_cli.thresholds.selection import ALL, Selection


@dataclass(frozen=True)
class Found:
    """What was read.

    Attributes:
        places: as they were given.
        results: those with runs, in their order.
        records: of the compressed files at and below all of them.
        notes: what is said of places and files that are not read as they might be.
    """

    places: tuple[Path, ...]
    results: tuple[ResultSet, ...]
    records: tuple[CompressedRecord, ...]
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
        """How names of files begin that are about all of it."""
        if len(self.places) == 1:
            return self.results[0].slug if self.results else "compressed"
        return "all"


def find(
    places: Sequence[Path], options: Options | None, selection: Selection = ALL, **changes: Any
) -> Found:
    """Read what lies at these places; `options`, `selection` and `changes` are those of `load`.

    Raises:
        IdimError: there is nothing at one of them, or it cannot be read.
    """
    runs: list[ResultSet] = []
    notes: list[str] = []
    for place in places:
        if not records.alone(place) and results.holds_runs(place):
            runs.append(load(place, options, selection, **changes))
            notes += [f"{place}: {note}" for note in runs[-1].notes]
        elif note := _compressed_alone(place):
            notes.append(note)
    found, faults = records.find(places)
    if not runs and not found:
        raise faults[0]
    notes += [f"left out: {fault}" for fault in faults]
    return Found(tuple(places), tuple(_named_apart(runs)), tuple(found), tuple(notes))


def _compressed_alone(place: Path) -> str:
    """A note on a place without runs; an error where no compressed file, not even a damaged one, lies."""
    if records.alone(place):
        if not records.files(place)[0].exists():
            raise FileError(
                f"no record of a compressed file at {str(place)!r}", "`idim compress` writes both"
            )
        return ""
    if not records.files(place):
        results.read(place)  # which says what might be meant
    return f"no runs at {place}: its compressed files are all there is to report"


def _named_apart(found: Sequence[ResultSet]) -> list[ResultSet]:
    """Results of one name get numbers: their figures lie in one folder."""
    named: list[ResultSet] = []
    for one in found:
        again = sum(1 for other in found[: len(named)] if other.slug == one.slug)
        named.append(dataclasses.replace(one, name=f"{one.name}~{again + 1}") if again else one)
    return named
