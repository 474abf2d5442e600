"""From a file, a shipped name or text to a checked recipe."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from idim_cli.core.errors import Fault, IdimError, RecipeError
from idim_cli.recipe import code_paths, override, text
from idim_cli.recipe.check import validate
from idim_cli.recipe.dump import dump
from idim_cli.recipe.find import find
from idim_cli.recipe.schema import Recipe
from idim_cli.recipe.source import SourceMap

#: What to do about a recipe without d to sweep over.
NO_GRID = "give d as --d 100,200,400, or let a search choose with --adaptive"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A checked recipe with the place of each key."""

    recipe: Recipe
    source: SourceMap

    def require_sweep(self) -> None:
        """Raise RecipeError unless the recipe describes a sweep."""
        if "sweep" not in self.recipe.usable:
            raise RecipeError([self.source.fault("sweep.d", "is missing", NO_GRID, at_key=True)])


def load(source: str | Path, overrides: str | Sequence[str] = ()) -> Loaded:
    """Read a recipe by path or shipped name, with ``key=value`` overrides (or a single one).

    Raises:
        FileError: the file does not exist or cannot be read.
        RecipeError: the recipe is invalid; holds all faults, each with its place.
        IdimError: `source` is neither a path nor a name.
    """
    # From Python any type may come; `find` would report a missing file.
    if not isinstance(source, str | Path):
        hint = "give its file, its name, or what load_recipe returns"
        raise IdimError(f"a {type(source).__name__} is no recipe", hint)
    path = find(source)
    if not isinstance(overrides, Sequence):
        raise IdimError(f"a {type(overrides).__name__} is no override", 'give a list, such as ["d=100"]')
    overrides = [overrides] if isinstance(overrides, str) else [str(one) for one in overrides]
    _log.debug("recipe %s%s", path, f" with {' '.join(overrides)}" if overrides else "")
    return _loaded(text.read(path), str(path), overrides, path.parent)


def as_loaded(recipe: Loaded | str | Path) -> Loaded:
    """`recipe` as it is, or read by `load`; IdimError for anything else."""
    return recipe if isinstance(recipe, Loaded) else load(recipe)


def loads(yaml_text: str, file: str = "<recipe>", overrides: Sequence[str] = ()) -> Loaded:
    """Read a recipe from YAML text; RecipeError as for `load`.

    `file` is its name in faults, and the default of the recipe's name.
    """
    return _loaded(yaml_text, file, overrides)


def _loaded(yaml_text: str, file: str, overrides: Sequence[str], folder: Path | None = None) -> Loaded:
    tree, source, faults = text.parse(yaml_text, file)
    if isinstance(tree, dict):
        # Before the overrides: paths on the command line are relative to the working folder.
        if folder is not None:
            code_paths.relocate(tree, folder)
        faults = faults + override.apply(tree, source, overrides)
        tree.setdefault("name", _name(file))
    return Loaded(validate(tree, source, faults), source)


def from_plain(tree: Any, file: str) -> Loaded:
    """Read a recipe from plain values, as made by `dump` and stored in checkpoints; see `loads`."""
    try:
        written = json.dumps(tree, allow_nan=False)  # JSON is YAML, and much faster to write
    except ValueError:  # infinity or NaN, which JSON does not have
        written = yaml.dump(tree, Dumper=text.Dumper)
    except RecursionError:
        raise RecipeError([Fault(file, 0, 0, "", f"nested more than {text.MAX_DEPTH} levels deep")]) from None
    return loads(written, file)


def _name(file: str) -> str:
    """The name of `file` in the letters that a recipe's name may have."""
    # Names may differ only in letters that are replaced here, so a digest of the whole is added.
    stem = Path(file).stem
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")
    if stem.isascii() and name:
        return name
    digest = hashlib.blake2b(stem.encode(errors="surrogatepass"), digest_size=4).hexdigest()
    return f"{name or 'recipe'}-{digest}"


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """`recipe` with dotted keys set, as in ``{"model.depth": 3}``; RecipeError if the result is invalid."""
    tree = dump(recipe)
    override.assign_all(tree, values)
    return validate(tree, SourceMap(recipe.name))
