"""Repeat an adaptive search with fresh seeds, on real trainings.

    python tests/measured/search.py RECIPE [KEY=VALUE ...] --out FOLDER [--repeats 20] [--first 1]

Goes on where it was stopped. FOLDER/searches.csv has one row a search.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from idim_cli.execute.sweep import Outcome, sweep
from idim_cli.recipe.load import load


def main() -> None:
    """Search again and again, and keep what each search says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="number of the first repeat, to share them out")
    asked = parser.parse_args()
    rows = []
    for seed in range(1000 * asked.first, 1000 * (asked.first + asked.repeats), 1000):
        # The seeds of the dense grids are 0 .. 23: no run of a search is among them.
        settings = ["sweep.search.name=adaptive", "sweep.baseline.seeds=3", f"sweep.search.seed={seed}"]
        loaded = load(asked.recipe, [*settings, *asked.overrides])
        rows.append({"seed": seed, **row(sweep(loaded, asked.out / str(seed)))})
        print(rows[-1], flush=True)
        with (asked.out / "searches.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def row(outcome: Outcome) -> dict[str, Any]:
    """What one search found, and what it took."""
    reading, table = outcome.estimates[0].reading, outcome.table
    ended = table["status"] == "ok"
    epochs = table["epochs"].where(ended, table["epoch"]).sum()
    return {
        "d_int90": reading.value, "low": reading.low, "high": reading.high, "level": reading.level,
        "runs": len(table), "stopped": int((~ended).sum()), "epochs": int(epochs),
        "full_runs": round(epochs / table["epochs"].max(), 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
