"""The paths of the files of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from idim_cli.reports.inputs.section import slugged
from idim_cli.runs.results import COMPRESSED

_SEVERAL = Path("report")  # the default folder for several results
_MOST_NAMED = 3  # results in the name of a page: more would exceed what file systems allow


@dataclass(frozen=True)
class Layout:
    """The paths of the files.

    Attributes:
        page: the HTML file.
        figures: the folder of the figures.
        out: the requested folder; None is the default.
    """

    page: Path
    figures: Path
    out: Path | None = None


def layout(places: Sequence[Path], out: Path | None = None) -> Layout:
    """Page and figures in `out`; by default next to results.csv, with the figures in a folder of its name."""
    folder = _SEVERAL if out is None and len(places) > 1 else out
    if folder is not None:
        return Layout(folder / page_name(places), folder, out)
    page = (places[0] if places[0].is_dir() else places[0].parent) / page_name(places)
    return Layout(page, page.with_suffix(""))


def page_name(places: Sequence[Path]) -> str:
    """The name of a page about these results: ``mnist-fc-report.html``."""
    names = [slugged(_stem(place)) or "results" for place in places]
    more = [f"and-{len(names) - _MOST_NAMED + 1}-more"] if len(names) > _MOST_NAMED else []
    return "-".join([*names[: _MOST_NAMED - len(more)], *more, "report.html"])


def _stem(place: Path) -> str:
    name = place.resolve().name
    return name if place.is_dir() else name.partition(COMPRESSED)[0].removesuffix(".csv")
