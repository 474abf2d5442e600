"""What lies in a results folder: the runs of a sweep, and how its recipe says to read them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli import results, trust
from idim_cli.errors import IdimError
from idim_cli.recipe.load import load
from idim_cli.thresholds.options import Options

if TYPE_CHECKING:
    from pandas import DataFrame


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


def rest(path: str | Path) -> str:
    """What a sweep that was stopped has left to do, and the command for it; empty where all is done."""
    path = Path(path)
    done, planned = results.progress(path)
    if done == planned:
        return ""
    recipe, out = path / results.RECIPE, os.path.normpath(path / "..")
    command = f"idim sweep {shlex.quote(str(recipe))} --out {shlex.quote(out)}"
    strange = trust.warning(recipe)
    return f"{done} of {planned} planned runs are done; go on with `{command}`{strange and f' ({strange})'}"


def _planned(path: Path) -> bool:
    """Whether this is a folder of a sweep, or of a single run."""
    return any((path / name).exists() for name in (results.PLAN, results.RESULT))
