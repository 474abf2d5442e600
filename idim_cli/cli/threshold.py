"""`idim threshold`: read d_int from results, with its interval and everything it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idim_cli.cli import console
from idim_cli.errors import NOT_REACHED, IdimError
from idim_cli.registry import did_you_mean

if TYPE_CHECKING:
    from pandas import DataFrame

    from idim_cli.threshold import Options

_OURS = ("d", "performance", "direct", "projector", "D", "status")


def command(
    path: Annotated[Path, typer.Argument(metavar="RESULTS", help="A results folder, or any CSV file.")],
    baseline: Annotated[
        str | None, typer.Option(metavar="model|best|VALUE", help="What 100 % means.", show_default="model")
    ] = None,
    fraction: Annotated[
        float | None, typer.Option(help="Share of the baseline to reach.", show_default="0.9")
    ] = None,
    rule: Annotated[
        str | None, typer.Option(metavar="first|interpolate|isotonic", show_default="isotonic")
    ] = None,
    confidence: Annotated[float | None, typer.Option(help="Of the interval.", show_default="0.95")] = None,
    centre: Annotated[
        str | None, typer.Option(metavar="mean|median", help="Of the runs at one d.", show_default="mean")
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="As Li et al. 2018: rule first, their bootstrap.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="All published kinds of reading side by side.")
    ] = False,
    column: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="Take a column of another name, e.g. d=x.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Keep these rows; the same column again: either value."),
    ] = None,
    group_by: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="One estimate for each of its values.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> None:
    """Read the intrinsic dimension from results.

    Exit code 3 if some group does not reach its level. See docs/read-the-number.md.
    """
    from idim_cli import threshold

    table = _table(path, column or [], where or [], group_by)
    given = {"baseline": _baseline(baseline), "fraction": fraction, "rule": rule}
    given |= {"confidence": confidence, "centre": centre}
    options = _options(path, paper, {key: value for key, value in given.items() if value is not None})
    groups = list(threshold.samples(table, group_by or None, str(path)))
    if every:
        _print_all(groups, options, json)
        return
    found = [(group, threshold.read(runs, options)) for group, runs in groups]
    if json:
        console.out_json([{"group": group, **reading.as_dict()} for group, reading in found])
    else:
        blocks = [_block(threshold.label(group), threshold.describe(reading)) for group, reading in found]
        console.out("\n\n".join(blocks))
    if any(reading.value is None for _, reading in found):
        raise typer.Exit(NOT_REACHED)


def _table(path: Path, columns: Sequence[str], where: Sequence[str], by: Sequence[str] | None) -> DataFrame:
    from idim_cli import results
    from idim_cli.threshold.groups import group_columns, select
    from idim_cli.threshold.rows import require_columns

    table = results.read(path)
    for ours, theirs in _pairs("--column", columns):
        if ours not in _OURS:
            raise IdimError(f"--column {ours}={theirs}: {ours!r} is not read", did_you_mean(ours, _OURS))
        require_columns(table, [theirs], str(path))
        kept = table.drop(columns=[ours]) if ours in table and ours != theirs else table
        table = kept.rename(columns={theirs: ours})
    chosen: dict[str, list[str]] = {}
    for key, value in _pairs("--where", where):
        chosen.setdefault(key, []).append(value)
    table = select(table, chosen, str(path))
    if not by and not ("d" in table and group_columns(table)):
        _warn_of_mixture(table, chosen)
    return table


def _warn_of_mixture(table: DataFrame, chosen: dict[str, list[str]]) -> None:
    """Say which columns of words vary in a table that `idim` did not write: they may tell problems apart."""
    from idim_cli.threshold.rows import rows_are_direct

    table = table[~rows_are_direct(table)] if "d" in table else table[:0]
    words = table.select_dtypes(exclude=["number", "bool"]).columns.difference([*_OURS, *chosen])
    mixed = [str(c) for c in words if table[c].nunique() > 1]
    if mixed:
        console.say(f"note: all rows are read as one problem, though they differ in {', '.join(mixed)};")
        console.say("      --where COLUMN=VALUE keeps some, --group-by COLUMN splits them")


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    parts = [text.partition("=") for text in texts]
    for text, (key, equals, value) in zip(texts, parts, strict=True):
        if not (key and equals and value):
            raise IdimError(f"{option} {text!r} is not of the form NAME=VALUE")
    return [(key.strip(), value.strip()) for key, _, value in parts]


def _baseline(text: str | None) -> float | str | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return text


def _options(path: Path, paper: bool, given: dict[str, Any]) -> Options:
    """Flags, then the recipe of a results folder, then the defaults; `--paper` overrules the recipe."""
    from idim_cli.recipe.load import load
    from idim_cli.results import RECIPE
    from idim_cli.threshold import PAPER, Options

    if paper:
        return PAPER.but(**given)
    recipe = path / RECIPE
    settings = load(recipe).recipe.threshold.model_dump() if recipe.is_file() else {}
    return Options(**{**settings, **given})


def _print_all(groups: Sequence[tuple[dict[str, Any], Any]], options: Options, json: bool) -> None:
    from idim_cli.threshold import label, readings
    from idim_cli.threshold.text import table

    found = [(group, list(readings(runs, options.confidence))) for group, runs in groups]
    if json:
        console.out_json([{"group": group, "readings": _as_json(named)} for group, named in found])
    else:
        console.out("\n\n".join(_block(label(group), table(named)) for group, named in found))


def _as_json(named: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"reading": name, **({"error": str(r)} if isinstance(r, IdimError) else r.as_dict())}
        for name, r in named
    ]


def _block(heading: str, body: str) -> str:
    return f"{heading}\n{body}" if heading else body
