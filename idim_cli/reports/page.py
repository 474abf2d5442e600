"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.reports import entries, redo, runs, table, variance
from idim_cli.reports.chart import Chart
from idim_cli.reports.compare import Comparison
from idim_cli.reports.entries import Entry
from idim_cli.reports.panels import Panel, prefers_log
from idim_cli.reports.result import Result
from idim_cli.reports.section import Section
from idim_cli.thresholds import facts, number

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Content:
    """All that a page says.

    Attributes:
        results: what was read.
        entries: its groups with a reading.
        panels: all its groups.
        comparison: figures of several groups together.
        log: axis of d that is shown first; None chooses.
        folder: where the page lies.
    """

    results: Sequence[Result]
    entries: Sequence[Entry]
    panels: Sequence[Panel]
    comparison: Comparison
    log: bool | None
    folder: Path


def render(content: Content) -> str:
    """The page; the same content gives the same bytes."""
    shown = _short(content)
    return _template().render(
        title=_title(content),
        readings=[_reading(panel) for panel in shown],
        overview=_overview(content.entries),
        log=prefers_log(shown) if content.log is None else content.log,
        panels=[_panel(panel) for panel in shown],
        comparison={name: _figure(one) for name, one in vars(content.comparison).items()},
        splits=_splits(shown),
        results=[_result(result) for result in content.results],
        commands=redo.commands(content.results, content.folder),
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
    labels = {id(one.section): one.label for one in content.entries}
    if len(content.panels) == 1:
        return list(content.panels)
    return [replace(panel, heading=_heading(panel, labels.get(id(panel.part)))) for panel in content.panels]


def _heading(panel: Panel, label: str | None) -> str:
    if label is None or panel.part.sample is None or not panel.part.sample.D:
        return label or panel.heading
    return f"{label}, D = {panel.part.sample.D:,}"


def _title(content: Content) -> str:
    if len(content.panels) == 1:
        return content.panels[0].heading
    return ", ".join(result.name for result in content.results)


def _reading(panel: Panel) -> dict[str, Any]:
    """The headline of a group: its reading with all that it rests on, or what is known without one."""
    part = panel.part
    if isinstance(part, Section):
        reading = part.reading
        told = {key: text for key, text in facts(reading).items() if key not in (reading.name, "next")}
        interval = f"{100 * reading.confidence:g} % interval {reading.interval_text}"
        return {
            "heading": panel.heading, "name": reading.name, "value": reading.value_text,
            "interval": interval if reading.has_interval else "no interval", "verdict": reading.verdict,
            "weak": reading.verdict != "reached", "facts": told, "next": reading.next,
            "performance": part.performance,
        }  # fmt: skip
    single = part.rows.to_dict("records")[0] if len(part.rows) == 1 else None
    facts_of = _run_facts(single) if single else {}
    said = _LONE if single and single.get("status", "ok") == "ok" else part.problem
    return {"heading": panel.heading, "name": "", "facts": facts_of, "next": "", "problem": said}


_ONE_D = "There is one d alone, so there is nothing to draw against d."
_LONE = (
    "One run alone tells how well it does at its d, not how many dimensions the problem needs: "
    "`idim sweep` trains several d and direct runs, and reads d_int90 from them."
)


def _run_facts(row: dict[Any, Any]) -> dict[str, str]:
    """What there is to say of a run that stands alone."""
    measure = " ".join(str(row[key]) for key in ("score_on", "metric") if isinstance(row.get(key), str))
    told = {
        measure or "performance": row.get("performance"),
        **{name: row.get(key) for key, name in _OF_A_RUN.items()},
    }
    return {key: _plain(value) for key, value in told.items() if value is not None and value == value}


_OF_A_RUN = {
    "status": "status", "D": "D", "d": "d", "projector": "projector", "seed_theta0": "seed of theta0",
    "seed_projector": "seed of P", "seed_data": "seed of the data order", "epoch": "epoch",
}  # fmt: skip


def _plain(value: Any) -> str:
    if isinstance(value, float) and value % 1:
        return number(value)
    return f"{value:,.0f}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _overview(found: Sequence[Entry]) -> dict[str, Any] | None:
    if len(found) < 2:
        return None
    head, *lines = entries.overview(found)
    return {"head": head, "lines": lines}


def _figure(chart: Chart | str | None, missing: str = "") -> dict[str, str]:
    """A figure with its words, or the sentence that stands in its place."""
    if isinstance(chart, Chart):
        return {"svg": chart.inline(), "note": chart.note, "missing": ""}
    return {"svg": "", "note": "", "missing": chart or missing}


def _panel(panel: Panel) -> dict[str, Any]:
    part = panel.part
    lone = part.sample is not None and len(part.sample.tried) == 1
    no_points = (
        _ONE_D if lone else "No run in a subspace has finished, so there is nothing to draw against d."
    )
    no_curves = (
        "No learning curves: they are read from metrics.csv in the folders of the runs, which are not there."
    )
    return {
        "heading": panel.heading,
        "slug": panel.slug,
        "linear": _figure(panel.linear, no_points),
        "log": _figure(panel.log, no_points),
        "learning": _figure(panel.learning, no_curves),
        "behind": panel.behind if panel.linear else "",
        "unread": ""
        if isinstance(part, Section)
        else "Without a reading: the lines of baseline and level are missing.",
        "cells": table.cells(part) if isinstance(part, Section) else [],
        "performance": part.sample.measure if part.sample else "performance",
    }


def _splits(shown: Sequence[Panel]) -> list[dict[str, Any]]:
    """Tables of the variance splits, one for all groups of which the same can be told."""
    tables: dict[tuple[str, ...], dict[str, Any]] = {}
    for panel in shown:
        split = variance.split(panel.part.rows)
        names = [part.name for part in split.components]
        block = tables.setdefault(
            (split.problem, "" if split.sd is None else "sd", *names),
            {"head": [], "lines": [], "problem": split.problem, "hint": split.hint, "groups": 0},
        )
        block["groups"] += 1
        if split.sd is not None:
            block["head"] = ["group", "sd of one run", "pooled over", *names]
            shares = map(functools.partial(_share, split), split.components)
            block["lines"].append([panel.heading, number(split.sd), f"{split.at} d", *shares])
    return list(tables.values())


def _share(split: variance.Split, part: variance.Component) -> str:
    """A part of the variance in percent, with its standard error where that is known."""
    total = sum(other.variance for other in split.components)
    if not total:
        return ""
    error = "" if part.error is None else f" ± {100 * part.error / total:.0f}"
    return f"{100 * part.variance / total:.0f}{error} %"


def _result(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "path": str(result.path),
        "head": runs.head(result),
        "lines": runs.lines(result),
        "recipe": result.recipe,
        "environment": redo.environment(result),
    }
