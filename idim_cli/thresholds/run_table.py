"""A table of runs as arrays, made once, so that each of many groups costs no more than its own rows."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from idim_cli.core.errors import IdimError
from idim_cli.core.number_formats import as_floats, kind
from idim_cli.thresholds.rows import (
    Columns,
    copies,
    is_finished,
    is_stopped,
    place,
    require_columns,
    rows_are_direct,
)

if TYPE_CHECKING:
    from pandas import DataFrame

Ints = NDArray[np.int64]
_LARGEST = 2**53  # up to here every whole number is a float
_MOST = 1e100  # whose square is still finite
_NUMBERS = (
    Columns.performance, Columns.d, Columns.D, Columns.stop_level, Columns.final_low, Columns.final_high,
)  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Finished runs with numeric d and performance, by their places in the table.

    Attributes:
        swept: runs in subspaces that were trained to their end.
        direct: direct training.
        stopped: runs in subspaces that were stopped early; their final performance is not known.
        left_out: number of all other rows.
    """

    swept: Ints
    direct: Ints
    stopped: Ints
    left_out: int


class RunTable:
    """A table and those of its columns that a reading needs, as arrays.

    Args:
        frame: one row a run with at least the columns d and performance.
        source: its file, named in errors.

    Raises:
        IdimError: there is no column d.
    """

    def __init__(self, frame: DataFrame, source: str = "") -> None:
        require_columns(frame, (Columns.d,), source)
        self.frame, self.source = frame, source
        self.finished, self.stopped = is_finished(frame).to_numpy(bool), is_stopped(frame).to_numpy(bool)
        self.copies = copies(frame)
        self.direct = rows_are_direct(frame).to_numpy(bool)
        # Cached for each table: thousands of groups read the same columns.
        self._number = functools.cache(self._numbers_of)
        self._coded = functools.cache(self._codes_of)

    def __contains__(self, column: str) -> bool:
        return column in self.frame

    def number(self, column: str) -> NDArray[np.float64]:
        """A column of numbers; NaN where a cell is empty or no number."""
        return self._number(column)[0]

    def codes(self, column: str) -> Ints:
        """The cells of a column as numbers from 0 on, equal where they are equal; -1 for an empty one."""
        return self._coded(column)[0]

    def values(self, column: str, at: Ints) -> list[Any]:
        """The different cells of a column at these places, without empty ones."""
        codes, values = self._coded(column)
        return [values[code] for code in np.unique(codes[at]) if code >= 0]

    def clean(self, at: Ints | None = None) -> Rows:
        """Check the rows at these places (None: all), in this order, and keep the finished runs.

        A row is direct if its column `direct` is true; where that is absent or empty, if its projector is
        ``identity``, or d is 0, or d equals D. Rows with another `status` than ``ok`` are left out, except
        for ``solved`` and ``unsolved``, which are listed separately. Copies of other rows are ignored.

        Raises:
            IdimError: there is no performance, a cell is not a number (named by file and line), d is below 1
                or not whole.
        """
        require_columns(self.frame, (Columns.performance,), self.source)
        at = self.distinct(at)
        # A failed run may have any cells: only the others are checked.
        finished, early = at[self.finished[at]], at[self.stopped[at]]
        if not len(finished) and not len(early):
            hint = f"{len(at)} of its rows have a status other than ok" if len(at) else "it has no rows"
            raise IdimError(f"{self.source or 'the table'} has no finished run", hint)
        for kept in (finished, early):
            self._check(kept)
        direct = self.direct[finished]
        return Rows(finished[~direct], finished[direct], early, len(at) - len(finished) - len(early))

    def distinct(self, at: Ints | None = None) -> Ints:
        """These places (None: all) without those of rows that are copies of others."""
        at = np.arange(len(self.frame)) if at is None else at
        return at[~self.copies[at]]

    def _numbers_of(self, column: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """A column as numbers, and which cells are neither a number nor empty."""
        cells = self.frame[column]
        values = as_floats(cells)
        return np.asarray(values, dtype=np.float64), np.asarray(values.isna() & cells.notna(), dtype=np.bool_)

    def _codes_of(self, column: str) -> tuple[Ints, Any]:
        import pandas

        return pandas.factorize(self.frame[column])

    def _check(self, at: Ints) -> None:
        for column in (column for column in _NUMBERS if column in self.frame):
            wrong = at[self._number(column)[1][at]]
            if len(wrong):
                # In a column with a word, numbers with decimal commas stay text: the word is the error.
                words = [kind(str(cell)) == "words" for cell in self.frame[column].iloc[wrong]]
                wrong = wrong[words] if any(words) else wrong
                text = self.frame[column].iloc[wrong[0]]
                raise IdimError(f"{self._place(wrong)}{column}: {text!r} is not a number")
        for wrong, message, hint in self._faults(at):
            if len(wrong):
                raise IdimError(self._place(wrong) + message, hint)

    def _faults(self, at: Ints) -> Iterator[tuple[Ints, str, str]]:
        """Places of wrong values, what is wrong, and what to do about it."""
        hint = "a row whose status is not ok is left out"
        if Columns.status not in self.frame:
            hint = "take the row out, or add a column status: a row with the status failed is left out"
        unscored = at[~np.isfinite(self.number(Columns.performance)[at])]
        yield unscored, "performance is empty or not finite", hint
        yield at[np.abs(self.number(Columns.performance)[at]) > _MOST], "performance is too large", ""
        swept = at[~self.direct[at]]
        d = self.number(Columns.d)[swept]
        yield swept[~np.isfinite(d)], "d is empty or not finite", ""
        yield swept[d < 1], "d is below 1", ""
        yield swept[d % 1 != 0], "d is not a whole number", ""
        yield swept[d > _LARGEST], "d is too large", ""
        if Columns.D in self.frame:
            yield at[self.number(Columns.D)[at] > _LARGEST], "D is too large", ""

    def _place(self, wrong: Ints) -> str:
        return place(self.source, self.frame.index[wrong[0]])


def clean(frame: DataFrame, source: str = "") -> tuple[RunTable, Rows]:
    """A table as arrays, and its finished runs; errors as `RunTable` and its `clean`."""
    table = RunTable(frame, source)
    return table, table.clean()
