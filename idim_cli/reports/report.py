"""`report`: one page about results, its figures as files, and all that a table of them needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from idim_cli.core.errors import IdimError
from idim_cli.reports.inputs.collect import Found
from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.inputs.records import CompressedRecord
from idim_cli.reports.inputs.result import ResultSet
from idim_cli.reports.page.layout import Layout
from idim_cli.reports.page.panels import Panel
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.plots.style import Form
from idim_cli.thresholds import Options
from idim_cli.thresholds.options import as_options
from idim_cli.thresholds.selection import ALL, Selection

_LARGEST = 100.0  # inches
_PATIENCE = 3.0  # seconds between two signs of life


@dataclass(frozen=True)
class Report:
    """What was written, and what it says.

    Attributes:
        page: the HTML file; None where the usual folder cannot be written to.
        figures: the files of the figures, PNG, SVG and PDF.
        found: what was read.
        refused: why the usual folder cannot be written to.
        undrawn: why groups are not drawn one by one; empty if they are.
    """

    page: Path | None
    figures: tuple[Path, ...]
    found: Found
    refused: OSError | None = None
    undrawn: str = ""

    @property
    def results(self) -> tuple[ResultSet, ...]:
        """What was read of runs, in the order of the paths."""
        return self.found.results

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All groups with a reading."""
        return tuple(self.found.entries)

    @property
    def compressed(self) -> tuple[CompressedRecord, ...]:
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
    floor: float | Literal["chance", "min"] | None = None,
    rule: str | None = None,
    confidence: float | None = None,
    centre: str | None = None,
    log: bool | None = None,
    published: str | Path | None = None,
    figures: bool | None = None,
    selection: Selection = ALL,
    figure_size: tuple[float, float] | None = None,
    caption: bool = True,
    say: Callable[[str], None] = lambda message: None,
) -> Report:
    """Write a page about results, and its figures as PNG, SVG and PDF, in place of an earlier page.

    Args:
        paths: results folders, folders of one run, CSV files of runs, or compressed files and folders of
            them; several come side by side.
        out: folder of all files; None is beside results.csv, with the figures in a folder of the page's name,
            for several paths ``./report``, and nothing is written where that cannot be.
        options: how to read d_int; None is as the recipe of each folder says, else the defaults.
        baseline, fraction, floor, rule, confidence, centre: fields of `Options` that overrule both.
        log: axis of d; None chooses by how d is spread.
        published: points to draw behind: a name that comes with idim, or a CSV of d and performance; None is
            as the recipe of each folder says.
        figures: whether to draw every group for itself; None does so up to `panels.MOST_DRAWN` groups.
        selection: which rows of the tables are read, by which columns and in which groups.
        figure_size: width and height of the files of figures in inches; None is 6.4 x 4.8, and taller ones.
        caption: whether these have their title and small print.
        say: told every few seconds how far it is.

    Raises:
        IdimError: a path holds no results, or a table, recipe or option is wrong. Nothing is written then.
        OSError: `out` cannot be written to.
    """
    from idim_cli.reports.inputs.collect import find
    from idim_cli.reports.page import layout, reproduce
    from idim_cli.runs import results

    places = _places(paths)
    if not places:
        raise IdimError("no results to report", "name a results folder, or a CSV of runs")
    if not isinstance(log, bool | None):
        raise IdimError(f"log is {log!r}", "give True or False; None chooses by how d is spread")
    fields = {
        "baseline": baseline,
        "fraction": fraction,
        "floor": floor,
        "rule": rule,
        "confidence": confidence,
        "centre": centre,
    }
    changes = {name: value for name, value in fields.items() if value is not None}
    found = find(places, as_options(options), selection, **changes)
    undrawn, form = _undrawn(found, figures), Form(size=_size(figure_size), caption=caption)
    given = [*reproduce.given(options, changes, log, published, selection), *_drawn_so(figures, form)]
    if undrawn:
        say(undrawn)
    if out is not None:
        asked = layout.below(results.as_folder(out), places)
        return _write(found, asked, log, published, undrawn, form, given, say)
    try:
        return _write(found, layout.beside(places), log, published, undrawn, form, given, say)
    except OSError as error:  # results may be read where nothing can be written
        return Report(None, (), found, error, undrawn)


def _size(size: Any) -> tuple[float, float] | None:
    if size is None:
        return None
    try:
        width, height = (float(side) for side in size)
    except (TypeError, ValueError) as error:
        raise IdimError(f"figure_size is {size!r}", "give width and height in inches: (3.3, 2.5)") from error
    if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
        raise IdimError(f"a figure of {width:g} x {height:g} inches", f"both must be from 1 to {_LARGEST:g}")
    return width, height


def _drawn_so(figures: bool | None, form: Form) -> list[str]:
    """The command-line options of how figures are drawn."""
    size = ["--figure-size", "x".join(f"{side:g}" for side in form.size)] if form.size else []
    return [*(["--figures"] if figures else []), *size, *([] if form.caption else ["--no-caption"])]


def _places(paths: object) -> list[Path]:
    try:
        return [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]  # type: ignore
    except TypeError as error:
        raise IdimError(f"{paths!r} names no results", "give one path, or a list of them") from error


def _undrawn(found: Found, figures: bool | None) -> str:
    """Why single groups are not drawn; empty if they are."""
    from idim_cli.reports.page.panels import MOST_DRAWN

    count = sum(len(result.sections) + len(result.unread) for result in found.results)
    if figures is None and count > MOST_DRAWN:
        return f"{count:,} groups: figures of each, which take their time, are drawn with `--figures`."
    return "" if figures is not False or not count else "Figures of single groups are drawn with `--figures`."


def _write(
    found: Found,
    where: Layout,
    log: bool | None,
    published: str | Path | None,
    undrawn: str,
    form: Form,
    given: Sequence[str],
    say: Callable[[str], None],
) -> Report:
    from idim_cli.reports.page import figure_files, page
    from idim_cli.reports.page.compare import compare
    from idim_cli.reports.page.compressed_files import files
    from idim_cli.reports.page.panels import overlay, panels
    from idim_cli.reports.page.unique_slugs import apart

    others = [overlay(result, None if published is None else str(published)) for result in found.results]
    shown: list[Panel] = []
    for result, (points, missing) in zip(found.results, others, strict=True):
        shown += panels(result, points, missing, log, len(found.results) > 1, not undrawn)
    taken: set[str] = set()
    shown = apart(shown, taken)
    compared = compare(found.entries, [points for points, _ in others], found.stem, undrawn, log)
    (comparison,) = apart([compared], taken)
    compressed = files(found.records, found.stem, taken)
    charts = [*(chart for panel in shown for chart in panel.charts), *comparison.charts, *compressed.charts]
    figures = _figures(charts, where.figures, form, say)
    names = [path.relative_to(where.page.parent).as_posix() for path in figures]
    text = page.render(
        page.PageContent(found, shown, comparison, compressed, names, log, where, undrawn, given)
    )
    before = figure_files.named(where.page)
    _save(where.page, text)
    figure_files.clear(before, figures)
    return Report(where.page, tuple(figures), found, undrawn=undrawn)


def _figures(charts: Sequence[Chart], folder: Path, form: Form, say: Callable[[str], None]) -> list[Path]:
    written, spoke = [], time.monotonic()
    for done, chart in enumerate(charts):
        if time.monotonic() - spoke >= _PATIENCE:
            say(f"{done} of {len(charts)} figures")
            spoke = time.monotonic()
        for kind, content in chart.files(form).items():
            written.append(folder / f"{chart.slug}.{kind}")
            _save(written[-1], content)
    return written


def _save(path: Path, content: Any) -> None:
    from idim_cli.runs.results import write_atomic

    write_atomic(path, content, durable=False)
