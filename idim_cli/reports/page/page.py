"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from idim_cli.reports.inputs import entries, levels, provenance
from idim_cli.reports.inputs.collect import Found
from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.inputs.result import ResultSet
from idim_cli.reports.inputs.section import Section, Unread
from idim_cli.reports.page import glossary, headline, reproduce, shares
from idim_cli.reports.page.compare import Comparison
from idim_cli.reports.page.compressed_files import Files
from idim_cli.reports.page.layout import Layout
from idim_cli.reports.page.panels import Panel, prefers_log
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.tables import group_table, runs
from idim_cli.thresholds.text import facts, percent, sentence

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_TEMPLATE = "page.html.j2"
_MOST_CARDS = 50  # groups that are told one by one, beside those that cannot be read
_SHORT_CODE = 32  # characters
_MOST_RUNS = 2000  # rows of the table of all runs: a browser sorts no more with ease
_UNREAD = "Without a reading: the lines of baseline and level are missing."


@dataclass(frozen=True)
class PageContent:
    """All that a page says.

    Attributes:
        found: what was read.
        panels: all its groups.
        comparison: figures of several groups together.
        compressed: its compressed files.
        files: the names of the files of its figures, in its folder.
        log: axis of d that is shown first; None chooses.
        where: where its files lie.
        undrawn: why single groups are not drawn; empty if they are.
        given: the command-line options that it was asked for with.
    """

    found: Found
    panels: Sequence[Panel]
    comparison: Comparison
    compressed: Files
    files: Sequence[str]
    log: bool | None
    where: Layout
    undrawn: str = ""
    given: Sequence[str] = ()


def render(content: PageContent) -> str:
    """The page; the same content gives the same bytes."""
    shown, found = _short(content), content.found
    places = _places(found.results)
    told = [_result(result) for result in found.results]
    return _template().render(
        title=_title(content),
        lead=_lead(shown),
        terms=glossary.terms(found.entries, _facts(shown)),
        files=content.files,
        made=_made(found.results),
        written=provenance.written(),
        readings=[{**headline.of(one), "place": places.get(id(one.part), "")} for one in _told(shown)],
        overview=_overview(found.entries, places),
        log=prefers_log(shown) if content.log is None else content.log,
        several=len(shown) > 1,
        panels=[one for one in map(_panel, shown) if any(one["charts"]) or one["behind"]],
        undrawn=content.undrawn,
        comparison={name: _figure(one) for name, one in vars(content.comparison).items()},
        splits=_splits(shown),
        compressed=_compressed(content.compressed),
        results=told,
        runs=any(one["lines"] or one["left_out"] for one in told),
        read=_read(found.results),
        commands=reproduce.commands(found, content.where.out, content.given),
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
    return Markup("").join(_piece(p) if i % 2 else p for i, p in enumerate(parts))


def _piece(text: Markup) -> Markup:
    """Short code stays in one line: a browser would break it behind a hyphen."""
    from markupsafe import Markup

    short = Markup(' class="short"') if len(text) <= _SHORT_CODE else Markup("")
    return Markup("<code{}>{}</code>").format(short, text)


def _short(content: PageContent) -> list[Panel]:
    """The panels under short headings: the title names what several groups share."""
    labels = {id(one.section): one.label for one in content.found.entries}
    if len(content.panels) == 1:
        return list(content.panels)
    return [replace(panel, heading=_heading(panel, labels.get(id(panel.part)))) for panel in content.panels]


def _heading(panel: Panel, label: str | None) -> str:
    if label is None or panel.part.sample is None or not panel.part.sample.D:
        return label or panel.heading
    return f"{label}, D = {panel.part.sample.D:,}"


def _title(content: PageContent) -> str:
    if not content.panels:
        problems = dict.fromkeys(f"{one.dataset}, {one.model}" for one in content.found.records)
        return f"Compressed networks: {'; '.join(problems)}"
    one = len(content.panels) == 1
    names = (result.name for result in content.found.results)
    return f"Intrinsic dimension: {content.panels[0].heading if one else ', '.join(names)}"


def _lead(shown: Sequence[Panel]) -> str:
    """The result of the only group in a sentence; empty where there are several, or none was read."""
    alone = shown[0].part if len(shown) == 1 else None
    return f"{sentence(alone.reading)}." if isinstance(alone, Section) else ""


def _facts(shown: Sequence[Panel]) -> set[str]:
    """The names of what stands beside readings."""
    return {name for one in shown if isinstance(one.part, Section) for name in facts(one.part.reading)}


def _read(found: Sequence[ResultSet]) -> dict[str, str]:
    """What is read, and the share of the baseline that it stands for; of each fraction."""
    fractions = {result.options.name: f"{percent(result.options.fraction)} %" for result in found}
    return {"names": " or ".join(fractions), "shares": " or ".join(fractions.values())}


def _places(found: Sequence[ResultSet]) -> dict[int, str]:
    """Where each group lies, by the id of its section; none where all lie in one place."""
    several = found if len(found) > 1 else ()
    return {id(part): str(one.path) for one in several for part in (*one.sections, *one.unread)}


def _overview(found: Sequence[Entry], places: Mapping[int, str]) -> dict[str, Any] | None:
    if len(found) < 2:
        return None
    head, *lines = entries.overview(found)
    at = [places.get(id(one.section), "") for one in found]
    return {"head": head, "lines": lines, "places": at, "levels": levels.advice(found)}


def _told(shown: Sequence[Panel]) -> Sequence[Panel]:
    """The groups that are told one by one: all, or those alone that cannot be read where there are many."""
    if len(shown) <= _MOST_CARDS:
        return shown
    return [one for one in shown if isinstance(one.part, Unread)][:_MOST_CARDS]


def _splits(shown: Sequence[Panel]) -> list[dict[str, Any]]:
    """Tables of the variance by seed, as far as it can be told; none where groups are many."""
    found = shares.tables(shown) if len(shown) <= _MOST_CARDS else []
    return [one for one in found if one["lines"]]


def _made(found: Sequence[ResultSet]) -> list[dict[str, str]]:
    """Of each result when its runs ended, and the idim that made them; empty where nothing says so."""
    return [
        {"name": one.name, "ended": provenance.ended(one), "idim": provenance.versions(one)} for one in found
    ]


def _figure(chart: Chart | None) -> dict[str, str] | None:
    """A figure with its words."""
    return {"svg": chart.inline(), "note": chart.note} if chart else None


def _compressed(shown: Files) -> dict[str, Any]:
    """What is said of compressed files; nothing without any."""
    if not shown.files:
        return {}
    drawn = [{"label": one.label, **(_figure(one.frontier) or {})} for one in shown.files if one.frontier]
    return {**shown.as_page(), "lengths": _figure(shown.lengths), "frontiers": drawn}


def _panel(panel: Panel) -> dict[str, Any]:
    part = panel.part
    charts = [_figure(one) for one in (panel.linear, panel.log, panel.learning)]
    return {
        "heading": panel.heading,
        "charts": charts,
        **dict(zip(("linear", "log", "learning"), charts, strict=True)),
        "behind": panel.behind if panel.linear else "",
        "unread": "" if isinstance(part, Section) else _UNREAD,
        "cells": group_table.cells(part) if isinstance(part, Section) else [],
        "performance": part.sample.measure if part.sample else "performance",
    }


def _result(result: ResultSet) -> dict[str, Any]:
    return {
        "name": result.name,
        "path": str(result.path),
        "head": runs.head(result),
        "lines": runs.lines(result, _MOST_RUNS),
        "runs": len(result.table),
        "left_out": result.left_out,
        "recipe": result.recipe,
        "environment": reproduce.environment(result),
    }
