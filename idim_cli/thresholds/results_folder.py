"""What lies in a results folder: the runs of a sweep, and how its recipe says to read them."""

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

    from idim_cli.recipe.schema import Recipe


def recorded(path: str | Path) -> Options:
    """The reading that the recipe of the folder `path` asks for; the defaults where there is no recipe.

    Raises:
        IdimError: the folder's recipe is faulty.
    """
    recipe = Path(path) / results.RECIPE
    return Options(**load(recipe).recipe.reading()) if recipe.is_file() else Options()


def swept(path: str | Path) -> DataFrame:
    """The table of the runs at `path`, as `results.read` gives it.

    Raises:
        FileError: there are none.
        IdimError: they are the trainings of `idim compress`, which have no d_int: each has its own d, values
            and start.
    """
    path = Path(path)
    if path.resolve().name == results.TRAININGS and results.holds_runs(path) and not _planned(path):
        message = f"{path} holds the trainings of `idim compress`, which are no sweep"
        raise IdimError(message, f"give the results that they belong to: {os.path.normpath(path / '..')}")
    return results.read(path)


def made(path: str | Path, table: DataFrame) -> TableOrigin:
    """How the runs at `path` were made: by the recipe of a results folder; empty where there is none.

    `table` is what `swept` gave for it: runs that cannot be read are still to be done.

    Behind its command stands, as a comment, which code of strangers that would run. Results that were moved
    would be made anew elsewhere, and have no command.
    """
    folder = Path(path).parent if Path(path).name == results.TABLE else Path(path)
    recipe = folder / results.RECIPE
    known, ended = _recipe(recipe), set(table["run_id"]) if "run_id" in table else ()
    done, planned = results.progress(folder, ended)
    left = "" if done == planned else f"{done} of {planned} planned runs are done"
    if known is None or known.name != folder.resolve().name:
        return TableOrigin(recipe=known, left=left)
    words = (str(recipe), f"--out={os.path.normpath(folder / '..')}")
    return TableOrigin(words, known, left, trust.warning(recipe))


def _recipe(file: Path) -> Recipe | None:
    """A recipe, if there is one that can be read."""
    with contextlib.suppress(IdimError):
        return load(file).recipe if file.is_file() else None
    return None


def _planned(path: Path) -> bool:
    """Whether this is a folder of a sweep, or of a single run."""
    return any((path / name).exists() for name in (results.PLAN, results.RESULT))
