"""The files that a run writes while it trains: log.txt and metrics.csv."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from idim_cli.core.errors import printable
from idim_cli.runs import results
from idim_cli.training.prepare import Problem


class RunLog:
    """The log and the metrics of one run, in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lines, self.names = folder, 0, list[str]()
        folder.mkdir(parents=True, exist_ok=True)

    def log(self, message: str) -> None:
        """Append a message to log.txt, each line with the time."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with (self.folder / results.LOG).open("a", encoding="utf-8") as file:
            file.write("".join(f"{stamp} {line}\n" for line in printable(message, "\n").split("\n")))

    def header(self, run_id: str, problem: Problem) -> None:
        """Log what is trained, and the properties of P."""
        columns, subspace = problem.columns, problem.subspace
        self.log(f"{run_id}: D = {subspace.D}, d = {subspace.d}, {problem.device}, torch {torch.__version__}")
        for note in problem.data.notes:
            self.log(f"data: {note}")
        self.log(
            f"P: {columns.sampled} columns, length {columns.norm_min:.6f} .. {columns.norm_max:.6f}, "
            + ("coherence unknown" if columns.coherence is None else f"coherence {columns.coherence:.4f}")
        )
        for name, share in columns.layer_share.items():
            self.log(f"P: {share:8.4%} of a unit step falls on {name}")

    def row(self, row: Mapping[str, Any]) -> None:
        """Log the figures of one evaluation."""
        short = {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}
        self.log(", ".join(f"{key} {value}" for key, value in short.items()))

    def metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write one line of metrics.csv for each evaluation so far."""
        path, text = self.folder / results.METRICS, io.StringIO()
        # A new file for each line would take as long as many steps of a small model.
        append = self.lines and len(rows) == self.lines + 1 and list(rows[-1]) == self.names
        if not append:
            self.names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, self.names, lineterminator="\n")
        self.lines = len(rows)
        if append:
            writer.writerow(rows[-1])
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write(text.getvalue())
        else:
            # Resumed, or a figure is new: the file may hold lines after the checkpoint, or other columns.
            writer.writeheader()
            writer.writerows(rows)
            results.write_atomic(path, text.getvalue(), durable=False)
