"""`report`: one page about results, its figures as files, and all that a table of them needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from idim_cli.errors import IdimError
from idim_cli.reports.chart import Chart
from idim_cli.reports.entries import Entry
from idim_cli.reports.found import Found
from idim_cli.reports.panels import Panel
from idim_cli.reports.records import Record
from idim_cli.reports.result import Result
from idim_cli.thresholds import Options
from idim_cli.thresholds.options import as_options
from idim_cli.thresholds.selection import ALL, Selection

PAGE = "report.html"
FIGURES = "figures"  # the usual folder, below the results
SEVERAL = Path("report")  # the usual folder for several results
_PATIENCE = 3.0  # seconds between two signs of life


@dataclass(frozen=True)
class Report:
    """What was written, and what it says.

    Attributes:
        page: the HTML file; None where the usual folder cannot be written to.
        figures: the files of the figures, PNG and SVG.
        found: what was read.
        refused: why the usual folder cannot be written to.
    """

    page: Path | None
    figures: tuple[Path, ...]
    found: Found
    refused: OSError | None = None

    @property
    def results(self) -> tuple[Result, ...]:
        """What was read of runs, in the order of the paths."""
        return self.found.results

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All groups with a reading."""
        return tuple(self.found.entries)

    @property
    def compressed(self) -> tuple[Record, ...]:
        """The compressed files."""
        return self.found.records

    @property
    def error(self) -> IdimError | None:
        """Why no group could be read; None if one could, or if no d_int can be asked of what there is.

        The page is written all the same.
        """
        return self.found.error


def report(
    paths: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    options: Options | None = None,
    *,
    baseline: float | Literal["model", "best"] | None = None,
    fraction: float | None = None,
    rule: str | None = None,
    confidence: float | None = None,
    centre: str | None = None,
    log: bool | None = None,
    published: str | Path | None = None,
    figures: bool | None = None,
    selection: Selection = ALL,
    say: Callable[[str], None] = lambda message: None,
) -> Report:
    """Write a page about results, and its figures as PNG and SVG, in place of an earlier page and its own.

    Args:
        paths: results folders, folders of one run, CSV files of runs, or compressed files and folders of
            them; several come side by side.
        out: folder of all files; None is ``figures`` beside the results, for several paths ``./report``, and
            nothing is written where that cannot be.
        options: how to read d_int; None is as the recipe of each folder says, else the defaults.
        baseline, fraction, rule, confidence, centre: fields of `Options` that overrule both.
        log: axis of d; None chooses by how d is spread.
        published: points to draw behind: a name that comes with idim, or a CSV of d and performance; None is
            as the recipe of each folder says.
        figures: whether to draw every group for itself; None does so up to `panels.MOST_DRAWN` groups.
        selection: which rows of the tables are read, by which columns and in which groups.
        say: told every few seconds how far it is.

    Raises:
        IdimError: a path holds no results, or a table, recipe or option is wrong. Nothing is written then.
        OSError: `out` cannot be written to.
    """
    from idim_cli import results
    from idim_cli.reports import redo
    from idim_cli.reports.found import find

    places = _places(paths)
    if not places:
        raise IdimError("no results to report", "name a results folder, or a CSV of runs")
    if not isinstance(log, bool | None):
        raise IdimError(f"log is {log!r}", "give True or False; None chooses by how d is spread")
    fields = {
        "baseline": baseline,
        "fraction": fraction,
        "rule": rule,
        "confidence": confidence,
        "centre": centre,
    }
    changes = {name: value for name, value in fields.items() if value is not None}
    found = find(places, as_options(options), selection, **changes)
    undrawn = _undrawn(found, figures)
    shown = ["--figures"] if figures else []
    given = [*redo.given(options, changes, log, published, selection), *shown]
    if undrawn:
        say(undrawn)
    if out is not None:
        return _write(found, results.as_folder(out), log, published, undrawn, given, say)
    try:
        return _write(found, _folder(places), log, published, undrawn, given, say)
    except OSError as error:  # results may be read where nothing can be written
        return Report(None, (), found, error)


def _places(paths: object) -> list[Path]:
    try:
        return [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]  # type: ignore
    except TypeError as error:
        raise IdimError(f"{paths!r} names no results", "give one path, or a list of them") from error


def _undrawn(found: Found, figures: bool | None) -> str:
    """Why single groups are not drawn; empty if they are."""
    from idim_cli.reports.panels import MOST_DRAWN

    count = sum(len(result.sections) + len(result.unread) for result in found.results)
    if figures is None and count > MOST_DRAWN:
        return f"{count:,} groups: figures of each, which take their time, are drawn with `--figures`."
    return "" if figures is not False or not count else "Figures of single groups are drawn with `--figures`."


def _write(
    found: Found,
    folder: Path,
    log: bool | None,
    published: str | Path | None,
    undrawn: str,
    given: Sequence[str],
    say: Callable[[str], None],
) -> Report:
    from idim_cli.reports import beside, page
    from idim_cli.reports.apart import apart
    from idim_cli.reports.compare import compare
    from idim_cli.reports.files import files
    from idim_cli.reports.panels import overlay, panels

    others = [overlay(result, None if published is None else str(published)) for result in found.results]
    shown: list[Panel] = []
    for result, (points, missing) in zip(found.results, others, strict=True):
        shown += panels(result, points, missing, log, len(found.results) > 1, not undrawn)
    taken: set[str] = set()
    shown = apart(shown, taken)
    compared = compare(found.entries, [points for points, _ in others], found.stem, undrawn)
    (comparison,) = apart([compared], taken)
    compressed = files(found.records, found.stem, taken)
    charts = [*(chart for panel in shown for chart in panel.charts), *comparison.charts, *compressed.charts]
    figures = _figures(charts, folder, say)
    names = [path.name for path in figures]
    text = page.render(page.Content(found, shown, comparison, compressed, names, log, folder, undrawn, given))
    before = beside.named(folder / PAGE)
    _save(folder / PAGE, text)
    beside.clear(before, figures)
    return Report(folder / PAGE, tuple(figures), found)


def _figures(charts: Sequence[Chart], folder: Path, say: Callable[[str], None]) -> list[Path]:
    written, spoke = [], time.monotonic()
    for done, chart in enumerate(charts):
        if time.monotonic() - spoke >= _PATIENCE:
            say(f"{done} of {len(charts)} figures")
            spoke = time.monotonic()
        for kind, content in chart.files().items():
            written.append(folder / f"{chart.slug}.{kind}")
            _save(written[-1], content)
    return written


def _save(path: Path, content: Any) -> None:
    from idim_cli.results import write_atomic

    write_atomic(path, content, durable=False)


def _folder(places: Sequence[Path]) -> Path:
    if len(places) > 1:
        return SEVERAL
    return (places[0] if places[0].is_dir() else places[0].parent) / FIGURES
