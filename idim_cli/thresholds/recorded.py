"""How the recipe of a results folder says to read it."""

from __future__ import annotations

from pathlib import Path

from idim_cli.recipe.load import load
from idim_cli.results import RECIPE
from idim_cli.thresholds.options import Options


def recorded(path: str | Path) -> Options:
    """The reading that the recipe of the folder `path` asks for; the defaults where there is no recipe.

    Raises:
        IdimError: the folder's recipe is faulty.
    """
    recipe = Path(path) / RECIPE
    return Options(**load(recipe).recipe.reading()) if recipe.is_file() else Options()
