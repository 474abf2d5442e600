"""Which rows belong together: one estimate for each combination of projector, model, swept keys and so on."""

from __future__ import annotations

import difflib
import functools
import logging
import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import IdimError
from idim_cli.recipe.schema import Recipe
from idim_cli.runs.columns import NAMES
from idim_cli.runs.table import SWEPT
from idim_cli.thresholds.labels import setting_text
from idim_cli.thresholds.rows import READ, Columns, coords_columns, require_columns, rows_are_direct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    Ints = NDArray[np.int64]

_FIXED = ("dataset", "model", "projector", "task")
_OURS = {"run_id", "task", "D"}  # columns of every table that `idim` wrote, of any version
# Columns that differ between direct runs and the sweep that they are the baseline of.
_NOT_OF_DIRECT = ("projector", "config")
_OF_THE_PROBLEM = ("dataset", "model", "task", "recipe")
# Columns that hold what is read of each run.
_NO_GROUPS = (Columns.d, Columns.performance, Columns.direct, Columns.status)

Group = dict[str, Any]
_log = logging.getLogger(__name__)


def group_rows(
    table: DataFrame, by: Sequence[str] | None = None, source: str = ""
) -> Iterator[tuple[Group, Ints]]:
    """Split a table into groups; each gets the direct runs that belong to it.

    Args:
        table: one row a run.
        by: columns to group by; None takes those of a table that `idim` wrote, and none in any other.
        source: the table's file, named in errors.

    Yields:
        The columns and values that name the group, and the places of its rows, the direct runs first; also of
        groups without a finished run.

    Raises:
        IdimError: a column of `by` is missing, or holds what is read of each run.
    """
    import numpy as np

    require_columns(table, (Columns.d, *(by or ())), source)
    for name in by or ():
        if name in _NO_GROUPS:
            hint = "take a column that distinguishes problems, models or projectors"
            raise IdimError(f"cannot group by {name!r}: it holds what is read from each run", hint)
    columns = list(by) if by is not None else group_columns(table)
    # With direct runs alone there is nothing to group by: their d and projector are those of no sweep.
    direct = rows_are_direct(table).to_numpy(bool)
    if not columns or direct.all():
        yield {}, np.arange(len(table))
        return
    swept = np.flatnonzero(~direct)
    keys = [whole(table[column].iloc[swept]) for column in columns]
    numbers = table.iloc[swept].groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    baselines = _Baselines(table, np.flatnonzero(direct), strict=by is not None)
    # Sorted once and split, as a mask for each of hundreds of groups would read the table as often. Stable,
    # so that the rows of a group stay in the order of the table.
    order = np.argsort(numbers, kind="stable")
    for some in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        group = {column: key.iloc[some[0]] for column, key in zip(columns, keys, strict=True)}
        yield plain(group), np.concatenate([baselines.of(group, swept[some]), swept[some]])


def label(group: Mapping[str, Any]) -> str:
    """``model fc, model.depth 2``; empty for the only group of a table."""
    return ", ".join(f"{key} {setting_text(value)}" for key, value in group.items() if value is not None)


def group_columns(table: DataFrame) -> list[str]:
    """The columns that distinguish groups in a table that `idim` wrote; none for any other table."""
    names = [str(c) for c in table.columns]
    if not set(names) >= _OURS:
        return []
    wanted = dict.fromkeys((*_FIXED, *over_columns(table), *coords_columns(table)))
    columns = [c for c in wanted if c in names]
    swept = table[~rows_are_direct(table)]
    # In concatenated tables, or after a change of the recipe, runs of different training are not mixed.
    for name in ("recipe", "config"):
        if name in names and (swept.groupby(columns, dropna=False)[name].nunique() > 1).any():
            columns.append(name)
    return columns


def over_columns(table: DataFrame) -> list[str]:
    """The columns of swept recipe keys; none in a table that `idim` did not write."""
    names = [str(c) for c in table.columns]
    if not set(names) >= _OURS:
        return []
    if SWEPT in table.attrs:  # from plan.json
        return [key for key in table.attrs[SWEPT] if key in names]
    # A table without its plan: columns named like recipe keys that are not in every table. `method` is in
    # every table, so that only its values show whether it was swept.
    keys = [c for c in names if c.partition(".")[0] in Recipe.model_fields and c not in NAMES]
    return [*keys, *(c for c in ("method",) if c in names and table[c].nunique() > 1)]


def mixed(table: DataFrame, by: Sequence[str] | None = None, chosen: Collection[str] = ()) -> list[str]:
    """Columns of words that vary within what is read as one group: they may distinguish problems.

    Args:
        table: one row a run; tables that `idim` wrote have groups and are not checked.
        by: the columns that the user groups by; nothing is mixed then.
        chosen: columns whose values the user has picked.
    """
    if by or Columns.d not in table or group_columns(table):
        return []
    swept = table[~rows_are_direct(table)]
    words = swept.select_dtypes(exclude=["number", "bool"]).columns.difference([*READ, *chosen])
    # A column with another word in each row is a name of runs, not of problems.
    return [str(column) for column in words if 1 < swept[column].nunique() < len(swept)]


def select(table: DataFrame, where: Mapping[str, Sequence[str]], source: str = "") -> DataFrame:
    """The rows whose columns have one of the given values, compared as text or as numbers.

    Raises:
        IdimError: a column is missing, or no row has one of the values; the hint lists the values.
    """
    for column, values in where.items():
        require_columns(table, [column], source)
        # value=v: a lambda in a loop sees the last v otherwise.
        masks = {v: table[column].map(lambda cell, value=v: _same(cell, value)).astype(bool) for v in values}
        absent = [value for value, rows in masks.items() if not rows.any()]
        if absent:
            raise IdimError(f"no row with {column} = {' or '.join(absent)}", _present(table[column], absent))
        table = table[functools.reduce(operator.or_, masks.values())]
    return table


def _present(cells: Series[Any], absent: Sequence[str]) -> str:
    """The values of a column that are nearest to the absent ones; all if none is near."""
    have = sorted({str(cell) for cell in cells})
    near = dict.fromkeys(name for value in absent for name in difflib.get_close_matches(value, have, n=2))
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    shown = ", ".join(map(repr, have[:12])) + (", ..." if len(have) > 12 else "")
    return f"{cells.name} is one of {shown}"


class _Baselines:
    """The direct runs of a table, and which of them belong to a group.

    Args:
        table: of all runs.
        direct: places of the direct runs in it.
        strict: only runs that are equal in every column that any direct run fills in; otherwise those of the
            same problem are taken when all were trained in other ways.
    """

    def __init__(self, table: DataFrame, direct: Ints, strict: bool) -> None:
        self.table, self.rows, self.at, self.strict = table, table.iloc[direct], direct, strict
        # Tables of idim name the configuration of their direct runs; others are matched by their columns.
        named = {"config", "baseline_config"} <= set(table.columns)
        self.warned = False
        self.named = table["baseline_config"].astype(object) if named else None
        self.of_config: Mapping[Any, Ints] = {}
        if self.named is not None:
            self.of_config = {k: direct[at] for k, at in self.rows.groupby("config").indices.items()}

    def of(self, group: Group, rows: Ints) -> Ints:
        """Places of the direct runs that the rows of a group name, else of those with the same settings."""
        import numpy as np

        if self.named is not None:
            names = self.named.iloc[rows].dropna().unique()
            if len(names):
                own = [self.of_config[name] for name in names if name in self.of_config]
                return np.sort(np.concatenate([*own, self.at[:0]]))
            return self._of_one_kind(self.at[self._like(group)], rows)
        return self.at[self._like(group)]

    def _of_one_kind(self, direct: Ints, rows: Ints) -> Ints:
        """Direct runs that no plan assigns: those with the D of the group; none if their settings differ."""
        if Columns.D in self.table and len(D := self.table[Columns.D].iloc[rows].dropna().unique()):
            direct = direct[self.table[Columns.D].iloc[direct].isin(D).to_numpy(bool)]
        kinds = self.table["config"].iloc[direct].nunique()
        if kinds > 1 and not self.warned:  # once, not for each of many groups
            self.warned = True
            _log.warning(
                "%d kinds of direct runs may be the baseline, and no plan says which: none is taken "
                "(run the same `idim sweep` again, or give --baseline)",
                kinds,
            )
        return direct[:0] if kinds > 1 else direct

    def _like(self, group: Group) -> NDArray[np.bool_]:
        shared = [c for c in group if not c.startswith(_NOT_OF_DIRECT) and c in self.rows]
        exact = _matches(self.rows, group, shared)
        if exact.any() or self.strict:
            return exact
        # Direct training often needs another learning rate or budget than a sweep: the problem has to match.
        return _matches(self.rows, group, [c for c in shared if c.startswith(_OF_THE_PROBLEM)])


def _matches(direct: DataFrame, group: Mapping[str, Any], columns: Sequence[str]) -> NDArray[np.bool_]:
    import pandas

    fits = pandas.Series(True, index=direct.index)
    for column in columns:
        cells, value = direct[column], group[column]
        if cells.notna().any():  # else the column does not touch direct runs
            fits &= cells.isna() if pandas.isna(value) else cells == value
    return fits.to_numpy(bool)


def _same(cell: Any, value: str) -> bool:
    if str(cell) == value:
        return True
    try:
        return float(cell) == float(value)
    except (TypeError, ValueError):
        return False


def plain(group: Mapping[Any, Any]) -> Group:
    """Python's numbers for numpy's, None for an empty cell."""
    import pandas

    own = {key: value.item() if hasattr(value, "item") else value for key, value in group.items()}
    return {key: None if pandas.isna(value) else value for key, value in own.items()}


def whole(cells: Series[Any]) -> Series[Any]:
    """A column of whole numbers as integers although cells are empty, for which pandas makes them floats."""
    known = cells.dropna()
    if cells.dtype != "float64" or known.empty or (known % 1 != 0).any():
        return cells
    return cells.astype("Int64")
