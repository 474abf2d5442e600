"""Recipes and published points by path or by name: those that come with idim, and the user's own files."""

from __future__ import annotations

from pathlib import Path

from idim_cli.core.errors import FileError
from idim_cli.core.registry import did_you_mean

_PACKAGE = Path(__file__).parents[1]


def shipped() -> dict[str, Path]:
    """The recipes that come with idim: name ("quickstart", "paper/fig2") -> file, in order of name."""
    home = home_of("recipes")
    files = {path.relative_to(home).with_suffix("").as_posix(): path for path in home.rglob("*.yaml")}
    return dict(sorted(files.items()))


def find(name_or_path: str | Path) -> Path:
    """The file of a recipe: an existing file, else a shipped name; FileError with near misses if neither."""
    path, known = Path(name_or_path), shipped()
    is_there, is_folder = _look(path)
    if is_there and not is_folder:
        return path
    name = str(name_or_path)
    if name in known:
        return known[name]
    if is_folder:
        raise FileError(f"{name} is a directory, not a recipe")
    raise FileError(f"no recipe {name!r}: neither a file nor a shipped name", did_you_mean(name, known))


def description(path: Path) -> str:
    """What a recipe is for: the first line of its opening comments."""
    with path.open(encoding="utf-8") as lines:
        comments = (line.lstrip("#").strip() for line in lines if line.startswith("#"))
        return next(filter(None, comments), "")


def published() -> dict[str, Path]:
    """The published points that come with idim: name ("mnist-fc") -> CSV of d and performance, in order."""
    return dict(sorted((path.stem, path) for path in home_of("docs/published").glob("*.csv")))


def home_of(folder: str) -> Path:
    """What lies in `folder` of a checkout; in a wheel it lies inside the package, as ``_recipes``."""
    inside = _PACKAGE / f"_{Path(folder).name}"
    return inside if inside.is_dir() else _PACKAGE.parent / folder


def _look(path: Path) -> tuple[bool, bool]:
    """Whether `path` is there, and whether it is a folder."""
    try:
        return path.exists(), path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False, False
