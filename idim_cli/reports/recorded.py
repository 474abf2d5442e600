"""How the recipe of a results folder says that d_int is read."""

from __future__ import annotations

from pathlib import Path

from idim_cli.results import RECIPE
from idim_cli.thresholds import Options


def recorded(path: Path) -> Options:
    """As the recipe in the folder `path` says; the defaults where there is none.

    Raises:
        IdimError: the recipe is faulty.
    """
    from idim_cli.recipe.load import load

    recipe = path / RECIPE
    return Options(**load(recipe).recipe.reading()) if recipe.is_file() else Options()
