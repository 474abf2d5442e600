"""Recipes and published points by name (shipped with idim) or by path (the user's files)."""

from __future__ import annotations

from pathlib import Path

from idim_cli.core.errors import FileError
from idim_cli.core.registry import did_you_mean

_PACKAGE = Path(__file__).parents[1]


def shipped() -> dict[str, Path]:
    """The shipped recipes, sorted: name ("quickstart", "paper/fig2") -> file."""
    home = home_of("recipes")
    files = {path.relative_to(home).with_suffix("").as_posix(): path for path in home.rglob("*.yaml")}
    return dict(sorted(files.items()))


def find(name_or_path: str | Path) -> Path:
    """The file of a recipe: an existing file, else a shipped name; FileError with near misses if neither."""
    path, known = Path(name_or_path), shipped()
    try:
        exists, is_folder = path.exists(), path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a NUL
        exists = is_folder = False
    if exists and not is_folder:
        return path
    # Before the folder: one of the same name must not hide a shipped recipe.
    name = str(name_or_path)
    if name in known:
        return known[name]
    if is_folder:
        raise FileError(f"{name} is a directory, not a recipe")
    raise FileError(f"no recipe {name!r}: neither a file nor a shipped name", did_you_mean(name, known))


def description(path: Path) -> str:
    """The purpose of a recipe: the first line of its opening comments."""
    with path.open(encoding="utf-8") as lines:
        comments = (line.lstrip("#").strip() for line in lines if line.startswith("#"))
        return next(filter(None, comments), "")


def published() -> dict[str, Path]:
    """The shipped published points, sorted: name ("mnist-fc") -> CSV of d and performance."""
    return dict(sorted((path.stem, path) for path in home_of("docs/published").glob("*.csv")))


def home_of(folder: str) -> Path:
    """The path of `folder` in a checkout, or of its copy in an installed package."""
    # A wheel contains it as ``_recipes``: a top-level folder would land in site-packages itself.
    inside = _PACKAGE / f"_{Path(folder).name}"
    return inside if inside.is_dir() else _PACKAGE.parent / folder
