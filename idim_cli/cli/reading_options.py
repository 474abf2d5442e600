"""Options for reading d_int from results, and for choosing rows and columns of tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from idim_cli.cli import complete
from idim_cli.core.errors import IdimError
from idim_cli.recipe import choices

if TYPE_CHECKING:
    from idim_cli.thresholds import Options
    from idim_cli.thresholds.selection import Selection

# Without a value, each option is as the recipe of the results folder says, else the default.
_option = partial(typer.Option, rich_help_panel="How to read d_int")
_RULES, _CENTRES = get_args(choices.Rule), get_args(choices.Centre)
_BASELINES, _FLOORS = get_args(choices.BaselineWord), get_args(choices.FloorWord)

BaselineOption = Annotated[
    str | None,
    _option(
        "--baseline", metavar="|".join((*_BASELINES, "VALUE")), help="What 100 % means.",
        show_default="recipe, then model", autocompletion=complete.words(*_BASELINES),
    ),
]  # fmt: skip
FractionOption = Annotated[
    float | None,
    _option(
        "--fraction", help="How far to get from the floor to the baseline.", show_default="recipe, then 0.9"
    ),
]
FloorOption = Annotated[
    str | None,
    _option(
        "--floor", metavar="|".join((*_FLOORS, "VALUE")), help="What 0 % means.",
        show_default="recipe, then 0", autocompletion=complete.words(*_FLOORS),
    ),
]  # fmt: skip
RuleOption = Annotated[
    str | None,
    _option(
        "--rule", metavar="|".join(_RULES), help="How the runs at each d become one d.",
        show_default="recipe, then isotonic", autocompletion=complete.words(*_RULES),
    ),
]  # fmt: skip
ConfidenceOption = Annotated[
    float | None,
    _option("--confidence", help="Of the interval and the d_int100 test.", show_default="recipe, then 0.95"),
]
CentreOption = Annotated[
    str | None,
    _option(
        "--centre", metavar="|".join(_CENTRES), help="How the runs at one d are averaged.",
        show_default="recipe, then mean", autocompletion=complete.words(*_CENTRES),
    ),
]  # fmt: skip
PaperOption = Annotated[
    bool,
    _option("--paper", help="Read as Li et al. 2018, whatever the recipe: rule first, their bootstrap."),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(metavar="OURS=THEIRS", help="Read the column THEIRS as OURS, e.g. d=x."),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN=VALUE", help="Keep rows with this value; may be repeated."),
]
GroupByOption = Annotated[
    list[str] | None, typer.Option(metavar="COLUMN", help="One estimate for each of its values.")
]


def selection(
    column: Sequence[str] | None, where: Sequence[str] | None, group_by: Sequence[str] | None
) -> Selection:
    """The rows and columns of `--column`, `--where` and `--group-by`; IdimError for a text without ``=``."""
    from idim_cli.thresholds.selection import Selection

    kept: dict[str, list[str]] = {}
    for key, value in _pairs("--where", where or ()):
        kept.setdefault(key, []).append(value)
    return Selection(dict(_pairs("--column", column or ())), kept, group_by or None)


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    parts = [text.partition("=") for text in texts]
    for text, (key, equals, value) in zip(texts, parts, strict=True):
        if not (key and equals and value):
            raise IdimError(f"{option} must be NAME=VALUE, got {text!r}")
    return [(key.strip(), value.strip()) for key, _, value in parts]


def reading_options(path: Path, paper: bool = False, **given: Any) -> Options:
    """How to read the results at `path`: flags, then the recipe of a results folder, then the defaults.

    Args:
        path: a results folder, or a file.
        paper: use the paper's reading instead of the recipe and the defaults.
        given: fields of `Options` by name; None is not given; `baseline` and `floor` may be numbers as text.

    Raises:
        IdimError: a value is unknown or out of range, or the folder's recipe is invalid.
    """
    from idim_cli.thresholds import PAPER, recorded_options

    # --paper replaces the recipe, and options replace either.
    return (PAPER if paper else recorded_options(path)).but(**reading_flags(**given))


def reading_flags(**given: Any) -> dict[str, Any]:
    """The fields of `Options` that were given; `baseline` and `floor` as numbers if their text is one."""
    flags = {key: value for key, value in given.items() if value is not None}
    return flags | {key: _number_or_word(flags[key]) for key in ("baseline", "floor") if key in flags}


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        # `Options` checks words, and its error lists those that are possible.
        return text
