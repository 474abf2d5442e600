"""The headline of a group on a page, and the glossary of its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from idim_cli.reports.inputs.entries import Entry
from idim_cli.reports.inputs.section import Section
from idim_cli.reports.page.panels import Panel
from idim_cli.reports.text import captions
from idim_cli.runs.results import OK
from idim_cli.thresholds import facts, number
from idim_cli.thresholds.text import sentence

_LONE = (
    "A single run gives the performance at its d, not how many dimensions the problem needs: "
    "`idim sweep` trains several d and direct runs, and reads d_int90 from them."
)
_OF_A_RUN = {
    "status": "status", "D": "D", "d": "d", "projector": "projector", "seed_theta0": "seed of theta0",
    "seed_projector": "seed of P", "seed_data": "seed of the data order", "epoch": "epoch",
}  # fmt: skip
_TERMS = {
    "D": "number of parameters of the network",
    "d": "dimension of the subspace: how many numbers are trained",
    "direct": "training of all D parameters, without a subspace",
    "baseline": "the performance that counts as 100 %: the mean of direct training (own), the best of the "
    "sweep, or a fixed value",
    "level": "the performance that counts as reached: floor + fraction x (baseline - floor); the floor is 0 "
    "unless stated",
    "verdict": "reached: some d reaches the level; not reached: the largest d tried does not; reached at the "
    "smallest d: no smaller d was tried",
    "rule": "how the performances at several d become one d; docs/read-the-number.md describes each rule",
    "theta0, P, data order": "what the seeds of a run draw: the start of the network, the projection that "
    "spans the subspace, and the order of the training data",
}
_TERMS_OF_FACTS = {
    "floor": "the performance that counts as 0 %: chance, the lowest of the sweep (min), or a fixed value",
    "paper bars": "the error bars of Li et al. 2018: d_int from one run at each d, mean and standard "
    "deviation (sd) over 50 draws of such runs",
    "d_int100": "smallest d whose performance a test cannot distinguish from the baseline",
    "coords": "which values the trained numbers may take",
}
_STOPPED = "status of a run that was stopped early: it had reached the level, or could no longer reach it"


def headline(panel: Panel) -> dict[str, Any]:
    """The headline of a group: its reading with the protocol, or what is known without a reading."""
    part = panel.part
    if isinstance(part, Section):
        reading = part.reading
        known = {key: text for key, text in facts(reading).items() if key not in (reading.name, "next")}
        return {
            "heading": panel.heading, "name": reading.name, "value": reading.value_text,
            "interval": captions.interval(reading) if reading.has_interval else "no interval",
            "verdict": reading.verdict, "sentence": f"{sentence(reading)}.",
            "weak": reading.verdict != "reached", "facts": known,
            "next": reading.next_words, "command": reading.next_command,
        }  # fmt: skip
    rows = part.rows.to_dict("records")
    single = rows[0] if len(rows) == 1 and "run_id" in rows[0] else {}
    # A single run that ended well is not an error.
    problem = _LONE if single.get("status") == OK else part.problem
    none = {"name": "", "next": "", "command": ""}
    return {**none, "heading": panel.heading, "facts": _facts_of_run(single), "problem": problem}


def glossary(found: Iterable[Entry], names: Iterable[str]) -> dict[str, str]:
    """Terms that a page uses, with their meanings.

    Args:
        found: the groups that were read.
        names: of the facts that are shown with readings.
    """
    readings, shown = [one.reading for one in found], {*names}
    known = {**_TERMS, **{name: text for name, text in _TERMS_OF_FACTS.items() if name in shown}}
    if any(reading.solved or reading.unsolved for reading in readings):
        known["solved, unsolved"] = _STOPPED
    return known if readings else {}


def _facts_of_run(row: Mapping[Any, Any]) -> dict[str, str]:
    if not row:
        return {}
    measure = " ".join(str(row[key]) for key in ("score_on", "metric") if isinstance(row.get(key), str))
    known = {measure or "performance": row.get("performance")}
    known |= {name: row.get(key) for key, name in _OF_A_RUN.items()}
    # NaN, an empty cell of the table, is unequal to itself.
    return {key: _plain(value) for key, value in known.items() if value is not None and value == value}


def _plain(value: Any) -> str:
    if isinstance(value, float) and value % 1:
        return number(value)
    return f"{value:,.0f}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
