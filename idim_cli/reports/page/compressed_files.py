"""Compressed files on a page: facts, frontiers, and description lengths."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from idim_cli.compression.record import Compressed
from idim_cli.reports.inputs.section import slugged
from idim_cli.reports.page.slugs import Slugs
from idim_cli.reports.plots import bars, frontier
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.tables import compressed, proof

# Columns of the whole table that fit a page; the last of each row only if files differ in them.
_NAMED = ("problem", "model", "projector")
_FIGURES = ("d", "values", "bytes", "measure", "error <= (binomial)", "confidence")
_IF_DIFFERENT = ("projector", "confidence")


@dataclass(frozen=True)
class CompressedFiles:
    """All compressed files of a page.

    Attributes:
        records: in the order of the page.
        labels: of each.
        frontiers: bytes against performance of each; None if too little was tried.
        lengths: their bits as bars; None for fewer than two.
    """

    records: Sequence[Compressed]
    labels: Sequence[str]
    frontiers: Sequence[Chart | None]
    lengths: Chart | None

    @property
    def charts(self) -> list[Chart]:
        """The figures that become files."""
        return [chart for chart in (self.lengths, *self.frontiers) if chart]

    def as_page(self) -> dict[str, Any]:
        """Their tables and facts on the page."""
        head, *lines = _narrow_table(self.records)
        return {
            "head": head,
            "lines": lines,
            "cards": [
                {
                    "heading": label,
                    "bytes": f"{one.bytes:,}",
                    "smaller": f"{one.ratio:,.1f} times smaller than D x 4 = {4 * one.D:,}",
                    "facts": compressed.facts(one),
                    "forms": compressed.forms(one),
                }
                for one, label in zip(self.records, self.labels, strict=True)
            ],
            "assumptions": proof.assumptions(self.records),
        }


def compressed_files(found: Sequence[Compressed], stem: str, slugs: Slugs | None = None) -> CompressedFiles:
    """The files of a page; `stem` begins the names of their figures."""
    slugs, labels = slugs or Slugs(), compressed.labels(found)
    frontiers = [
        frontier.chart(one, slugs.new(slugged(f"{label}-frontier")), label)
        if len(one.trained) >= frontier.ENOUGH
        else None
        for one, label in zip(found, labels, strict=True)
    ]
    return CompressedFiles(
        found, labels, frontiers, bars.description_lengths(found, slugs.new(f"{stem}-bits"))
    )


def _narrow_table(found: Sequence[Compressed]) -> list[list[str]]:
    """The table in so few columns that it fits a telephone; the cards have the rest."""
    columns = dict(zip(compressed.COLUMNS, zip(*compressed.cells(found), strict=True), strict=True))
    for name in _IF_DIFFERENT:
        if len({*columns[name][1:]} - {""}) < 2:
            del columns[name]
    named = [columns[name] for name in _NAMED if name in columns]
    figures = [columns[name] for name in _FIGURES if name in columns]
    # Paths relative to the folder that all files share.
    paths = [one.path.absolute() for one in found]
    common = os.path.commonpath([path.parent for path in paths])
    files = ["file", *(path.relative_to(common).as_posix() for path in paths)]
    lines = zip(files, map(", ".join, zip(*named, strict=True)), *figures, strict=True)
    # A line break between number and percent sign is hard to read in a narrow column.
    return [[cell.replace(" %", "\N{NO-BREAK SPACE}%") for cell in line] for line in lines]
