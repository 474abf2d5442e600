"""What a run writes about itself while it goes on: log.txt and metrics.csv."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from idim_cli import results
from idim_cli.training.prepare import Problem


class Record:
    """The log and the metrics of one run, in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def log(self, message: str) -> None:
        """Append lines to log.txt, with the time."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with (self.folder / results.LOG).open("a", encoding="utf-8") as file:
            file.write("".join(f"{stamp} {line}\n" for line in message.splitlines()))

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
        """Write metrics.csv anew: one line for each evaluation so far."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        results.write_atomic(self.folder / results.METRICS, text.getvalue(), durable=False)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
