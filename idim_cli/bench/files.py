"""Measurements as files: one CSV for each bench, rewritten after every row, so that a crash loses none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from idim_cli.bench.base import BenchRow
from idim_cli.bench.machine import Machine
from idim_cli.core.csv_io import csv_text
from idim_cli.runs.results import write_atomic


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[BenchRow], machine: Machine) -> None:
    """Replace `path` by the rows, each with the machine; what is unknown is an empty cell."""
    where = machine.as_dict()
    # Six digits: more are noise of the timing.
    cells = [{k: f"{v:.6g}" if isinstance(v, float) else v for k, v in (row | where).items()} for row in rows]
    write_atomic(path, csv_text([*columns, *where], cells))
