"""The table of all runs of a result, as text that a page can sort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idim_cli.reports.inputs.result import ResultSet
from idim_cli.thresholds import number
from idim_cli.thresholds.grouping import over_columns

# Columns in their order, those of `sweep.over` in between, with short headers.
_FIRST = {"run_id": "run", "status": "status", "dataset": "", "model": "", "projector": ""}
_THEN = {
    "D": "", "d": "", "performance": "", "seed_theta0": "theta0", "seed_projector": "P", "seed_data": "data",
    "epoch": "", "seconds": "s", "idim": "", "date": "ended",
}  # fmt: skip
# Shown even if all runs agree; any other column would then say nothing about a single run.
_ALWAYS = ("run_id", "status", "d", "performance")
_MOST = 12  # columns of a table that idim did not write: more do not fit a page
_REASON = "reason"


def cells(result: ResultSet, most: int | None = None) -> list[list[str]]:
    """A header, and a line of cells for each run, of `most` at most; what is unknown is an empty cell."""
    shown, names = _columns(result), {**_FIRST, **_THEN}
    lines = []
    for row in result.table.iloc[:most].to_dict("records"):
        outcome = result.outcomes.get(str(row.get("run_id")), {})
        lines.append([_cell(name, outcome if name == _REASON else row) for name in shown])
    return [[names.get(name) or name for name in shown], *lines]


def _columns(result: ResultSet) -> list[str]:
    table = result.table
    if "run_id" not in table:
        return [str(name) for name in table.columns[:_MOST]]
    wanted = dict.fromkeys([*_FIRST, *over_columns(table), *_THEN])
    # As text, because cells of one column may have several types.
    shown = [n for n in wanted if n in table and (n in _ALWAYS or table[n].astype(str).nunique() > 1)]
    failed = any(outcome.get(_REASON) for outcome in result.outcomes.values())
    return [*shown, _REASON] if failed else shown


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
