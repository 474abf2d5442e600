"""`idim report`: a table on stdout, figures beside the results."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idim_cli.cli import console, options

if TYPE_CHECKING:
    from pandas import DataFrame

    from idim_cli.reports.curve import Curve
    from idim_cli.reports.section import Section


class Format(StrEnum):
    """Of the table on stdout."""

    table = "table"
    markdown = "markdown"
    csv = "csv"


def command(
    path: options.Results,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            parser=options.out_folder,
            help="Folder of the figures.",
            show_default="RESULTS/figures",
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Of the table on stdout.")] = Format.table,
    log: Annotated[
        bool | None,
        typer.Option("--log/--linear", help="Axis of d.", show_default="by how d is spread"),
    ] = None,
    baseline: options.Baseline = None,
    fraction: options.Fraction = None,
    rule: options.Rule = None,
    confidence: options.Confidence = None,
    centre: options.Centre = None,
    paper: options.Paper = False,
    published: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Points to draw faintly behind; columns d and performance."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print a table of the results and draw performance against d as PNG and SVG.

    One figure for each group of runs (model, projector, swept keys); files of
    the same name are replaced. A group that cannot be read is named on stderr.

    Examples: idim report results/mnist-fc; idim report runs.csv --format markdown --baseline best

    Exit code: 0; 2 when the results, or all of their groups, cannot be read.
    """
    from idim_cli import results
    from idim_cli.reports import published as others
    from idim_cli.reports import section

    given = {"baseline": baseline, "fraction": fraction, "rule": rule}
    how = options.reading_options(path, paper, **given, confidence=confidence, centre=centre)
    behind = others.read(published) if published else None
    runs = results.read(path)
    found, faults = section.sections(runs, how, str(path))
    for title, problem in faults:
        console.say(f"left out: {title}: {problem}")
    figures = _draw(found, _stem(path, runs), out or _beside(path), log, behind)
    if as_json:
        _print_json(found, figures)
    else:
        _print(found, form)
    for file in figures:
        console.say(f"wrote {file}")


def _beside(path: Path) -> Path:
    return (path if path.is_dir() else path.parent) / "figures"


def _stem(path: Path, runs: DataFrame) -> str:
    """What the figures' names begin with: the recipe's name, else that of the folder or file."""
    recipes = set(runs["recipe"].dropna()) if "recipe" in runs else set()
    return str(recipes.pop()) if len(recipes) == 1 else path.resolve().name.removesuffix(".csv")


def _draw(
    found: Sequence[Section], stem: str, folder: Path, log: bool | None, behind: Curve | None
) -> list[Path]:
    from idim_cli.reports import figure
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

    from idim_cli.reports import table

    screen = Console(highlight=False)
    if form == Format.table and screen.is_terminal:
        with screen.capture() as shown:
            table.terminal(found, screen)
        console.out(shown.get())
    else:
        as_text = {Format.table: table.text, Format.markdown: table.markdown, Format.csv: table.to_csv}
        console.out(as_text[form](found))


def _print_json(found: Sequence[Section], figures: Sequence[Path]) -> None:
    from idim_cli.reports import table

    groups = [table.as_dict(section) for section in found]
    console.document("report/1", {"groups": groups, "figures": figures})
