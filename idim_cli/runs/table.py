"""The runs of a folder as a table, one row a run; results.csv is derived from it and never a source."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.core import untrusted_text
from idim_cli.core.csv_io import read_csv
from idim_cli.core.errors import FileError
from idim_cli.runs import columns
from idim_cli.runs.files import update
from idim_cli.runs.names import RESULT, RUNS, TABLE, Known, Plan, as_path
from idim_cli.runs.plan_file import swept
from idim_cli.runs.reading import finished, read_result, serving

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 6  # files that a hint names at most
#: Attribute of a table (`DataFrame.attrs`): the recipe keys that its plan sweeps over.
SWEPT = "swept"


def row(result: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of one run, from a result of `finished`; unknown values are None.

    Besides `columns.ALL` there is a column for each recipe key that is swept, named after it, and one for
    each further metric; a metric that has the name of another column has none.
    """
    over = {key: _cell(value) for key, value in (result.get("over") or {}).items()}
    fixed = {key: result.get(key) for key in columns.NAMES}
    cells = {**(result.get("metrics") or {}), **fixed, **over}
    return {key: cells[key] for key in _columns([result])}


def table(folder: Path, known: Known | None = None, plan: Plan | None = None) -> pd.DataFrame:
    """All finished runs below `folder`, in the order of the plan (without one: by run_id).

    Runs that the plan does not name are left out. ``attrs["swept"]`` has the keys that the plan sweeps over.
    Writes nothing.

    Args:
        folder: a recipe's, as `idim sweep` makes it.
        known, plan: see `finished`.

    Raises:
        FileError: there is no such folder.
    """
    import pandas as pd

    if not folder.is_dir():
        raise FileError(f"no folder {str(folder)!r}", "a results folder is made by `idim sweep`")
    found = list(finished(folder, known, plan))
    rows = [row(result) for result in found]
    frame = pd.DataFrame(rows, columns=_columns(found))
    reals = columns.of_kind("real")
    for name in columns.NAMES:
        # What is unknown for all runs is a column of NaN, as when it is read from a CSV.
        if name in reals or frame[name].isna().all():
            frame[name] = frame[name].astype(float)
    for name in (*columns.of_kind("whole"), *_counts(found)):
        frame[name] = _whole([one.get(name) for one in rows])
    frame.attrs[SWEPT] = list(dict.fromkeys(key for one in found for key in one.get("over") or {}))
    return frame


def write_csv(folder: Path, known: Known | None = None, plan: Plan | None = None) -> Path:
    """Update results.csv of a results folder; returns its path. For `known` and `plan` see `finished`."""
    path = folder / TABLE
    update(path, to_csv(table(folder, known, plan)))
    return path


def to_csv(frame: pd.DataFrame) -> str:
    """A table of runs as CSV, in which no cell is a spreadsheet formula."""
    words = frame.select_dtypes(["object", "string"]).columns
    shown = frame.assign(**{name: frame[name].map(untrusted_text.shielded) for name in words})
    return str(shown.rename(columns=untrusted_text.shielded).to_csv(index=False, lineterminator="\n"))


def holds_runs(path: Path) -> bool:
    """Whether `read` finds a table at a path: a results folder, one run's folder, or a file."""
    return (
        path.is_file() or (path / RUNS).is_dir() or any((path / name).is_file() for name in (RESULT, TABLE))
    )


def read(path: str | Path) -> pd.DataFrame:
    """The table of a results folder, of one run's folder, or of any CSV file.

    Raises:
        FileError: there is none of these at `path`.
    """
    import pandas as pd

    path = as_path(path)
    if path.is_file():
        return _with_plan(read_csv(path), path.parent) if path.name == TABLE else read_csv(path)
    if (path / RUNS).is_dir():
        return table(path)
    result = read_result(path)
    if result is not None:
        return pd.DataFrame([row(serving(result, {}))])
    if (path / TABLE).is_file():
        return _with_plan(read_csv(path / TABLE), path)
    raise FileError(f"no results at {str(path)!r}", _near(path))


def _with_plan(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """A results.csv with the keys that the plan next to it sweeps over, if there is one."""
    if (keys := swept(folder)) is not None:
        frame.attrs[SWEPT] = keys
    return frame


def _columns(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of all results: those of `columns` in their places, others in order of appearance."""
    over = [key for result in results for key in result.get("over") or {}]
    metrics = [key for result in results for key in result.get("metrics") or {}]
    # A key such as "projector" may be swept over and is a fixed column already.
    head, body, tail = ([one.name for one in part] for part in (columns.HEAD, columns.BODY, columns.TAIL))
    return list(dict.fromkeys([*head, *over, *body, *metrics, *tail]))


def _counts(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys of ``sweep.over`` all of whose values are whole numbers."""
    found: dict[str, set[type]] = {}
    for key, value in (pair for result in results for pair in (result.get("over") or {}).items()):
        fits = type(value) is not int or abs(value) < 2**63  # as a column can hold it
        found.setdefault(key, set()).add(type(value) if fits else str)
    return [key for key, types in found.items() if types == {int} and key not in columns.NAMES]


def _cell(value: Any) -> Any:
    """A value of ``sweep.over`` as a cell: mappings and lists as JSON."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def _whole(values: list[Any]) -> pd.Series[Any]:
    """Whole numbers as integers also where some are unknown: as floats, large seeds would lose digits."""
    import pandas as pd

    if None in values:
        return pd.Series(values, dtype="Int64")
    return pd.Series(values, dtype=object).infer_objects()


def _near(path: Path) -> str:
    below = [child for child in path.glob("*") if (child / RUNS).is_dir()] if path.is_dir() else []
    if below:
        return f"it holds results of several recipes: {', '.join(str(p) for p in sorted(below))}"
    tables = sorted(str(child) for child in path.glob("*.csv")) if path.is_dir() else []
    if tables:
        more = ", ..." if len(tables) > _NAMED else ""
        return f"it holds CSV files, of which one can be read: {', '.join(tables[:_NAMED])}{more}"
    others = [child.name for child in path.parent.glob("*") if child.name != path.name]
    near = difflib.get_close_matches(path.name, others, n=2)
    return f"did you mean {' or '.join(near)}?" if near else "a results folder is made by `idim sweep`"
