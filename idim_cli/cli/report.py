"""`idim report`: a table on stdout; a page and figures next to the results."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idim_cli.cli import complete, console, options, reading_options
from idim_cli.cli.plots import plot
from idim_cli.core.errors import IdimError

if TYPE_CHECKING:
    from idim_cli.reports.inputs.entries import Entry
    from idim_cli.reports.inputs.section import Section
    from idim_cli.reports.report import Report


class Format(StrEnum):
    """Of the table on stdout."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"


PathsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="RESULTS", help="Results folders, folders of one run, CSVs of runs, or .idim files.",
        autocompletion=complete.reported,
    ),
]  # fmt: skip
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", parser=options.out_folder, help="Folder of the page and its figures.",
        show_default="next to RESULTS; report for several",
    ),
]  # fmt: skip
FormatOption = Annotated[Format, typer.Option("--format", help="Format of the table on stdout.")]
LogOption = Annotated[bool, typer.Option("--log", help="Log axis of d; default: by the values of d.")]
LinearOption = Annotated[bool, typer.Option("--linear", help="Linear axis of d.")]
PublishedOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|CSV", show_default="recipe, then none",
        help="Published points to draw in grey: mnist-fc, ..., or a CSV of d and performance.",
    ),
]  # fmt: skip
FiguresOption = Annotated[
    bool | None,
    typer.Option("--figures/--no-figures", help="Draw figures of each group.", show_default="up to 8 groups"),
]
FigureSizeOption = Annotated[
    str | None,
    typer.Option(
        "--figure-size", metavar="WxH", help="Size of the figure files in inches, e.g. 3.3x2.5.",
        show_default="6.4x4.8, or taller",
    ),
]  # fmt: skip
CaptionOption = Annotated[
    bool, typer.Option("--caption/--no-caption", help="Print title and details in the figure files.")
]


def command(
    paths: PathsArgument,
    out: OutOption = None,
    form: FormatOption = Format.table,
    log: LogOption = False,
    linear: LinearOption = False,
    baseline: reading_options.BaselineOption = None,
    fraction: reading_options.FractionOption = None,
    floor: reading_options.FloorOption = None,
    rule: reading_options.RuleOption = None,
    confidence: reading_options.ConfidenceOption = None,
    centre: reading_options.CentreOption = None,
    paper: reading_options.PaperOption = False,
    column: reading_options.ColumnOption = None,
    where: reading_options.WhereOption = None,
    group_by: reading_options.GroupByOption = None,
    published: PublishedOption = None,
    figures: FiguresOption = None,
    figure_size: FigureSizeOption = None,
    caption: CaptionOption = True,
    as_json: options.JsonOption = False,
) -> None:
    """Write a page about results (NAME-report.html) and its figures; print a table.

    The table has one row for each group of runs (model, projector, swept keys);
    -v adds the performance at each d.

    The page is next to results.csv, named after RESULTS, and needs no network.
    Its figures are in the folder NAME-report as PNG, SVG and PDF; both replace
    an earlier page. If the results cannot be written to, only the table is
    printed. Groups that cannot be read are listed on stderr. Several RESULTS
    are reported together. Compressed files in them are listed with what their
    sizes prove.

    Examples: idim report results/mnist-fc; idim report runs.csv --format latex --baseline best

    Exit code: 0; 2 when the results, or all of their groups, cannot be read.
    """
    from idim_cli.reports.report import report
    from idim_cli.thresholds import PAPER

    if log and linear:
        raise typer.BadParameter("--log and --linear exclude each other")
    axis, size = log if log or linear else None, _size(figure_size)
    given = {"baseline": baseline, "fraction": fraction, "floor": floor, "rule": rule}
    flags = reading_options.reading_flags(**given, confidence=confidence, centre=centre)
    chosen = reading_options.selection(column, where, group_by)
    # The page is written before the table is printed: a closed pipe must not prevent it.
    made = report(
        paths, out, PAPER if paper else None, log=axis, published=published, figures=figures,
        figure_size=size, caption=caption, selection=chosen, say=console.say, **flags,
    )  # fmt: skip
    for note in made.inputs.notes:
        console.say(note)
    for result in made.results:
        if result.left:
            console.warn(f"{result.path}: {result.left}")
        # A single run has no reading by its nature, which is not worth a message.
        for part in result.unread if not result.lone else ():
            console.say(f"left out: {part.title}: {part.problem}")
    if as_json:
        console.document("report/1", _as_dict(made))
    else:
        _print(made, form, axis)
    if made.refused is None:
        console.say(f"wrote {made.page} and {len(made.figures)} files of figures")
    else:
        reason = f"{made.refused.filename}: {made.refused.strerror}"
        console.warn(f"no page and no figures ({reason}); choose another folder with --out")
    # Last, so that the page and the table of the groups that could be read are there.
    if made.error is not None:
        raise made.error


def _size(text: str | None) -> tuple[float, float] | None:
    """The value of `--figure-size`; the report checks its range."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    try:
        return float(width), float(height)
    except ValueError as error:
        message = f"--figure-size must be WIDTHxHEIGHT in inches, got {text!r}"
        raise IdimError(message, "such as --figure-size 3.3x2.5") from error


def _as_dict(made: Report) -> dict[str, Any]:
    from idim_cli.reports.tables import compressed, group_table

    groups = [group_table.as_dict(one.section) for one in _entries(made)]
    files = [compressed.as_dict(one) for one in made.compressed]
    return {"groups": groups, "compressed": files, "figures": made.figures, "page": made.page}


def _entries(made: Report) -> Sequence[Entry]:
    """The groups that were read; of several results, each with the name of its result."""
    from idim_cli.reports.inputs.entries import with_results

    return with_results(made.entries) if len(made.results) > 1 else made.entries


def _print(made: Report, form: Format, log: bool | None) -> None:
    from idim_cli.reports.tables import compressed, group_table, latex

    listed, files = _entries(made), made.compressed
    found = [one.section for one in listed]
    each = [] if made.undrawn else listed  # details of many groups take long
    of_runs = {
        Format.table: lambda: _tables(listed, each, log),
        Format.markdown: lambda: _markdown(listed, each),
        Format.latex: lambda: latex.tables(listed, each),
        Format.csv: lambda: group_table.to_csv(found),
    }
    of_files = {
        Format.table: lambda found: compressed.text(found, console.width()),
        Format.markdown: compressed.markdown,
        Format.latex: latex.files,
        Format.csv: compressed.to_csv,
    }
    blocks = [of_runs[form]()] if found else []
    if files and found and form is Format.csv:  # a CSV has one header
        console.say("the CSV has the runs only; for a CSV of compressed files, report them alone")
    elif files:
        blocks.append(of_files[form](files))
    if blocks:
        console.out("\n\n".join(block.rstrip("\n") for block in blocks))


def _markdown(found: Sequence[Entry], each: Sequence[Entry]) -> str:
    from idim_cli.reports.inputs import entries
    from idim_cli.reports.tables import group_table

    parts = ["## Readings", group_table.pipes(entries.overview(found)), entries.level_advice(found)]
    parts = parts if len(found) > 1 else []
    return "\n\n".join(filter(None, [*parts, group_table.markdown([one.section for one in each])]))


def _tables(found: Sequence[Entry], each: Sequence[Entry], log: bool | None) -> str:
    """A row for each group and the cautions of its reading; all details of a single group, or with -v."""
    from idim_cli.reports.inputs import entries
    from idim_cli.thresholds.text import wrapped

    blocks = [entries.summary(found, console.width())] if len(found) > 1 else []
    notes = [entries.level_advice(found), *(entries.cautions(found) if len(found) > 1 else [])]
    blocks += ["\n".join(wrapped(note, console.text_width())) for note in notes if note]
    if console.level() >= console.VERBOSE:
        return "\n\n".join([*blocks, *(_whole(one.section, log) for one in each)])
    if len(found) > 1:
        console.say("-v adds the reading and the performance at each d of each group")
    return "\n\n".join([*blocks, *(_brief(one.section, log) for one in found if len(found) == 1)])


def _brief(section: Section, log: bool | None) -> str:
    """A group as `idim threshold` prints it."""
    from idim_cli.thresholds import describe

    reading = describe(section.reading, console.text_width())
    return "\n\n".join(["\n".join([section.heading, reading]), plot(section.sample, section.reading, log)])


def _whole(section: Section, log: bool | None) -> str:
    """A group with its performance at each d: in colours on a terminal, plain elsewhere."""
    from rich.console import Console

    from idim_cli.reports.tables import group_table

    screen = Console(file=console.data(), highlight=False)
    # Captured, so that the plot is printed after it as one block of data.
    with screen.capture() as shown:
        if screen.is_terminal:
            group_table.terminal([section], screen)
    text = shown.get() if screen.is_terminal else group_table.text([section])
    return f"{text.rstrip()}\n\n{plot(section.sample, section.reading, log)}"
