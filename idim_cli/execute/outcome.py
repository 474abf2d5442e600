"""The outcome of a sweep: its table and the estimates of d_int; the content of summary.json."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.recipe.schema import Recipe
from idim_cli.runs import results
from idim_cli.search.base import RATE

if TYPE_CHECKING:
    import pandas as pd

    from idim_cli.thresholds import Estimate, TableOrigin


@dataclass(frozen=True, repr=False)
class Outcome:
    """The results of a sweep.

    Attributes:
        folder: of all files.
        table: one row for each run.
        estimates: one for each combination of `sweep.over`, with its reading or why it has none.
        planned, ok, failed: numbers of runs; one that was stopped early is ok.
        rates_compared: whether the groups differ in learning rates that a search chose from.
    """

    folder: Path
    table: pd.DataFrame
    estimates: list[Estimate]
    planned: int
    ok: int
    failed: int
    rates_compared: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The content of summary.json."""
        return {
            "folder": str(self.folder),
            "runs": {"planned": self.planned, "ok": self.ok, "failed": self.failed},
            "estimates": [one.as_dict() for one in self.estimates],
        }

    def __repr__(self) -> str:
        runs = f"{self.ok} of {self.planned} runs ok"
        return f"<Outcome: {self.folder}, {runs}; {'; '.join(one.sentence for one in self.estimates)}>"

    def _repr_html_(self) -> str:
        parts = [one.describe(titled=len(self.estimates) > 1) for one in self.estimates]
        return f"<pre>{html.escape(chr(10).join([*parts, f'results: {self.folder}']))}</pre>"

    def following(self, origin: TableOrigin) -> Outcome:
        """The same, with the next commands after a sweep that was started by `origin`."""
        return replace(self, estimates=[one.following(origin) for one in self.estimates])

    def text(self) -> str:
        """The text of summary.json."""
        # Strict JSON: NaN is an error here rather than in the reader.
        return json.dumps(self.as_dict(), indent=2, allow_nan=False) + "\n"

    @property
    def not_reached(self) -> bool:
        """Whether some d_int is beyond the largest d; of several learning rates, with all of them."""
        # It is enough that one of the learning rates reaches the level.
        groups: dict[str, list[bool]] = {}
        for one in self.estimates:
            kept = {
                key: value for key, value in one.group.items() if not (self.rates_compared and key == RATE)
            }
            # By text, because values such as lists and mappings cannot be keys.
            groups.setdefault(json.dumps(kept, default=str), []).append(one.not_reached)
        return any(all(each) for each in groups.values())

    @property
    def problems(self) -> list[str]:
        """Why some combinations have no reading."""
        unread = (one for one in self.estimates if one.error is not None)
        return [f"{one.label}: {one.problem}" if one.label else one.problem for one in unread]


def read_outcome(recipe: Recipe, folder: Path, table: pd.DataFrame, planned: int) -> Outcome:
    """Read d_int from the table of a sweep of `planned` runs."""
    from idim_cli.thresholds import Options, TableOrigin, threshold

    words = (str(folder / results.RECIPE), f"--out={folder.parent}")
    estimates = threshold(table, Options(**recipe.reading()), origin=TableOrigin(words, recipe))
    failed = int((table["status"] == results.FAILED).sum())
    compared = recipe.sweep is not None and bool(recipe.sweep.search.params.get("lr"))
    return Outcome(folder, table, estimates, planned, len(table) - failed, failed, compared)
