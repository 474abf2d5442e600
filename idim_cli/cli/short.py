"""Short forms of recipe keys: the options --d, --seeds and --epochs, and what `d=5` means in a sweep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from idim_cli.cli import console

_PANEL = "Short forms of recipe keys"
_OF_ONE_RUN = re.compile(r"(d|seeds)(?=[.=])")


def whole(text: str) -> str:
    """``3``, or ``1,2,3`` as a list in a recipe's form."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"{text!r} is neither a whole number nor a list of them, such as 1,2,3")
    return parts[0] if len(parts) == 1 else f"[{','.join(parts)}]"


Dimensions = Annotated[
    str | None,
    typer.Option("--d", metavar="N,...", help="sweep.d", parser=whole, rich_help_panel=_PANEL),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds",
        metavar="N|N,...",
        help="sweep.seeds: how many, or which.",
        parser=whole,
        rich_help_panel=_PANEL,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", metavar="N", min=1, help="training.epochs", rich_help_panel=_PANEL),
]
OneD = Annotated[
    int | None, typer.Option("--d", metavar="N", min=1, help="d, the dimension.", rich_help_panel=_PANEL)
]
OneSeed = Annotated[
    int | None,
    typer.Option(
        "--seeds", metavar="N", min=0, help="seeds, of theta0, P and the data order.", rich_help_panel=_PANEL
    ),
]


def of_sweep(
    overrides: Sequence[str] | None, d: str | None, seeds: str | None, epochs: int | None
) -> list[str]:
    """All overrides of a sweep; `d` and `seeds` of one run are taken for the sweep's, which is said."""
    given = [_of_sweep(one) for one in overrides or []]
    return [*given, *_told(**{"sweep.d": d and _listed(d), "sweep.seeds": seeds, "training.epochs": epochs})]


def of_run(
    overrides: Sequence[str] | None, d: int | None, seeds: int | None, epochs: int | None
) -> list[str]:
    """All overrides of one run."""
    return [*(overrides or []), *_told(d=d, seeds=seeds, **{"training.epochs": epochs})]


def _told(**values: str | int | None) -> list[str]:
    return [f"{key}={value}" for key, value in values.items() if value is not None]


def _of_sweep(override: str) -> str:
    if not _OF_ONE_RUN.match(override):
        return override
    key, _, value = override.partition("=")
    meant = f"sweep.{key}={_listed(value) if key == 'd' else value}"
    console.say(f"note: `idim sweep` reads {override} as {meant}")
    return meant


def _listed(value: str) -> str:
    return f"[{value}]" if value.strip().isdecimal() else value


def unused(overrides: Sequence[str], search: str) -> None:
    """Warn of dimensions and seeds that a search, which chooses them itself, does not use."""
    given = [one for one in overrides if one.startswith(("sweep.d=", "sweep.d.", "sweep.seeds"))]
    if given and search != "grid":
        console.warn(f"{', '.join(given)}: ignored: the search {search} chooses d and seeds itself")
