"""`report`: a page about results, its figures as files, and the inputs for tables of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from idim_cli.compression.record import Compressed
from idim_cli.core.errors import IdimError
from idim_cli.reports.inputs.collect import Inputs
from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.inputs.result import ResultSet
from idim_cli.reports.page.layout import Layout, layout
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.plots.style import Medium
from idim_cli.thresholds import Options
from idim_cli.thresholds.options import as_options
from idim_cli.thresholds.selection import ALL, Selection

_LARGEST = 100.0  # inches: at 200 dots per inch, a larger PNG has more than 400 megapixels
_SILENCE = 3.0  # seconds between two messages on progress


@dataclass(frozen=True)
class Report:
    """What was written and read.

    Attributes:
        page: the HTML file; None if the default folder cannot be written to.
        figures: the files of the figures, PNG, SVG and PDF.
        inputs: what was read.
        refused: why the default folder cannot be written to.
        undrawn: why groups are not drawn one by one; empty if they are.
    """

    page: Path | None
    figures: tuple[Path, ...]
    inputs: Inputs
    refused: OSError | None = None
    undrawn: str = ""

    @property
    def results(self) -> tuple[ResultSet, ...]:
        """The results with runs, in the order of the paths."""
        return self.inputs.results

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All groups with a reading."""
        return tuple(self.inputs.entries)

    @property
    def compressed(self) -> tuple[Compressed, ...]:
        """The compressed files."""
        return self.inputs.records

    @property
    def error(self) -> IdimError | None:
        """Why no group could be read; None if one could, or if there are single runs or no runs at all.

        The page is written anyway.
        """
        return self.inputs.error


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
            them; several are reported together.
        out: folder of all files; None is next to results.csv, with the figures in a folder of the page's
            name, for several paths ``./report``; if that cannot be written to, nothing is written.
        options: how to read d_int; None is as the recipe of each folder says, else the defaults.
        baseline, fraction, floor, rule, confidence, centre: fields of `Options` that overrule both.
        log: axis of d; None chooses by how d is spread.
        published: points to draw behind: a name that comes with idim, or a CSV of d and performance; None is
            as the recipe of each folder says.
        figures: whether to draw each group; None does so up to `panels.MOST_DRAWN` groups.
        selection: which rows, columns and groups of the tables are read.
        figure_size: width and height of the files of figures in inches; None is 6.4 x 4.8, or taller.
        caption: whether these have their title and small print.
        say: called every few seconds with a message on progress.

    Raises:
        IdimError: a path has no results, or a table, recipe or option is invalid. Nothing is written then.
        OSError: `out` cannot be written to.
    """
    # Imported on use, as `import idim_cli` must load neither pandas nor matplotlib.
    from idim_cli.reports.inputs.collect import collect
    from idim_cli.reports.page import reproduce
    from idim_cli.runs import results

    places = _places(paths)
    if not places:
        raise IdimError("no results to report", "give a results folder, or a CSV of runs")
    # A text such as "false" would count as true.
    if not isinstance(log, bool | None):
        raise IdimError(f"log must be True, False or None, got {log!r}", "None chooses by how d is spread")
    fields = {
        "baseline": baseline, "fraction": fraction, "floor": floor, "rule": rule, "confidence": confidence,
        "centre": centre,
    }  # fmt: skip
    changes = {name: value for name, value in fields.items() if value is not None}
    inputs = collect(places, as_options(options), selection, **changes)
    # Checked before anything is drawn, as drawing may take minutes.
    undrawn, medium = _undrawn(inputs, figures), Medium(size=_size(figure_size), caption=caption)
    given = reproduce.given(options, changes, log, published, selection)
    given += ["--figures"] if figures else []
    given += ["--figure-size", "x".join(f"{side:g}" for side in medium.size)] if medium.size else []
    given += [] if caption else ["--no-caption"]
    if undrawn:
        say(undrawn)
    where = layout(places, None if out is None else results.as_folder(out))
    try:
        return _write(inputs, where, log, published, undrawn, medium, given, say)
    except OSError as error:
        if out is not None:
            raise
        # Results may be on a disk that cannot be written to; their tables are still useful.
        return Report(None, (), inputs, error, undrawn)


def _size(size: Any) -> tuple[float, float] | None:
    if size is None:
        return None
    try:
        width, height = (float(side) for side in size)
    except (TypeError, ValueError) as error:
        raise IdimError(f"figure_size must be two numbers, got {size!r}", "such as (3.3, 2.5)") from error
    # Below an inch, labels fill the whole figure.
    if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
        raise IdimError(f"figure_size must be from 1 to {_LARGEST:g} inches, got {width:g} x {height:g}")
    return width, height


def _places(paths: object) -> list[Path]:
    try:
        return [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]  # type: ignore
    except TypeError as error:
        raise IdimError(f"paths must be a path or a list of paths, got {paths!r}") from error


def _undrawn(inputs: Inputs, figures: bool | None) -> str:
    """Why single groups are not drawn; empty if they are."""
    from idim_cli.reports.page.panels import MOST_DRAWN

    count = sum(len(result.sections) + len(result.unread) for result in inputs.results)
    if figures is None and count > MOST_DRAWN:
        return f"{count:,} groups: figures of each are drawn with `--figures`, which takes longer."
    return "Figures of single groups are drawn with `--figures`." if count and figures is False else ""


def _write(
    inputs: Inputs,
    where: Layout,
    log: bool | None,
    published: str | Path | None,
    undrawn: str,
    medium: Medium,
    given: Sequence[str],
    say: Callable[[str], None],
) -> Report:
    from idim_cli.reports.page import figure_files, page
    from idim_cli.reports.page.compare import compare
    from idim_cli.reports.page.compressed_files import compressed_files
    from idim_cli.reports.page.panels import overlay, panels
    from idim_cli.reports.page.slugs import Slugs

    slugs, several = Slugs(), len(inputs.results) > 1
    behind = [overlay(result, None if published is None else str(published)) for result in inputs.results]
    shown = [
        panel
        for result, points in zip(inputs.results, behind, strict=True)
        for panel in panels(result, points, log, slugs, several=several, drawn=not undrawn)
    ]
    comparison = compare(inputs.entries, [points for points, _ in behind], inputs.stem, undrawn, log, slugs)
    compressed = compressed_files(inputs.records, inputs.stem, slugs)
    charts = [*(chart for panel in shown for chart in panel.charts), *comparison.charts, *compressed.charts]
    figures = _figures(charts, where.figures, medium, say)
    text = page.render(
        inputs, shown, comparison, compressed, layout=where, log=log, undrawn=undrawn, given=given,
        files=[path.relative_to(where.page.parent).as_posix() for path in figures],
    )  # fmt: skip
    # The page replaces the earlier one before the earlier figures go: a page always has its figures.
    before = figure_files.listed_in(where.page)
    _save(where.page, text)
    figure_files.remove(before, figures)
    return Report(where.page, tuple(figures), inputs, undrawn=undrawn)


def _figures(charts: Sequence[Chart], folder: Path, medium: Medium, say: Callable[[str], None]) -> list[Path]:
    written, spoke = [], time.monotonic()
    for done, chart in enumerate(charts):
        if time.monotonic() - spoke >= _SILENCE:
            say(f"{done} of {len(charts)} figures")
            spoke = time.monotonic()
        for kind, content in chart.files(medium).items():
            written.append(folder / f"{chart.slug}.{kind}")
            _save(written[-1], content)
    return written


def _save(path: Path, content: Any) -> None:
    from idim_cli.runs.results import write_atomic

    write_atomic(path, content, durable=False)  # a report can be made again: no need to wait for the disk
