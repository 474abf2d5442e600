"""The headline of a group on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idim_cli.reports.inputs.section import Section
from idim_cli.reports.page.panels import Panel
from idim_cli.reports.text import captions
from idim_cli.runs.results import OK
from idim_cli.thresholds import facts, number
from idim_cli.thresholds.text import sentence

_LONE = (
    "One run alone tells how well it does at its d, not how many dimensions the problem needs: "
    "`idim sweep` trains several d and direct runs, and reads d_int90 from them."
)
_OF_A_RUN = {
    "status": "status", "D": "D", "d": "d", "projector": "projector", "seed_theta0": "seed of theta0",
    "seed_projector": "seed of P", "seed_data": "seed of the data order", "epoch": "epoch",
}  # fmt: skip


def of(panel: Panel) -> dict[str, Any]:
    """The headline of a group: its reading with all that it rests on, or what is known without one."""
    part = panel.part
    if isinstance(part, Section):
        reading = part.reading
        told = {key: text for key, text in facts(reading).items() if key not in (reading.name, "next")}
        interval = f"{captions.interval_kind([reading])} {reading.interval_text}"
        return {
            "heading": panel.heading, "name": reading.name, "value": reading.value_text,
            "interval": interval if reading.has_interval else "no interval", "verdict": reading.verdict,
            "sentence": f"{sentence(reading)}.", "weak": reading.verdict != "reached", "facts": told,
            "next": reading.next_words, "command": reading.next_command,
        }  # fmt: skip
    rows = part.rows.to_dict("records")
    single = rows[0] if len(rows) == 1 and "run_id" in rows[0] else {}
    problem = _LONE if single.get("status") == OK else part.problem
    return {
        "heading": panel.heading,
        "name": "",
        "facts": _run(single),
        "next": "",
        "command": "",
        "problem": problem,
    }


def _run(row: Mapping[Any, Any]) -> dict[str, str]:
    """What there is to say of a run that stands alone."""
    measure = " ".join(str(row[key]) for key in ("score_on", "metric") if isinstance(row.get(key), str))
    if not row:
        return {}
    told = {
        measure or "performance": row.get("performance"),
        **{name: row.get(key) for key, name in _OF_A_RUN.items()},
    }
    return {key: _plain(value) for key, value in told.items() if value is not None and value == value}


def _plain(value: Any) -> str:
    if isinstance(value, float) and value % 1:
        return number(value)
    return f"{value:,.0f}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
