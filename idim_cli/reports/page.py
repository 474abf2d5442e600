"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.reports import entries, headline, redo, runs, shares, table
from idim_cli.reports.chart import Chart
from idim_cli.reports.compare import Comparison
from idim_cli.reports.entries import Entry
from idim_cli.reports.files import Files
from idim_cli.reports.found import Found
from idim_cli.reports.panels import Panel, prefers_log
from idim_cli.reports.result import Result
from idim_cli.reports.section import Section
from idim_cli.thresholds.text import percent

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_TEMPLATE = "page.html.j2"
_ONE_D = "There is one d alone, so there is nothing to draw against d."
_NO_POINTS = "No run in a subspace has finished, so there is nothing to draw against d."
_NO_CURVES = "No learning curves: they come from metrics.csv in the folders of the runs, which are not there."
_UNREAD = "Without a reading: the lines of baseline and level are missing."


@dataclass(frozen=True)
class Content:
    """All that a page says.

    Attributes:
        found: what was read.
        panels: all its groups.
        comparison: figures of several groups together.
        compressed: its compressed files.
        files: the names of the files of its figures, in its folder.
        log: axis of d that is shown first; None chooses.
        folder: where the page lies.
        undrawn: why single groups are not drawn; empty if they are.
        given: the command-line options that it was asked for with.
    """

    found: Found
    panels: Sequence[Panel]
    comparison: Comparison
    compressed: Files
    files: Sequence[str]
    log: bool | None
    folder: Path
    undrawn: str = ""
    given: Sequence[str] = ()


def render(content: Content) -> str:
    """The page; the same content gives the same bytes."""
    shown, found = _short(content), content.found
    places = _places(found.results)
    return _template().render(
        title=_title(content),
        files=content.files,
        readings=[{**headline.of(panel), "place": places.get(id(panel.part), "")} for panel in shown],
        overview=_overview(found.entries, places),
        log=prefers_log(shown) if content.log is None else content.log,
        panels=[_panel(panel, content.undrawn) for panel in shown],
        undrawn=content.undrawn,
        comparison={name: _figure(one) for name, one in vars(content.comparison).items()},
        splits=shares.tables(shown),
        compressed=_compressed(content.compressed),
        results=[_result(result) for result in found.results],
        read=_read(found.results),
        commands=redo.commands(found, content.folder, content.given),
    )


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("idim_cli.reports", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = _code
    return environment.get_template(_TEMPLATE)


def _code(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


def _short(content: Content) -> list[Panel]:
    """The panels under short headings: the title names what several groups share."""
    labels = {id(one.section): one.label for one in content.found.entries}
    if len(content.panels) == 1:
        return list(content.panels)
    return [replace(panel, heading=_heading(panel, labels.get(id(panel.part)))) for panel in content.panels]


def _heading(panel: Panel, label: str | None) -> str:
    if label is None or panel.part.sample is None or not panel.part.sample.D:
        return label or panel.heading
    return f"{label}, D = {panel.part.sample.D:,}"


def _title(content: Content) -> str:
    if not content.panels:
        problems = dict.fromkeys(f"{one.dataset}, {one.model}" for one in content.found.records)
        return f"Compressed networks: {'; '.join(problems)}"
    one = len(content.panels) == 1
    names = (result.name for result in content.found.results)
    return f"Intrinsic dimension: {content.panels[0].heading if one else ', '.join(names)}"


def _read(found: Sequence[Result]) -> dict[str, str]:
    """What is read, and the share of the baseline that it stands for; of each fraction."""
    fractions = {result.options.name: f"{percent(result.options.fraction)} %" for result in found}
    return {"names": " or ".join(fractions), "shares": " or ".join(fractions.values())}


def _places(found: Sequence[Result]) -> dict[int, str]:
    """Where each group lies, by the id of its section; none where all lie in one place."""
    several = found if len(found) > 1 else ()
    return {id(part): str(one.path) for one in several for part in (*one.sections, *one.unread)}


def _overview(found: Sequence[Entry], places: Mapping[int, str]) -> dict[str, Any] | None:
    if len(found) < 2:
        return None
    head, *lines = entries.overview(found)
    return {"head": head, "lines": lines, "places": [places.get(id(one.section), "") for one in found]}


def _figure(chart: Chart | str | None, missing: str = "") -> dict[str, str]:
    """A figure with its words, or the sentence that stands in its place."""
    if isinstance(chart, Chart):
        return {"svg": chart.inline(), "note": chart.note, "missing": ""}
    return {"svg": "", "note": "", "missing": chart or missing}


def _compressed(shown: Files) -> dict[str, Any]:
    """What is said of compressed files; nothing without any."""
    if not shown.files:
        return {}
    drawn = [{"label": one.label, **_figure(one.frontier)} for one in shown.files if one.frontier]
    return {**shown.as_page(), "lengths": _figure(shown.lengths), "frontiers": drawn}


def _panel(panel: Panel, undrawn: str) -> dict[str, Any]:
    part = panel.part
    one_d = part.sample is not None and len(part.sample.tried) == 1
    no_points = "" if undrawn else _ONE_D if one_d else _NO_POINTS
    return {
        "heading": panel.heading,
        "linear": _figure(panel.linear, no_points),
        "log": _figure(panel.log, no_points),
        "learning": _figure(panel.learning, undrawn or _NO_CURVES),
        "behind": panel.behind if panel.linear else "",
        "unread": "" if isinstance(part, Section) else _UNREAD,
        "cells": table.cells(part) if isinstance(part, Section) else [],
        "performance": part.sample.measure if part.sample else "performance",
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "path": str(result.path),
        "head": runs.head(result),
        "lines": runs.lines(result),
        "recipe": result.recipe,
        "environment": redo.environment(result),
    }
