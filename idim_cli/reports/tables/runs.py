"""The table of all runs of a result, as text that a page can sort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idim_cli.reports.inputs.result import ResultSet
from idim_cli.thresholds import number
from idim_cli.thresholds.grouping import over_columns

# What tells runs apart comes first; a column in which all runs agree says nothing about one of them.
_FIRST = ("run_id", "status", "dataset", "model", "projector")
_THEN = (
    "D",
    "d",
    "performance",
    "seed_theta0",
    "seed_projector",
    "seed_data",
    "epoch",
    "seconds",
    "idim",
    "date",
)
_ALWAYS = ("run_id", "status", "d", "performance")
_NAMES = {
    "run_id": "run",
    "seed_theta0": "theta0",
    "seed_projector": "P",
    "seed_data": "data",
    "seconds": "s",
    "date": "ended",
}
_MOST = 12  # columns of a table that idim did not write
REASON = "reason"


def columns(result: ResultSet) -> list[str]:
    """The columns that are shown."""
    table = result.table
    if "run_id" not in table:
        return [str(name) for name in table.columns[:_MOST]]
    wanted = [*_FIRST, *over_columns(table), *_THEN]
    shown = [
        name
        for name in dict.fromkeys(wanted)
        if name in table and (name in _ALWAYS or table[name].astype(str).nunique() > 1)
    ]
    failed = any(told.get(REASON) for told in result.told.values())
    return [*shown, REASON] if failed else shown


def head(result: ResultSet) -> list[str]:
    """The names of the columns in the header."""
    return [_NAMES.get(name, name) for name in columns(result)]


def lines(result: ResultSet, most: int | None = None) -> list[list[str]]:
    """One line of cells for each run, of `most` at most; what is unknown is an empty cell."""
    shown = columns(result)
    made = []
    for row in result.table.iloc[:most].to_dict("records"):
        told = result.told.get(str(row.get("run_id")), {})
        made.append([_cell(name, told if name == REASON else row) for name in shown])
    return made


def _cell(name: str, row: Mapping[Any, Any]) -> str:
    value = row.get(name)
    if value is None or value != value or str(value) == "<NA>":
        return ""
    if name == "performance" and isinstance(value, float):
        return number(value)
    if name == "date":
        return str(value)[:16].replace("T", " ")
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"
    return str(value)
