"""One results folder, run folder or table of runs, with all that a report shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import FileError
from idim_cli.recipe.files import read_text
from idim_cli.reports.inputs.section import Section, Unread, sections, slugged
from idim_cli.runs import consistency, results
from idim_cli.thresholds import Options, read_runs, recorded_options, table_origin
from idim_cli.thresholds.selection import ALL, Selection

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class ResultSet:
    """The runs at one path.

    Attributes:
        path: as given.
        name: the recipe's name, else that of the folder or file.
        table: one row a run.
        options: how d_int is read.
        left: what its sweep has left to do, and the command for it; empty if nothing.
        sections, unread: the groups that can be read, and those that cannot.
        recipe: the text of the recipe that made them; empty if unknown.
        published: the published points that the recipe names.
        folders: of the runs, by run_id; empty for a table.
        outcomes: the content of result.json, by run_id.
        notes: on how the table was understood.
        selection: which rows, columns and groups were read.
        left_out: run_ids of results that cannot be read, each with the reason.
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
    outcomes: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = ()
    selection: Selection = ALL
    left_out: Sequence[tuple[str, str]] = ()

    @property
    def slug(self) -> str:
        """The name as part of file names; prefixed if nothing safe is left at its start."""
        slug = slugged(self.name)
        return slug if slug[:1].isalnum() else f"results{slug}"

    @property
    def lone(self) -> bool:
        """Whether this is a single run of `idim`, from which no d_int can be read."""
        return len(self.table) == 1 and "run_id" in self.table

    def known(self, column: str) -> list[str]:
        """The texts in a column of its table, such as ``idim`` or ``date``."""
        return [cell for cell in self.table.get(column, ()) if isinstance(cell, str) and cell]


def load(path: Path, options: Options | None = None, selection: Selection = ALL, **changes: Any) -> ResultSet:
    """Read the runs at `path`.

    Args:
        path: a results folder, a folder of one run, or a CSV of runs.
        options: how to read d_int; None is as its recipe says.
        selection: which rows are read.
        changes: fields of `options` that overrule both.

    Raises:
        IdimError: there are no results, they or their recipe cannot be read, or an option is invalid.
    """
    how = (options or recorded_options(path)).but(**changes)
    runs = read_runs(path)
    (table, notes), origin = selection.of(runs, str(path)), table_origin(path, runs)
    found, unread = sections(table, how, str(path), origin, selection.by)
    folders = _folders(path, table)
    outcomes = {run_id: results.read_result(folder) or {} for run_id, folder in folders.items()}
    place = _recipe(path)
    recipe = read_text(place) if place else ""
    return ResultSet(
        path, _name(path, table), table, how, origin.warning, found, unread,
        recipe=recipe,
        published=_published(recipe),
        folders=folders,
        outcomes=outcomes,
        notes=tuple(notes),
        selection=selection,
        left_out=_left_out(path, outcomes),
    )  # fmt: skip


def _name(path: Path, table: DataFrame) -> str:
    recipes = set(table["recipe"].dropna()) if "recipe" in table else set()
    # A CSV may have runs of several recipes, of which none names the whole.
    return str(recipes.pop()) if len(recipes) == 1 else path.resolve().name.removesuffix(".csv")


def _folders(path: Path, table: DataFrame) -> dict[str, Path]:
    # A table may have been copied away from its folders, or be of another program.
    if path.is_file() or "run_id" not in table:
        return {}
    # The folder of one run.
    if (path / results.RESULT).is_file():
        return {str(run_id): path for run_id in table["run_id"]}
    places = {str(run_id): path / results.RUNS / str(run_id) for run_id in table["run_id"]}
    return {run_id: place for run_id, place in places.items() if place.is_dir()}


def _left_out(path: Path, known: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The runs of a results folder whose result cannot be read or is inconsistent, with the reason."""
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
    # A result that contradicts the others of its kind is left out by the table, so it is listed here.
    odd = consistency.odd([*(one for one in known.values() if one), *others.values()])
    found += [(name, f"{name} {odd[one['run_id']]}") for name, one in others.items() if one["run_id"] in odd]
    return sorted(found)


def _recipe(path: Path) -> Path | None:
    """The recipe of a results folder, or of one run; that of the only run below a folder that has none."""
    places = [path / results.RECIPE, path / results.RUN_RECIPE]
    below = list((path / results.RUNS).glob(f"*/{results.RUN_RECIPE}")) if path.is_dir() else []
    # `idim train` writes no recipe.yaml, only run.yaml in the folder of its run.
    places += below if len(below) == 1 else []
    return next((place for place in places if place.is_file()), None)


def _published(recipe: str) -> str | None:
    """The key `published` of a recipe. Only that is parsed: the rest may name code that is not installed."""
    from idim_cli.recipe import text

    tree = text.parse(recipe, "<recipe>")[0] if recipe else None
    named = tree.get("published") if isinstance(tree, dict) else None
    return named if isinstance(named, str) else None
