"""Measurements as text: tables of 80 columns, a line for each new row, and warnings."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from idim_cli.bench.base import BenchRow
from idim_cli.bench.machine import Machine
from idim_cli.core.plain_text import aligned

BUSY = 0.25  # running processes per core before the start, above which seconds are not reliable
UNSTEADY = 0.25  # spread between rounds, above which a row is not reliable
_WIDTH, _NAME_WIDTH = 80, 16


@dataclass(frozen=True)
class BenchLayout:
    """How the rows of one bench are shown.

    Attributes:
        group: the key by which rows are grouped.
        head: the line above a group, from its first measured row.
        main: key of the most important seconds; its spread is `main` with ``_spread``.
        columns: of the table: headings and keys.
        note: below the table, from all rows; may be empty.
        name: of a row, in the line that is printed when it is measured.
    """

    group: str
    head: Callable[[BenchRow], str]
    main: str
    columns: Mapping[str, str]
    note: Callable[[Sequence[BenchRow]], str] = lambda rows: ""
    name: Callable[[BenchRow], str] = lambda row: _named(row)


def seconds(value: float) -> str:
    """A time with three digits, in s, ms or us."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        # 0.9995, because 0.9996 s rounds to 1 s, and would otherwise be shown as 1,000 ms.
        if value >= 0.9995 * size:
            return f"{ratio(value / size)} {unit}"
    return f"{ratio(value / 1e-6)} us"


def ratio(value: float) -> str:
    """A number with three digits, whole from a thousand on."""
    # 999.5: above it, .3g would switch to powers of ten.
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"


def percent(share: float) -> str:
    """A share in whole percent, without the sign."""
    return f"{100 * share:.0f}"


def _floor(row: BenchRow) -> str:
    if row["floor_s"] is None:
        return f"D = {row['D']:,}"
    # 4 bytes read and 4 written for each number, there and back.
    speed = 16 * row["D"] / row["floor_s"] / 1e9
    return f"D = {row['D']:,}; floor: a copy there and back, {seconds(row['floor_s'])} ({speed:.3g} GB/s)"


def _step(row: BenchRow) -> str:
    head = f"d = {row['d']:,} of D = {row['D']:,}"
    if row["step_s"] is None:
        return head
    return f"{head}; direct {seconds(row['direct_s'])}, the bare module {seconds(row['module_s'])}"


def _pack(row: BenchRow) -> str:
    return f"{row['projector']}, d = {row['d']:,} of D = {row['D']:,}; one run alone as the floor"


def _start(row: BenchRow) -> str:
    return "new processes; the floor is one that imports torch alone"


def _data(row: BenchRow) -> str:
    head = f"{row['dataset']}: {row['examples']:,} examples in batches of {row['batch_size']}"
    return f"{head}; bare loop {seconds(row['bare_s'])}"


def _compared(rows: Sequence[BenchRow]) -> str:
    than = next(filter(None, (row["than"] for row in rows)), None)
    return f"faster: how many times faster than {than}" if than else ""


def _named(row: BenchRow) -> str:
    name = f"{row['projector']}, D = {row['D']:,}, d = {row['d']:,}"
    return name + (f", {row['runs']} side by side" if "runs" in row else "")


LAYOUTS = {
    "projectors": BenchLayout("D", _floor, "both_s", {
        "projector": "projector", "made in": "build_s", "B/D": "bytes_per_parameter", "forward": "forward_s",
        "adjoint": "adjoint_s", "both": "both_s", "+-%": "both_spread", "/floor": "to_floor",
        "faster": "times_faster",
    }, _compared),
    "step": BenchLayout("d", _step, "step_s", {
        "projector": "projector", "made in": "build_s", "step": "step_s", "fastest": "step_min_s",
        "+-%": "step_spread", "/direct": "to_direct", "/module": "to_module",
    }),
    "pack": BenchLayout("D", _pack, "pack_s", {
        "runs": "runs", "step of all": "pack_s", "+-%": "pack_spread", "step of one": "single_s",
        "runs x steps/s": "runs_x_steps_per_s", "one by one": "single_steps_per_s", "faster": "times_faster",
    }),
    "start": BenchLayout("torch_s", _start, "start_s", {
        "start": "start", "median": "start_s", "fastest": "start_min_s", "+-%": "start_spread",
        "processor": "cpu_s", "/torch": "to_torch", "compiled": "compiled",
    }, name=lambda row: str(row["start"])),
    "data": BenchLayout("dataset", _data, "pass_s", {
        "workers": "workers", "a pass": "pass_s", "+-%": "pass_spread", "examples/s": "examples_per_s",
        "MB/s": "mb_per_s", "bare loop/s": "bare_examples_per_s", "/bare": "to_bare",
    }, name=lambda row: f"{row['dataset']}, {row['workers']} workers"),
}  # fmt: skip


def table(bench: str, rows: Sequence[BenchRow], machine: Machine) -> str:
    """All rows of a bench by group, below the description of the machine."""
    layout = LAYOUTS[bench]
    blocks = [_machine(machine)]
    for _, some in groupby(rows, key=lambda row: row[layout.group]):
        group = list(some)
        # Skipped rows have no numbers: they are listed below the table with their reason.
        measured = [row for row in group if row[layout.main] is not None]
        lines = [layout.head((measured or group)[0]), *_aligned(layout.columns, measured)]
        lines += [_skipped(row) for row in group if row not in measured]
        blocks.append("\n".join(lines))
    return "\n\n".join(filter(None, [*blocks, layout.note(rows)]))


def line(bench: str, row: BenchRow) -> str:
    """The line for a new row."""
    layout = LAYOUTS[bench]
    figure = seconds(row[layout.main]) if row[layout.main] else "skipped, " + row["skipped"]
    return f"{layout.name(row)}: {figure}"


def warnings(bench: str, rows: Sequence[BenchRow], machine: Machine) -> list[str]:
    """Why these figures may be wrong, and what to do about it."""
    return list(_warnings(LAYOUTS[bench].main, rows, machine))


def _warnings(main: str, rows: Sequence[BenchRow], machine: Machine) -> Iterator[str]:
    if machine.load is not None and machine.load > BUSY * machine.cores:
        yield (
            f"the machine was busy before the start (load {machine.load:g} on {machine.cores} cores): "
            "rely on the ratios rather than the seconds, or repeat on an idle machine"
        )
    # Threads that wait for each other at every barrier make times erratic.
    if machine.threads > machine.cores:
        cores = f"{machine.threads} threads on {machine.cores} cores"
        yield f"torch uses {cores}: set OMP_NUM_THREADS={machine.cores}"
    measured = [row for row in rows if row[main] is not None]
    unsteady = [row for row in measured if row[main.replace("_s", "_spread")] > UNSTEADY]
    if unsteady:
        yield (
            f"{len(unsteady)} of {len(measured)} rows vary by over {percent(UNSTEADY)} % between rounds: "
            "repeat on an idle machine, or for longer (--seconds, --rounds)"
        )


def _machine(machine: Machine) -> str:
    cpu = f"{machine.cpu}, {machine.cores} cores, {machine.threads} threads"
    device = machine.device if machine.device == "cpu" else f"{machine.device} ({machine.device_name})"
    load = "" if machine.load is None else f"; load {machine.load:g} before the start"
    return f"{cpu}, torch {machine.torch}\ndevice {device}{load}"


def _skipped(row: BenchRow) -> str:
    text = f"{row['projector'][:_NAME_WIDTH]}: skipped, {row['skipped']}"
    return textwrap.fill(text, _WIDTH, subsequent_indent="  ")


def _text(key: str, value: Any) -> str:
    """A value by the kind of its key: a rate or quotient, a share, seconds, or as it is."""
    if value is None:
        return ""
    if "_per_" in key or key.startswith(("to_", "times_")):
        return ratio(value)
    if key.endswith("_spread"):
        return percent(value)
    if key == "projector":  # a class of the user may have a long name
        return str(value)[:_NAME_WIDTH]
    return seconds(value) if key.endswith("_s") else str(value)


def _aligned(columns: Mapping[str, str], rows: Sequence[BenchRow]) -> list[str]:
    """Headings and cells; nothing without rows."""
    texts = [[_text(key, row[key]) for key in columns.values()] for row in rows]
    return aligned([list(columns), *texts]) if rows else []
