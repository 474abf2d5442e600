"""The metrics that a solution had when it was trained, and refusing one whose metrics differ now.

Only they show changes that no digest covers, such as in code that is loaded by a name made up at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from idim_cli.compression.format import files
from idim_cli.compression.format.solution import Solution
from idim_cli.core.errors import FileError
from idim_cli.runs import origin

Metrics = dict[str, dict[str, float]]


def metrics(tensors: Mapping[str, Tensor], state: object, values: np.ndarray) -> Metrics:
    """The metrics of the evaluation at exactly a checkpoint's coordinates, by split and name; or nothing.

    Args:
        tensors, state: of the checkpoint, see `Loop.tensors` and `loop.State`.
        values: coordinates of the solution; they differ while some are still to be rounded.
    """
    coords = tensors["coords"].float().numpy()
    # A checkpoint between two evaluations has other coordinates than those that were scored.
    if not isinstance(state, Mapping) or not np.array_equal(coords, values):
        return {}
    return _by_split(_row(state, _same(tensors.get("best/coords"), coords)))


def with_record(found: Solution, path: Path) -> Solution:
    """The solution of an `.idim` file with the origin and metrics of the record next to it, if any."""
    known = files.record(path)
    # The record is an ordinary file: anything may be in it.
    split, metrics = known.get("score_on"), known.get("metrics")
    row = {f"{split}_{name}": value for name, value in metrics.items()} if isinstance(metrics, dict) else {}
    return replace(found, origin=known.get("origin"), metrics=_by_split(row))


def refuse_other(
    found: Solution,
    split: str,
    now: Mapping[str, float],
    again: Callable[[], Mapping[str, float]],
    metric: str,
    n: int,
) -> None:
    """FileError if a rebuilt solution does not score as it did when it was trained.

    Args:
        found: the solution.
        split: what it was scored on.
        now: its metrics there.
        again: scores it there once more.
        metric: the one that is the performance.
        n: examples of the split.
    """
    then = found.metrics.get(split, {})
    if not origin.other_score(then, now, now, metric, n):
        return
    # A network that scores differently each time has not changed: a second evaluation shows that.
    if why := origin.other_score(then, now, again(), metric, n):
        raise FileError(
            f"{found.source} cannot be scored: on the {split} split it comes to {why}",
            "something that its code loads at run time has changed: restore it, or delete the run's folder "
            "and train again",
        )


def _row(state: Mapping[str, Any], at_best: bool) -> Mapping[str, Any]:
    """The row of the latest evaluation of a training; empty if a step was made since."""
    try:
        rows = state["rows"]
        row = rows[state["best"]] if at_best else rows[-1]
        # After a further step, the latest row is about coordinates that the checkpoint has no more.
        is_present = at_best or (state["batch"] == 0 and row["epoch"] == state["epoch"])
        return row if is_present and isinstance(row, Mapping) else {}
    except (KeyError, IndexError, TypeError):  # none yet, or not what idim writes
        return {}


def _same(tensor: Tensor | None, values: np.ndarray) -> bool:
    return tensor is not None and np.array_equal(tensor.float().numpy(), values)


def _by_split(row: Mapping[str, Any]) -> Metrics:
    found: Metrics = {}
    for key, value in row.items():
        split, _, name = key.partition("_")
        # The rows also have columns that are no metrics, such as the epoch and the step.
        if split in origin.SPLITS and isinstance(value, float):
            found.setdefault(split, {})[name] = value
    return found
