"""One results folder, run folder or table of runs, with all that a report says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import FileError
from idim_cli.recipe.files import read_text
from idim_cli.reports.inputs.section import Section, Unread, sections, slugged
from idim_cli.runs import consistency, results
from idim_cli.thresholds import Options, made, recorded, swept
from idim_cli.thresholds.selection import ALL, Selection

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class ResultSet:
    """Runs that lie in one place.

    Attributes:
        path: the place, as it was given.
        name: the recipe's name, else that of the folder or file.
        table: one row a run.
        options: how d_int is read.
        left: what its sweep has left to do, and the command for it; empty if nothing.
        sections, unread: the groups that can be read, and those that cannot.
        recipe: the text of the recipe that made them; empty where there is none.
        published: what that recipe says of published points.
        folders: of the runs, by run_id; those of a table are not known.
        told: what result.json of each says.
        notes: on how the table was understood.
        selection: which rows were read, by which columns and in which groups.
        left_out: runs whose result cannot be read, each with the reason.
    """

    path: Path
    name: str
    table: DataFrame
    options: Options
    left: str
    sections: Sequence[Section]
    unread: Sequence[Unread]
    recipe: str
    published: str | None
    folders: Mapping[str, Path]
    told: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = ()
    selection: Selection = ALL
    left_out: Sequence[tuple[str, str]] = ()

    @property
    def slug(self) -> str:
        """The name as part of file names; a name without letters that are safe there gets another."""
        slug = slugged(self.name)
        return slug if slug[:1].isalnum() else f"results{slug}"

    @property
    def lone(self) -> bool:
        """Whether this is one run of `idim`, of which no d_int can be asked."""
        return len(self.table) == 1 and "run_id" in self.table


def load(path: Path, options: Options | None = None, selection: Selection = ALL, **changes: Any) -> ResultSet:
    """Read what lies at `path`; `options` None leaves them to its recipe, `changes` overrule both.

    `selection` says which of its rows are read.

    Raises:
        IdimError: there are no results, they or their recipe cannot be read, or an option is wrong.
    """
    how = (options or recorded(path)).but(**changes)
    runs = swept(path)
    (table, notes), origin = selection.of(runs, str(path)), made(path, runs)
    found, unread = sections(table, how, str(path), origin, selection.by)
    folders = _folders(path, table)
    told = {run_id: results.read_result(folder) or {} for run_id, folder in folders.items()}
    place = _recipe(path)
    recipe = read_text(place) if place else ""
    return ResultSet(
        path, _name(path, table), table, how, origin.warning, found, unread,
        recipe=recipe,
        published=_published(recipe),
        folders=folders,
        told=told,
        notes=tuple(notes),
        selection=selection,
        left_out=_left_out(path, told),
    )  # fmt: skip


def _name(path: Path, table: DataFrame) -> str:
    recipes = set(table["recipe"].dropna()) if "recipe" in table else set()
    return str(recipes.pop()) if len(recipes) == 1 else path.resolve().name.removesuffix(".csv")


def _folders(path: Path, table: DataFrame) -> dict[str, Path]:
    if path.is_file() or "run_id" not in table:
        return {}
    if (path / results.RESULT).is_file():
        return {str(run_id): path for run_id in table["run_id"]}
    places = {str(run_id): path / results.RUNS / str(run_id) for run_id in table["run_id"]}
    return {run_id: place for run_id, place in places.items() if place.is_dir()}


def _left_out(path: Path, known: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The runs below a results folder that have a result which cannot be read, and why not."""
    found, others = [], {}
    for place in sorted((path / results.RUNS).glob(f"*/{results.RESULT}")) if path.is_dir() else ():
        if place.parent.name not in known:
            try:
                result = results.read_result(place.parent)
            except FileError as error:
                found.append((place.parent.name, str(error)))
                continue
            if result and (why := results.misplaced(result, place.parent.name)):
                found.append((place.parent.name, f"{place} {why}"))
            elif result:
                others[place.parent.name] = result
    odd = consistency.odd([*(one for one in known.values() if one), *others.values()])
    found += [(name, f"{name} {odd[one['run_id']]}") for name, one in others.items() if one["run_id"] in odd]
    return sorted(found)


def _recipe(path: Path) -> Path | None:
    """The recipe of a results folder, or of one run; that of the only run below a folder that has none."""
    places = [path / results.RECIPE, path / results.RUN_RECIPE]
    below = list((path / results.RUNS).glob(f"*/{results.RUN_RECIPE}")) if path.is_dir() else []
    places += below if len(below) == 1 else []
    return next((place for place in places if place.is_file()), None)


def _published(recipe: str) -> str | None:
    """The key of a recipe that may name code which is not here: nothing else of it is looked at."""
    from idim_cli.recipe import text

    tree = text.parse(recipe, "<recipe>")[0] if recipe else None
    named = tree.get("published") if isinstance(tree, dict) else None
    return named if isinstance(named, str) else None
