"""The whole command that does what a reading says is to be run next, quoted for the shell."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from idim_cli import results

if TYPE_CHECKING:
    from idim_cli.recipe.schema import Recipe
    from idim_cli.thresholds import Reading

_SWEEP = ("idim", "sweep")
_SEEDS = "sweep.seeds="


def command(reading: Reading | None, recipe: Recipe, words: Sequence[str]) -> str:
    """The command behind `next`; empty where nothing is to be run.

    Args:
        reading: says what is to be run.
        recipe: of the sweep that made its runs.
        words: what came behind ``idim sweep`` to make them: a recipe, overrides, options.
    """
    if reading is None or not reading.next_arguments:
        return ""
    arguments = [_fitting(one, recipe) for one in _arguments(reading, recipe)]
    keys = {one.partition("=")[0] for one in arguments}
    kept = [word for word in words if not _within(word.partition("=")[0], keys)]
    at = next((i for i, word in enumerate(kept) if word.startswith("--")), len(kept))
    return shlex.join([*_SWEEP, *kept[:at], *arguments, *kept[at:]])


def of_folder(path: Path, reading: Reading | None) -> str:
    """The same for the results of a sweep in a folder, or its results.csv; empty for those of others.

    Behind it stands, as a comment, which code of strangers it would run.
    """
    from idim_cli import trust
    from idim_cli.recipe.load import load

    folder = path.parent if path.name == results.TABLE else path
    file = folder / results.RECIPE
    if not file.is_file():
        return ""
    recipe = load(file).recipe
    if recipe.name != folder.resolve().name:  # it was moved, and would be made anew elsewhere
        return ""
    line, strange = command(reading, recipe, [str(file), "--out", str(folder.parent)]), trust.warning(file)
    return f"{line}  # {strange}" if line and strange else line


def _arguments(reading: Reading, recipe: Recipe) -> Sequence[str]:
    """As the reading says; a search has limits in place of a grid."""
    from idim_cli.registry import registry
    from idim_cli.thresholds import advice

    search = recipe.sweep.search if recipe.sweep else None
    if search is None or search.name != "adaptive":
        return reading.next_arguments
    return advice.search_arguments(reading, registry("search").filled(search.name, search.params))


def _within(key: str, keys: Collection[str]) -> bool:
    """Whether one of `keys` sets `key`, alone or together with others."""
    return any(key == one or key.startswith(f"{one}.") for one in keys)


def _fitting(argument: str, recipe: Recipe) -> str:
    """An argument in the form that the recipe has: of listed seeds, a longer list."""
    seeds = recipe.sweep.seeds if recipe.sweep else None
    if not argument.startswith(_SEEDS) or seeds is None or isinstance(seeds, int):
        return argument
    number = int(argument.removeprefix(_SEEDS))
    if isinstance(seeds, list):
        return f"{_SEEDS}{_longer(seeds, number)}"
    return f"{_SEEDS[:-1]}.projector={_longer(seeds.projector, number)}"


def _longer(seeds: Sequence[int], number: int) -> str:
    """So many seeds: those there are, and the next ones."""
    following = range(max(seeds) + 1, max(seeds) + 1 + max(number - len(seeds), 1))
    return f"[{','.join(map(str, [*seeds, *following]))}]"
