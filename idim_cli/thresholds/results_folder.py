"""Results folders: their runs, the reading that their recipe asks for, and the command that made them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli.core.errors import IdimError
from idim_cli.recipe import trust
from idim_cli.recipe.load import load
from idim_cli.runs import results
from idim_cli.thresholds.next_step import TableOrigin
from idim_cli.thresholds.options import Options

if TYPE_CHECKING:
    from pandas import DataFrame


def recorded_options(path: str | Path) -> Options:
    """The reading that the recipe of the folder `path` asks for; the defaults where there is no recipe.

    Raises:
        IdimError: the recipe has errors.
    """
    recipe = Path(path) / results.RECIPE
    return Options(**load(recipe).recipe.reading()) if recipe.is_file() else Options()


def read_runs(path: str | Path) -> DataFrame:
    """The table of the runs at `path`, as `results.read` gives it.

    Raises:
        FileError: there are none.
        IdimError: they are the trainings of `idim compress`, which have no d_int, as they differ in more
            than d.
    """
    path = Path(path)
    planned = any((path / name).exists() for name in (results.PLAN, results.RESULT))
    if path.resolve().name == results.TRAININGS and results.holds_runs(path) and not planned:
        message = f"{path} holds the trainings of `idim compress`, which are not a sweep"
        raise IdimError(message, f"give the results folder around it: {os.path.normpath(path / '..')}")
    return results.read(path)


def table_origin(path: str | Path, table: DataFrame) -> TableOrigin:
    """How the runs at `path` were made: by the recipe of a results folder; empty where there is none.

    `table` is what `read_runs` returned: runs that cannot be read count as not done. A comment behind the
    command names code of other people that it would run. Results that were moved have no command.
    """
    folder = Path(path).parent if Path(path).name == results.TABLE else Path(path)
    recipe, known = folder / results.RECIPE, None
    # A recipe that cannot be read costs the command, not the reading.
    with contextlib.suppress(IdimError):
        known = load(recipe).recipe if recipe.is_file() else None
    ended = set(table["run_id"]) if "run_id" in table else ()
    done, planned = results.progress(folder, ended)
    left = "" if done == planned else f"{done} of {planned} planned runs are done"
    # A folder that was renamed: the command would write to another one.
    if known is None or known.name != folder.resolve().name:
        return TableOrigin(recipe=known, left=left)
    words = (str(recipe), f"--out={os.path.normpath(folder / '..')}")
    return TableOrigin(words, known, left, trust.warning(recipe))
