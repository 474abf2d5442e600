"""Measurements as files: one CSV a bench, written anew after every row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from idim_cli.bench.base import BenchRow
from idim_cli.bench.machine import Machine
from idim_cli.runs.results import write_atomic


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[BenchRow], machine: Machine) -> None:
    """Replace `path` by the rows, each with the machine; what is unknown is an empty cell."""
    buffer, where = io.StringIO(), machine.as_dict()
    writer = csv.DictWriter(buffer, [*columns, *where], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in (row | where).items()})
    write_atomic(path, buffer.getvalue())


def _cell(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
