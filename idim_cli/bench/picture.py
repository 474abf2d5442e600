"""The content of the figure of a bench, which `reports.plots.lines` draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idim_cli.bench.base import BenchRow
from idim_cli.bench.machine import Machine

Line = list[tuple[float, float]]


@dataclass(frozen=True)
class Picture:
    """A figure on two log axes.

    Attributes:
        title, x, y, small: words above, along the axes and below.
        lines: points (x, y) by the name of what was measured.
        floors: the same, of what it is compared to.
    """

    title: str
    x: str
    y: str
    small: str
    lines: dict[str, Line]
    floors: dict[str, Line]


def picture(bench: str, rows: Sequence[BenchRow], machine: Machine) -> Picture:
    """The figure of the rows of a bench; its lines are empty if nothing was measured."""
    where = f"{machine.device_name}, {machine.threads} threads, torch {machine.torch}"
    small = where if machine.load is None else f"{where}; load {machine.load:g} before the start"
    title, x, y, lines, floors = PICTURES[bench](rows)
    return Picture(title, x, y, small, lines, floors)


Parts = tuple[str, str, str, dict[str, Line], dict[str, Line]]


def _projectors(rows: Sequence[BenchRow]) -> Parts:
    lines = _by_projector(rows, "D", "both_s")
    floors = {"copy there and back": _line(rows, "D", "floor_s")}
    return "P v and P' g", "native parameters D", "seconds for forward and adjoint", lines, floors


def _step(rows: Sequence[BenchRow]) -> Parts:
    lines = _by_projector(rows, "d", "step_s")
    floors = {"direct": _line(rows, "d", "direct_s"), "bare module": _line(rows, "d", "module_s")}
    D = f", D = {rows[0]['D']:,}" if rows else ""
    return f"A training step{D}", "subspace dimension d", "seconds for a step", lines, floors


def _pack(rows: Sequence[BenchRow]) -> Parts:
    lines = {"side by side": _line(rows, "runs", "runs_x_steps_per_s")}
    floors = {"one by one": _line(rows, "runs", "single_steps_per_s")}
    return "Runs side by side", "runs in a pack", "runs x steps per second", lines, floors


def _data(rows: Sequence[BenchRow]) -> Parts:
    # A log axis has no zero: without workers the process that trains is the one that reads.
    counted = [{**row, "processes": row["workers"] + 1} for row in rows]
    lines = {"idim": _line(counted, "processes", "examples_per_s")}
    floors = {"bare loop": _line(counted, "processes", "bare_examples_per_s")}
    return "Reading examples", "processes, with the one that trains", "examples per second", lines, floors


def _by_projector(rows: Sequence[BenchRow], x: str, y: str) -> dict[str, Line]:
    names = dict.fromkeys(row["projector"] for row in rows if row[y] is not None)
    return {name: _line([row for row in rows if row["projector"] == name], x, y) for name in names}


def _line(rows: Sequence[BenchRow], x: str, y: str) -> Line:
    """One point for each x."""
    # The floor is the same in all rows of one x, so it is drawn once.
    return list({row[x]: (float(row[x]), float(row[y])) for row in rows if row[y] is not None}.values())


#: By bench; others have a table only.
PICTURES = {"projectors": _projectors, "step": _step, "pack": _pack, "data": _data}
