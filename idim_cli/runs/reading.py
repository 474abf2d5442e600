"""Reading the folders of runs: results and learning curves."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from idim_cli.core import bounded_io
from idim_cli.core.errors import FileError
from idim_cli.runs import consistency, result_schema
from idim_cli.runs.names import METRICS, RESULT, RUNS, Known, Plan, misplaced
from idim_cli.runs.plan_file import planned as planned_in

# Bytes, and cells of a learning curve, at most: more than a run of 100,000 evaluations writes.
_MOST = {RESULT: 2**22, METRICS: 2**25}
_CELLS = 2_000_000
_AGAIN = "run the same sweep again: it repeats the run"
_log = logging.getLogger(__name__)


def finished(folder: Path, known: Known | None = None, plan: Plan | None = None) -> Iterator[dict[str, Any]]:
    """The result and the purpose of each run that has a result.json, in the order of the plan.

    The plan holds the purpose of a run (`over`, `baseline_config`), result.json its result: a run may serve
    another plan later.

    Args:
        folder: a recipe's results folder, as `idim sweep` makes it.
        known: results by run_id that need not be read again; those read now are added.
        plan: of a running sweep, as another process may replace plan.json; None reads plan.json.
    """
    known, found = {} if known is None else known, list[dict[str, Any]]()
    for planned in planned_in(folder) if plan is None else plan:
        run_id = planned["run_id"]
        result = known.get(run_id) or _readable(folder / RUNS / run_id)
        if result is not None:
            known[run_id] = result
            found.append(serving(result, planned))
    # All results are needed for this: which one is odd is decided by the majority.
    odd = consistency.odd(found)
    for run_id, why in odd.items():
        _leave_out(f"{folder / RUNS / run_id / RESULT} {why}")
    return (one for one in found if one["run_id"] not in odd)


def serving(result: Mapping[str, Any], planned: Mapping[str, Any]) -> dict[str, Any]:
    """A run's result with its purpose; in no plan, `over` holds the protocol of its coordinates."""
    return {**result, "over": result.get("coords") or {}, **planned}


def readable(folder: Path, run_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The results of these runs below `folder`, with a warning for each that cannot be read."""
    found = (_readable(folder / RUNS / run_id) for run_id in run_ids)
    return (result for result in found if result is not None)


def _readable(run_folder: Path) -> dict[str, Any] | None:
    """A run's result; None, with a warning, if it is damaged or another run's."""
    try:
        result = read_result(run_folder)
    except FileError as error:
        _leave_out(error.message, error.hint)
        return None
    if result is not None and (why := misplaced(result, run_folder.name)):
        _leave_out(f"{run_folder / RESULT} {why}")
        return None
    return result


def _leave_out(why: str, hint: str = _AGAIN) -> None:
    # A warning, not an error: one damaged run must not hide a thousand others.
    _log.warning("%s; the run is left out (%s)", why, hint)


def read_result(run_folder: Path) -> dict[str, Any] | None:
    """The content of a run's result.json; None when the run has not ended.

    Raises:
        FileError: the file is not what `idim` wrote.
    """
    path = run_folder / RESULT
    try:
        return result_schema.parsed(bounded_io.read_bytes(path, _MOST[RESULT]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except FileError as error:
        raise FileError(str(error), f"remove it and {_AGAIN}") from error
    except OSError as error:
        raise FileError(f"cannot read {path}: {error}", f"remove it and {_AGAIN}") from error
    except ValueError as error:
        raise FileError(f"{path} is not the result of a run: {error}", _AGAIN) from error


def metrics(run_folder: Path) -> list[dict[str, float]]:
    """The learning curve of a run so far: the figures of each evaluation, without empty ones."""
    try:
        text = bounded_io.read_bytes(run_folder / METRICS, _MOST[METRICS]).decode()
        whole = text[: text.rfind("\n") + 1]  # without a last line that is still being written
        if (text.partition("\n")[0].count(",") + 1) * whole.count("\n") > _CELLS:
            raise ValueError(f"it has more than {_CELLS:,} cells")
        return [
            {name: float(cell) for name, cell in row.items() if cell}
            for row in csv.DictReader(whole.splitlines())
        ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (FileError, OSError, ValueError, TypeError, csv.Error) as error:
        _log.warning("cannot read %s: %s; the learning curve is left out", run_folder / METRICS, error)
        return []
