"""Columns of a table: which of them hold the numbers of an example, and the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from idim_cli.core.errors import DataError
from idim_cli.core.number_formats import as_floats
from idim_cli.core.registry import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

#: Gives the file and line of a row, counted from 0.
Place = Callable[[int], str]

# Row numbers are left out because they give the label away where the rows are sorted by class. These names
# are written by spreadsheets, databases and R.
_INDEX_NAMES = ("", "index", "id", "idx", "row", "rownames", "row_id")
_UNNAMED = "Unnamed:"  # pandas' name for a column without one, as its own to_csv writes the index
_SHORT = 30  # with fewer rows, 0, 1, 2 .. in a column of another name may be a measurement
_HINT = "fill it in, remove the row, or name the columns to use: features: [COLUMN, ..]"


@dataclass(frozen=True)
class Chosen:
    """The columns of numbers that make up an example, and notes on what was left out and why."""

    names: list[str]
    notes: tuple[str, ...] = ()


def choose(frame: pd.DataFrame, label: str, what: str, place: Place) -> Chosen:
    """All columns of numbers except the label and row numbers.

    Raises:
        DataError: no column is left, or a cell in a column of numbers is a word; names its place.
    """
    left: dict[str, list[str]] = {}
    names = []
    for name in (str(column) for column in frame if column != label):
        if why := _why_not(frame[name], name, place):
            left.setdefault(why, []).append(name)
        else:
            names.append(name)
    if not names:
        columns = ", ".join(map(str, frame))
        raise DataError(f"{what}: no images or numbers in the columns {columns}", "name one: image: COLUMN")
    notes = (f"columns left out, as they {why}: {', '.join(found)}" for why, found in left.items())
    return Chosen(names, tuple(notes))


def numbers(frame: pd.DataFrame, names: Sequence[str], what: str, place: Place) -> NDArray[np.float32]:
    """The columns of these names as [n, k]; DataError, with the place, for a cell that is not finite."""
    require(frame, names, what)
    return np.stack([_numbers(frame[name], name, place) for name in names], axis=1)


def labels(cells: Sequence[Any], name: str, place: Place) -> list[Any]:
    """Labels as stored, words without surrounding spaces; DataError for an empty cell."""
    import pandas as pd

    found = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
    for row, cell in enumerate(found):
        # pd.isna of a list is an array, which has no truth value.
        if cell is None or cell == "" or (not isinstance(cell, list | dict) and pd.isna(cell)):
            raise DataError(f"{place(row)}: column {name!r}: the label is empty", "remove the row")
        if isinstance(cell, list | dict | np.ndarray):
            raise DataError(f"{place(row)}: column {name!r}: a {type(cell).__name__} is not a label")
    # Classes are numbered in sorted order, and Python does not order words and numbers.
    if len({isinstance(cell, str) for cell in found}) > 1:
        found = [str(cell) for cell in found]
    return found


def require(columns: Iterable[Any], names: Sequence[str], what: str) -> None:
    """DataError, with near misses, unless there are columns of all these names."""
    have = [str(column) for column in columns]
    for name in names:
        if name not in have:
            raise DataError(f"{what}: there is no column {name!r}", did_you_mean(name, have))


def _why_not(column: pd.Series[Any], name: str, place: Place) -> str:
    """Why a column is not part of an example; empty if it is."""
    if column.isna().all():
        return "are empty"
    if column.dtype.kind in "biuf":
        return "only count the rows" if _counts_rows(column, name) else ""
    known, found = column.dropna(), as_floats(column).dropna()
    # A column of words if most cells are. With fewer words it is one of numbers with mistakes such as `n/a`:
    # to leave it out would hide them.
    if 2 * len(found) < len(known):
        return "hold words"
    if len(found) < len(known):
        row = int(np.flatnonzero(column.notna() & as_floats(column).isna())[0])
        raise DataError(f"{place(row)}: column {name!r}: {column.iloc[row]!r} is not a number", _HINT)
    return ""


def _counts_rows(column: pd.Series[Any], name: str) -> bool:
    if column.dtype.kind not in "iuf" or column.isna().any() or (column % 1 != 0).any():
        return False
    steps = np.diff(column.to_numpy(dtype=float))
    consecutive = bool((steps == 1).all())
    if name.startswith(_UNNAMED):
        return consecutive or column.is_unique  # unique: the table was shuffled before it was written
    if name.strip().lower() in _INDEX_NAMES:
        return consecutive
    return consecutive and len(column) >= _SHORT and column.iloc[0] in (0, 1)


def _numbers(column: pd.Series[Any], name: str, place: Place) -> NDArray[np.float32]:
    # 1e300 overflows to infinity in float32, which is reported below with its place.
    with np.errstate(over="ignore"):
        found = as_floats(column).to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        row = int(wrong[0])
        cell = column.iloc[row]
        problem = "is empty" if column.isna().iloc[row] else f"{cell!s:.60} is not a finite number"
        raise DataError(f"{place(row)}: column {name!r} {problem}", _HINT)
    return found
