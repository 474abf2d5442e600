"""The folders of runs, and which runs have come to their outcome; known before torch is loaded."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idim_cli.core.errors import FileError
from idim_cli.recipe.schema import Recipe
from idim_cli.runs import results
from idim_cli.runs.plan import Run

_log = logging.getLogger(__name__)


def results_folder(out: str | Path, recipe: Recipe) -> Path:
    """The folder of a recipe's results below the folder `out` of all results; FileError if that is a file."""
    return results.as_folder(out) / recipe.name


def run_folder(out: str | Path, run: Run) -> Path:
    """The folder of `run` below the folder `out` of all results."""
    return results_folder(out, run.recipe) / results.RUNS / run.run_id


def pending(run: Run, folder: Path) -> bool:
    """Whether this run has not come to its outcome yet."""
    return done(run, folder) is None


def done(run: Run, folder: Path) -> dict[str, Any] | None:
    """The outcome of this run in its folder; None while it has none that stands.

    One that cannot be read, or is of another run, is none: a warning names it, and the run is made again.
    """
    result, why = _read(run, folder)
    if why:
        _log.warning("%s; the run is made again", why)
    # What made a run crash may not hold any more.
    return None if result is None or result.get("again") else result


def put_away(run: Run, folder: Path) -> None:
    """Remove a result that cannot be believed, and was named by `done`, so that it is not named again."""
    if _read(run, folder)[1]:
        with contextlib.suppress(FileError, OSError), results.sole_writer(folder):  # or another process's
            (folder / results.RESULT).unlink(missing_ok=True)


def _read(run: Run, folder: Path) -> tuple[dict[str, Any] | None, str]:
    """The result of a run, if there is one, and why what lies there is none."""
    try:
        result = results.read_result(folder)
    except FileError as error:
        return None, str(error.message)
    why = "" if result is None else _foreign(run, result)
    return (None, f"{folder / results.RESULT} {why}") if why else (result, "")


def _foreign(run: Run, result: Mapping[str, Any]) -> str:
    """Why this is not a result of `run`, in words; empty if it is."""
    if result.get("config") != run.config:
        return "is the result of another configuration"
    return results.misplaced(result, run.run_id)
