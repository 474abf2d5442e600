"""`idim report`: a table on stdout; a page and figures beside the results."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idim_cli.cli import complete, console, options
from idim_cli.cli.plots import plot

if TYPE_CHECKING:
    from idim_cli.reports.entries import Entry
    from idim_cli.reports.report import Report
    from idim_cli.reports.section import Section


class Format(StrEnum):
    """Of the table on stdout."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"


def command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS",
            help="Results folders, folders of one run, CSVs of runs, or .idim files.",
            autocompletion=complete.reported,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            parser=options.out_folder,
            help="Folder of the page and its figures.",
            show_default="RESULTS/figures; report for several",
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Of the table on stdout.")] = Format.table,
    log: Annotated[bool, typer.Option("--log", help="Axis of d; else by how d is spread.")] = False,
    linear: Annotated[bool, typer.Option("--linear", help="Axis of d; else by how d is spread.")] = False,
    baseline: options.Baseline = None,
    fraction: options.Fraction = None,
    rule: options.Rule = None,
    confidence: options.Confidence = None,
    centre: options.Centre = None,
    paper: options.Paper = False,
    column: options.Column = None,
    where: options.Where = None,
    group_by: options.GroupBy = None,
    published: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|CSV",
            help="Points to draw faintly behind: mnist-fc, ..., or columns d and performance.",
            show_default="recipe, then none",
        ),
    ] = None,
    figures: Annotated[
        bool | None,
        typer.Option(
            "--figures/--no-figures",
            help="Draw every group for itself.",
            show_default="up to 20 groups",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write a page about results (report.html) and its figures; print a table.

    The page needs no network. The figures lie beside it as PNG and SVG; an
    earlier page there goes, with its figures. Where results lie on a disk that
    cannot be written to, the table comes alone. A group of runs (model,
    projector, swept keys) that cannot be read is named on stderr. Several
    RESULTS come side by side. Compressed files in them are listed with what
    their sizes prove.

    Examples: idim report results/mnist-fc; idim report runs.csv --format latex --baseline best

    Exit code: 0; 2 when the results, or all of their groups, cannot be read.
    """
    from idim_cli.reports.report import report
    from idim_cli.thresholds import PAPER

    if log and linear:
        raise typer.BadParameter("--log and --linear exclude each other")
    axis = log if log or linear else None
    given = {"baseline": baseline, "fraction": fraction, "rule": rule}
    flags = options.reading_flags(**given, confidence=confidence, centre=centre)
    chosen = options.selection(column, where, group_by)
    made = report(
        paths, out, PAPER if paper else None, log=axis, published=published, figures=figures,
        selection=chosen, say=console.say, **flags,
    )  # fmt: skip
    for note in made.found.notes:
        console.say(note)
    for result in made.results:
        if result.left:
            console.warn(f"{result.path}: {result.left}")
        for part in result.unread if not result.lone else ():
            console.say(f"left out: {part.title}: {part.problem}")
    if as_json:
        console.document("report/1", _as_dict(made))
    else:
        _print(made, form, axis)
    if made.refused is None:
        console.say(f"wrote {made.page} and {len(made.figures)} files of figures beside it")
    else:
        reason = f"{made.refused.filename}: {made.refused.strerror}"
        console.warn(f"no page and no figures ({reason}); --out DIR puts them elsewhere")
    if made.error is not None:
        raise made.error


def _as_dict(made: Report) -> dict[str, Any]:
    from idim_cli.reports import compressed, table

    groups = [table.as_dict(one.section) for one in _entries(made)]
    files = [compressed.as_dict(one) for one in made.compressed]
    return {"groups": groups, "compressed": files, "figures": made.figures, "page": made.page}


def _entries(made: Report) -> Sequence[Entry]:
    """The groups that were read; of several results, each with the name of its own."""
    from idim_cli.reports.entries import with_results

    return with_results(made.entries) if len(made.results) > 1 else made.entries


def _print(made: Report, form: Format, log: bool | None) -> None:
    from idim_cli.reports import compressed, latex, table

    listed, files = _entries(made), made.compressed
    found = [one.section for one in listed]
    of_runs = {
        Format.table: lambda: _tables(found, log),
        Format.markdown: lambda: table.markdown(found),
        Format.latex: lambda: latex.tables(listed),
        Format.csv: lambda: table.to_csv(found),
    }
    of_files = {
        Format.table: lambda found: compressed.text(found, console.width()),
        Format.markdown: compressed.markdown,
        Format.latex: latex.files,
        Format.csv: compressed.to_csv,
    }
    blocks = [of_runs[form]()] if found else []
    if files and found and form is Format.csv:  # a CSV has one header
        console.say("the CSV is that of the runs: name compressed files alone for theirs")
    elif files:
        blocks.append(of_files[form](files))
    if blocks:
        console.out("\n\n".join(block.rstrip("\n") for block in blocks))


def _tables(found: Sequence[Section], log: bool | None) -> str:
    """For each group its reading, a table and a plot: in colours on a terminal, plain elsewhere."""
    from rich.console import Console

    from idim_cli.reports import table

    screen = Console(file=console.data(), highlight=False)
    blocks = []
    for section in found:
        with screen.capture() as shown:
            if screen.is_terminal:
                table.terminal([section], screen)
        text = shown.get() if screen.is_terminal else table.text([section])
        blocks.append(f"{text.rstrip()}\n\n{plot(section.sample, section.reading, log)}")
    return "\n\n".join(blocks)
