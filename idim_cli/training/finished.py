"""The folders of runs, and which runs are finished; imports no torch."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Any

from idim_cli.core.errors import FileError
from idim_cli.recipe.schema import Recipe
from idim_cli.runs import results
from idim_cli.runs.plan import Run

_log = logging.getLogger(__name__)


def results_folder(out: str | Path, recipe: Recipe) -> Path:
    """The folder of a recipe's results in `out`, the folder of all results; FileError if `out` is a file."""
    return results.as_folder(out) / recipe.name


def run_folder(out: str | Path, run: Run) -> Path:
    """The folder of `run` in `out`, the folder of all results."""
    return results_folder(out, run.recipe) / results.RUNS / run.run_id


def done(run: Run, folder: Path) -> dict[str, Any] | None:
    """The result of this run in its folder; None if it has to be trained (again).

    A result that cannot be read or belongs to another run is ignored with a warning.
    """
    result, invalid = _read(run, folder)
    if invalid:
        _log.warning("%s; the run is made again", invalid)
    # "again": it crashed, of a cause that may be gone now.
    return None if result is None or result.get("again") else result


def discard_invalid(run: Run, folder: Path) -> None:
    """Remove a result that `done` has warned of, so that it warns once."""
    if _read(run, folder)[1]:
        # Suppressed: another process may be writing the new result at this moment.
        with contextlib.suppress(FileError, OSError), results.sole_writer(folder):
            (folder / results.RESULT).unlink(missing_ok=True)


def _read(run: Run, folder: Path) -> tuple[dict[str, Any] | None, str]:
    """The result of a run, if there is a valid one, else why the file is invalid."""
    try:
        result = results.read_result(folder)
    except FileError as error:
        return None, str(error.message)
    if result is None:
        return None, ""
    # A folder may have been copied or renamed by hand.
    other = result.get("config") != run.config
    why = "is the result of another configuration" if other else results.misplaced(result, run.run_id)
    return (None, f"{folder / results.RESULT} {why}") if why else (result, "")
