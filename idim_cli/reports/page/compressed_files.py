"""What a page shows of compressed files: facts, frontiers, and description lengths side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from idim_cli.reports.inputs.records import CompressedRecord
from idim_cli.reports.inputs.section import slugged
from idim_cli.reports.page.unique_slugs import apart
from idim_cli.reports.plots import frontier, lengths
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.tables import compressed, proof

# Of the columns of the whole table, those of a page; of the last two only where files differ in them.
_NAMED = ("problem", "model")
_FIGURES = ("d", "values", "bytes", "measure", "error <= (binomial)")
_PROJECTOR, _SURE = "projector", "sure"


@dataclass(frozen=True)
class File:
    """One compressed file.

    Attributes:
        record: what is known of it.
        label: what tells it from the others.
        frontier: bytes against performance; None where too little was tried.
    """

    record: CompressedRecord
    label: str
    frontier: Chart | None


@dataclass(frozen=True)
class Files:
    """All compressed files of a page.

    Attributes:
        files: in the order in which they were found.
        lengths: their bits as bars; None for fewer than two.
    """

    files: Sequence[File]
    lengths: Chart | None

    @property
    def charts(self) -> list[Chart]:
        """The figures that become files."""
        every = [self.lengths, *(one.frontier for one in self.files)]
        return [chart for chart in every if isinstance(chart, Chart)]

    def as_page(self) -> dict[str, Any]:
        """What the page says of them."""
        found = [one.record for one in self.files]
        head, *lines = _fitting(found)
        return {
            "head": head,
            "lines": lines,
            "cards": [_card(one) for one in self.files],
            "rests_on": proof.rests_on(found),
        }


def _fitting(found: Sequence[CompressedRecord]) -> list[list[str]]:
    """The table in so few columns that it fits: file, problem and model, then figures. The cards say all."""
    columns = dict(zip(compressed.COLUMNS, zip(*compressed.cells(found), strict=True), strict=True))
    differ = {name for name, cells in columns.items() if len({*cells[1:]} - {""}) > 1}
    named = [columns[name] for name in (*_NAMED, *({_PROJECTOR} & differ))]
    figures = [columns[name] for name in (*_FIGURES, *({_SURE} & differ))]
    lines = zip(["file", *_names(found)], map(", ".join, zip(*named, strict=True)), *figures, strict=True)
    return [[cell.replace(" %", "\N{NO-BREAK SPACE}%") for cell in line] for line in lines]


def _names(found: Sequence[CompressedRecord]) -> list[str]:
    """The paths from the folder on that all files have in common."""
    paths = [one.path.absolute() for one in found]
    common = os.path.commonpath([path.parent for path in paths])
    return [path.relative_to(common).as_posix() for path in paths]


def _card(one: File) -> dict[str, Any]:
    record = one.record
    return {
        "heading": one.label,
        "bytes": f"{record.bytes:,}",
        "smaller": f"{record.ratio:,.1f} times smaller than D x 4 = {4 * record.D:,}",
        "facts": compressed.facts(record),
        "forms": compressed.forms(record),
    }


def files(found: Sequence[CompressedRecord], stem: str, taken: set[str]) -> Files:
    """The files of a page; `stem` begins the names of their figures, which are told from those `taken`."""
    made = [_file(one, label) for one, label in zip(found, compressed.labels(found), strict=True)]
    (whole,) = apart([Files(apart(made, taken), lengths.chart(found, f"{stem}-bits"))], taken)
    return whole


def _file(one: CompressedRecord, label: str) -> File:
    drawn = len(one.trained) >= frontier.ENOUGH
    slug = slugged(f"{label}-frontier")
    return File(one, label, frontier.chart(one, slug, label) if drawn else None)
