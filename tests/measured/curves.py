"""Collect learning curves and the reference thresholds of dense grids, trained to their end.

idim sweep tests/measured/gru.yaml --out FOLDER          and so on, each a dense grid
python tests/measured/curves.py FOLDER --curves CURVES.csv --references REFERENCES.csv
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from idim_cli import thresholds


def main() -> None:
    """One row a run with its learning curve, and one row a problem with its threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--references", type=Path, required=True)
    asked = parser.parse_args()
    curves, references = [], []
    for folder in sorted(path for path in asked.folder.iterdir() if (path / "results.csv").is_file()):
        reading = thresholds.threshold(folder)[0].reading
        references.append(
            {
                "problem": folder.name, "D": reading.D, "d_int90": reading.value, "low": reading.low,
                "high": reading.high, "level": round(reading.level, 6),
            }
        )  # fmt: skip
        curves += [{**row, "level": references[-1]["level"]} for row in runs(folder)]
    write(asked.curves, curves)
    write(asked.references, references)


def runs(folder: Path) -> list[dict[str, Any]]:
    """The swept runs of one problem, by d and seed."""
    told = []
    for path in folder.glob("runs/*/result.json"):
        result = json.loads(path.read_text())
        if not result["direct"]:
            with (path.parent / "metrics.csv").open() as file:
                curve = [float(row["validation_accuracy"]) for row in csv.DictReader(file)]
            told.append((result["d"], result["seed_theta0"], " ".join(f"{y:.4g}" for y in curve)))
    return [{"problem": folder.name, "d": d, "seed": seed, "curve": curve} for d, seed, curve in sorted(told)]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """A CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
