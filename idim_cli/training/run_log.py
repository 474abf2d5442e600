"""What a run writes about itself while it goes on: log.txt and metrics.csv."""

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
        """Append lines to log.txt, with the time."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with (self.folder / results.LOG).open("a", encoding="utf-8") as file:
            file.write("".join(f"{stamp} {line}\n" for line in printable(message, "\n").split("\n")))

    def header(self, run_id: str, problem: Problem) -> None:
        """Say what is trained, and how P looks."""
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
        self.log(", ".join(f"{key} {_short(value)}" for key, value in row.items()))

    def metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Bring metrics.csv up to date: one line for each evaluation so far."""
        path, text = self.folder / results.METRICS, io.StringIO()
        added = self.lines and len(rows) == self.lines + 1 and list(rows[-1]) == self.names
        if not added:
            self.names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, self.names, lineterminator="\n")
        self.lines = len(rows)
        if added:  # a new file for each line would cost as much as many steps of a small model
            writer.writerow(rows[-1])
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write(text.getvalue())
        else:
            writer.writeheader()
            writer.writerows(rows)
            results.write_atomic(path, text.getvalue(), durable=False)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
