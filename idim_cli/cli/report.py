"""`idim report`: a table on stdout, figures beside the results."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idim_cli.cli import console

if TYPE_CHECKING:
    from pandas import DataFrame

    from idim_cli.report.curve import Curve
    from idim_cli.report.section import Section
    from idim_cli.threshold import Options


class Format(StrEnum):
    """Of the table on stdout."""

    table = "table"
    markdown = "markdown"
    csv = "csv"


def command(
    path: Annotated[Path, typer.Argument(metavar="RESULTS", help="A results folder, or a CSV of runs.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the figures.", show_default="RESULTS/figures"),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Of the table on stdout.")] = Format.table,
    log: Annotated[
        bool | None,
        typer.Option("--log/--linear", help="Axis of d.", show_default="by how d is spread"),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="model|best|VALUE", help="What 100 % means.", show_default="the recipe's"),
    ] = None,
    fraction: Annotated[
        float | None, typer.Option(help="Share of the baseline to reach.", show_default="the recipe's")
    ] = None,
    rule: Annotated[
        str | None, typer.Option(metavar="first|interpolate|isotonic", show_default="the recipe's")
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Points to draw faintly behind; columns d and performance."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> None:
    """Print a table of the results and draw performance against d as PNG and SVG.

    One figure for each group of runs (model, projector, swept keys); files of the same name are replaced.

    Examples: idim report results/mnist-fc; idim report runs.csv --format markdown --baseline best
    """
    from idim_cli import results
    from idim_cli.report import published as others
    from idim_cli.report import section

    given = {"baseline": _baseline(baseline), "fraction": fraction, "rule": rule}
    options = _options(path, {key: value for key, value in given.items() if value is not None})
    behind = others.read(published) if published else None
    runs = results.read(path)
    found, faults = section.sections(runs, options, str(path))
    for title, error in faults:
        console.say(f"left out: {title}: {error}")
    figures = _draw(found, _stem(path, runs), out or _beside(path), log, behind)
    if json:
        _print_json(found, figures)
    else:
        _print(found, form)
    for file in figures:
        console.say(f"wrote {file}")


def _baseline(text: str | None) -> float | str | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return text


def _options(path: Path, given: dict[str, Any]) -> Options:
    """Flags, then the recipe of a results folder, then the defaults."""
    from idim_cli.recipe.load import load
    from idim_cli.results import RECIPE
    from idim_cli.threshold import Options

    recipe = path / RECIPE
    settings = load(recipe).recipe.threshold.model_dump() if recipe.is_file() else {}
    return Options(**{**settings, **given})


def _beside(path: Path) -> Path:
    return (path if path.is_dir() else path.parent) / "figures"


def _stem(path: Path, runs: DataFrame) -> str:
    """What the figures' names begin with: the recipe's name, else that of the folder or file."""
    recipes = set(runs["recipe"].dropna()) if "recipe" in runs else set()
    return str(recipes.pop()) if len(recipes) == 1 else path.resolve().name.removesuffix(".csv")


def _draw(
    found: Sequence[Section], stem: str, folder: Path, log: bool | None, behind: Curve | None
) -> list[Path]:
    from idim_cli.report import figure
    from idim_cli.results import write_atomic

    written = []
    for section in found:
        labels = figure.Labels(section.heading, section.performance)
        drawn = figure.draw(section.curve, section.reading, labels=labels, log=log, published=behind)
        for kind, content in drawn.items():
            written.append(folder / f"{'-'.join(filter(None, (stem, section.slug)))}.{kind}")
            write_atomic(written[-1], content)
    return written


def _print(found: Sequence[Section], form: Format) -> None:
    from rich.console import Console

    from idim_cli.report import table

    screen = Console(highlight=False)
    if form == Format.table and screen.is_terminal:
        table.terminal(found, screen)
    else:
        as_text = {Format.table: table.text, Format.markdown: table.markdown, Format.csv: table.to_csv}
        console.out(as_text[form](found))


def _print_json(found: Sequence[Section], figures: Sequence[Path]) -> None:
    from idim_cli.report import table

    console.out_json({"groups": [table.as_dict(section) for section in found], "figures": figures})
