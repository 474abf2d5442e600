"""`idim threshold`: read d_int from results, with its interval and protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idim_cli.cli import console, options, reading_options
from idim_cli.cli.plots import plot
from idim_cli.core.errors import NOT_REACHED, IdimError

if TYPE_CHECKING:
    from idim_cli.thresholds import Estimate, Options, Reading, TableOrigin

    Named = tuple[str, Reading | IdimError]


def command(
    path: options.ResultsArgument,
    baseline: reading_options.BaselineOption = None,
    fraction: reading_options.FractionOption = None,
    floor: reading_options.FloorOption = None,
    rule: reading_options.RuleOption = None,
    confidence: reading_options.ConfidenceOption = None,
    centre: reading_options.CentreOption = None,
    paper: reading_options.PaperOption = False,
    every: Annotated[bool, typer.Option("--all", help="A table of all published kinds of reading.")] = False,
    column: reading_options.ColumnOption = None,
    where: reading_options.WhereOption = None,
    group_by: reading_options.GroupByOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Read the intrinsic dimension from results.

    A group of runs that cannot be read is listed with the reason, and the others
    are read. See docs/read-the-number.md.

    Example: idim threshold results/mnist-fc --baseline best

    Exit code: 0; 2 when the results, or all of their groups, cannot be read;
    3 when some group does not reach its level.
    """
    from idim_cli import thresholds

    given = {"baseline": baseline, "fraction": fraction, "floor": floor, "rule": rule}
    how = reading_options.reading_options(path, paper, **given, confidence=confidence, centre=centre)
    chosen = reading_options.selection(column, where, group_by)
    runs = thresholds.read_runs(path)
    table, notes = chosen.of(runs, str(path))
    for note in notes:
        console.say(note)
    origin = thresholds.table_origin(path, runs)
    if origin.warning:
        console.warn(origin.warning)
    found = thresholds.threshold(table, how, by=chosen.by, source=str(path), origin=origin)
    if every:
        _print_all(found, how, origin, as_json)
        return
    # One group that can be read is enough; without any, the error of the first is the answer.
    thresholds.require_any(found)
    if as_json:
        console.document("threshold/1", {"estimates": [one.as_dict() for one in found]})
    else:
        console.out("\n\n".join(_text(one) for one in found))
    if any(one.not_reached for one in found):
        raise typer.Exit(NOT_REACHED)


def _text(one: Estimate) -> str:
    """The reading, and a plot of its runs."""
    reading = one.describe(width=console.text_width(), detailed=console.level() >= console.VERBOSE)
    drawn = plot(one.sample, one.reading)
    return f"{reading}\n\n{drawn}" if drawn else reading


def _print_all(found: Sequence[Estimate], how: Options, origin: TableOrigin, as_json: bool) -> None:
    from idim_cli.thresholds import readings, require_any

    # With a sample, some kinds of readings may work even if the requested one does not.
    if all(one.sample is None for one in found):
        require_any(found)
    runs = [one.sample for one in found]
    named = [list(readings(some, how, origin)) if some is not None else [] for some in runs]
    pairs = list(zip(found, named, strict=True))
    if as_json:
        console.document("readings/1", {"groups": [_as_json(one, some) for one, some in pairs]})
    else:
        console.out("\n\n".join(_as_text(one, some) for one, some in pairs))


def _as_json(one: Estimate, named: Sequence[Named]) -> dict[str, Any]:
    if not named:
        return one.as_dict()
    entries = [
        {"reading": name, **({"error": r.message} if isinstance(r, IdimError) else r.as_dict())}
        for name, r in named
    ]
    return {"group": one.group, "readings": entries}


def _as_text(one: Estimate, named: Sequence[Named]) -> str:
    from idim_cli.thresholds.text import table

    if not named:
        return one.describe(width=console.text_width())
    return f"{one.label}\n{table(named)}" if one.label else table(named)
