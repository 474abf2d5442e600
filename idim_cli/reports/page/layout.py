"""Where the files of a report lie, and what the page is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from idim_cli.reports.inputs.section import slugged
from idim_cli.runs.results import COMPRESSED

_SEVERAL = Path("report")  # the usual folder for several results
_MOST_NAMED = 3  # results that the name of a page tells
_ENDING = "report.html"


@dataclass(frozen=True)
class Layout:
    """Where the files lie.

    Attributes:
        page: the HTML file.
        figures: the folder of the figures.
        out: the folder that was asked for; None is the usual place.
    """

    page: Path
    figures: Path
    out: Path | None = None


def below(out: Path, places: Sequence[Path]) -> Layout:
    """Page and figures in one folder."""
    return Layout(out / name(places), out, out)


def beside(places: Sequence[Path]) -> Layout:
    """The usual place: the page beside results.csv, and its figures in a folder of its name."""
    if len(places) > 1:
        return Layout(_SEVERAL / name(places), _SEVERAL)
    page = (places[0] if places[0].is_dir() else places[0].parent) / name(places)
    return Layout(page, page.with_suffix(""))


def name(places: Sequence[Path]) -> str:
    """The name of a page about these results: ``mnist-fc-report.html``."""
    names = [slugged(_stem(place)) or "results" for place in places]
    more = [f"and-{len(names) - _MOST_NAMED + 1}-more"] if len(names) > _MOST_NAMED else []
    return "-".join([*names[: _MOST_NAMED - len(more)], *more, _ENDING])


def _stem(place: Path) -> str:
    found = place.resolve().name
    return found if place.is_dir() else found.partition(COMPRESSED)[0].removesuffix(".csv")
