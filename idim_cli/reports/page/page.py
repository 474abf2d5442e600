"""A report as one self-contained HTML file."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from idim_cli.core.machine import version
from idim_cli.reports.inputs import entries
from idim_cli.reports.inputs.collect import Inputs
from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.inputs.result import ResultSet
from idim_cli.reports.inputs.section import Section, Unread
from idim_cli.reports.page import reproduce, shares
from idim_cli.reports.page.compare import Comparison
from idim_cli.reports.page.compressed_files import CompressedFiles
from idim_cli.reports.page.headline import glossary, headline
from idim_cli.reports.page.layout import Layout
from idim_cli.reports.page.panels import Panel, prefers_log
from idim_cli.reports.plots.chart import Chart
from idim_cli.reports.tables import group_table, runs
from idim_cli.thresholds.text import facts, percent, sentence

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_MOST_CARDS = 50  # groups with a card; of more, only those that cannot be read have one
_SHORT_CODE = 32  # characters that fit a line of a telephone
_MOST_RUNS = 2000  # rows of the table of all runs: browsers sort more of them slowly
_UNREAD = "Without a reading, there are no lines of baseline and level."
_EPOCH = "SOURCE_DATE_EPOCH"  # seconds since 1970 to use as the present, for reproducible files


def render(
    inputs: Inputs,
    panels: Sequence[Panel],
    comparison: Comparison,
    compressed: CompressedFiles,
    *,
    files: Sequence[str],
    layout: Layout,
    log: bool | None = None,
    undrawn: str = "",
    given: Sequence[str] = (),
) -> str:
    """The page; the same content gives the same bytes.

    Args:
        inputs: what was read.
        panels: the figures of all its groups.
        comparison: figures of several groups together.
        compressed: its compressed files.
        files: the names of the files of its figures, relative to the page.
        layout: the paths of its files.
        log: axis of d that is shown first; None chooses.
        undrawn: why single groups are not drawn; empty if they are.
        given: the command-line options of the report.
    """
    shown, found = _short_headings(panels, inputs.entries), inputs.results
    parts = [one.part for one in shown]
    # Of many groups only those that cannot be read have a card: the table has the others.
    many = len(shown) > _MOST_CARDS
    cards = [one for one in shown if isinstance(one.part, Unread)][:_MOST_CARDS] if many else shown
    # The path of each group, by the id of its part, if there are several.
    several = found if len(found) > 1 else ()
    places = {id(part): str(one.path) for one in several for part in (*one.sections, *one.unread)}
    result_parts = [_result(result) for result in found]
    alone = parts[0] if len(parts) == 1 else None
    fractions = {result.options.name: f"{percent(result.options.fraction)} %" for result in found}
    fact_names = {name for part in parts if isinstance(part, Section) for name in facts(part.reading)}
    return _template().render(
        title=_title(inputs, panels),
        lead=f"{sentence(alone.reading)}." if isinstance(alone, Section) else "",
        terms=glossary(inputs.entries, fact_names),
        files=files,
        made=[{"name": one.name, "ended": _ended(one), "idim": _versions(one)} for one in found],
        written=_written(),
        readings=[{**headline(one), "place": places.get(id(one.part), "")} for one in cards],
        overview=_overview(inputs.entries, places),
        log=prefers_log(shown) if log is None else log,
        several=len(shown) > 1,
        panels=[one for one in map(_panel, shown) if any(one["charts"]) or one["behind"]],
        undrawn=undrawn,
        comparison={name: _figure(one) for name, one in vars(comparison).items()},
        splits=[] if many else [one for one in shares.tables(shown) if one["lines"]],
        compressed=_compressed(compressed),
        results=result_parts,
        runs=any(one["lines"] or one["left_out"] for one in result_parts),
        read={"names": " or ".join(fractions), "shares": " or ".join(fractions.values())},
        commands=reproduce.commands(inputs, layout.out, given),
    )


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # StrictUndefined: a missing value must fail a test, not leave a gap in the page.
    loader = PackageLoader("idim_cli.reports", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = _code
    return environment.get_template("page.html.j2")


def _code(text: str) -> Markup:
    """Text with code between backticks."""
    from markupsafe import Markup, escape

    parts = list(map(escape, text.split("`")))
    for at in range(1, len(parts), 2):
        # Short code stays in one line: browsers would break it after a hyphen.
        short = Markup(' class="short"') if len(parts[at]) <= _SHORT_CODE else Markup("")
        parts[at] = Markup("<code{}>{}</code>").format(short, parts[at])
    return Markup("").join(parts)


def _short_headings(panels: Sequence[Panel], found: Sequence[Entry]) -> list[Panel]:
    """The panels under short headings, as the title names what several groups share."""
    # By identity: groups of two results may be equal.
    labels = {id(one.section): one.label for one in found}
    if len(panels) == 1:
        return list(panels)
    made = []
    for panel in panels:
        label, sample = labels.get(id(panel.part)), panel.part.sample
        size = f", D = {sample.D:,}" if label and sample and sample.D else ""
        made.append(replace(panel, heading=f"{label or panel.heading}{size}"))
    return made


def _title(inputs: Inputs, panels: Sequence[Panel]) -> str:
    if not panels:
        problems = dict.fromkeys(f"{one.dataset}, {one.model}" for one in inputs.records)
        return f"Compressed networks: {'; '.join(problems)}"
    # Of several groups the title has the names of the results alone; headings have the rest.
    names = ", ".join(result.name for result in inputs.results)
    return f"Intrinsic dimension: {panels[0].heading if len(panels) == 1 else names}"


def _ended(result: ResultSet) -> str:
    """The days on which the first and the last run ended; empty if unknown."""
    # The first ten characters of an ISO time are its date.
    days = sorted(text[:10] for text in result.known("date"))
    return " .. ".join(dict.fromkeys((days[0], days[-1]))) if days else ""


def _versions(result: ResultSet) -> str:
    """The versions of idim that made the runs; empty if unknown."""
    return ", ".join(dict.fromkeys(result.known("idim")))


def _written() -> str:
    """``2026-01-31 by idim 0.1.0``: today in UTC, or the day of SOURCE_DATE_EPOCH."""
    given = os.environ.get(_EPOCH, "")
    # Longer numbers are beyond the years that datetime knows.
    fixed = given.isdecimal() and len(given) < 12
    now = datetime.fromtimestamp(int(given), UTC) if fixed else datetime.now(UTC)
    return f"{now:%Y-%m-%d} by idim {version()}"


def _overview(found: Sequence[Entry], places: Mapping[int, str]) -> dict[str, Any] | None:
    if len(found) < 2:
        return None
    head, *lines = entries.overview(found)
    at = [places.get(id(one.section), "") for one in found]
    return {"head": head, "lines": lines, "places": at, "levels": entries.level_advice(found)}


def _figure(chart: Chart | None) -> dict[str, str] | None:
    """A figure with its words."""
    return {"svg": chart.inline(), "note": chart.note} if chart else None


def _compressed(shown: CompressedFiles) -> dict[str, Any]:
    """The part on compressed files; empty without any."""
    if not shown.records:
        return {}
    pairs = zip(shown.labels, map(_figure, shown.frontiers), strict=True)
    drawn = [{"label": label, **figure} for label, figure in pairs if figure]
    return {**shown.as_page(), "lengths": _figure(shown.lengths), "frontiers": drawn}


def _panel(panel: Panel) -> dict[str, Any]:
    part = panel.part
    charts = {name: _figure(getattr(panel, name)) for name in ("linear", "log", "learning")}
    return {
        "heading": panel.heading,
        "charts": list(charts.values()),
        **charts,
        "behind": panel.behind if panel.linear else "",
        "unread": "" if isinstance(part, Section) else _UNREAD,
        "cells": group_table.cells(part) if isinstance(part, Section) else [],
        "performance": part.sample.measure if part.sample else "performance",
    }


def _result(result: ResultSet) -> dict[str, Any]:
    head, *lines = runs.cells(result, _MOST_RUNS)
    return {
        "name": result.name,
        "path": str(result.path),
        "head": head,
        "lines": lines,
        "runs": len(result.table),
        "left_out": result.left_out,
        "recipe": result.recipe,
        "environment": reproduce.environment(result),
    }
