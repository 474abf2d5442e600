"""Short forms of recipe keys: the options --d, --seeds and --epochs, and `d=5` in a sweep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from idim_cli.cli import console

_option = partial(typer.Option, rich_help_panel="Short forms of recipe keys")
# Followed by "." or "=", because `dataset` and `device` begin with d too.
_OF_ONE_RUN = re.compile(r"(d|seeds)(?=[.=])")


def whole(text: str) -> str:
    """``3``, or ``1,2,3`` as a list in a recipe's form."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"must be whole numbers such as 3 or 1,2,3, got {text!r}")
    return parts[0] if len(parts) == 1 else f"[{','.join(parts)}]"


DimensionsOption = Annotated[str | None, _option("--d", metavar="N,...", help="sweep.d", parser=whole)]
SeedsOption = Annotated[
    str | None,
    _option("--seeds", metavar="N|N,...", help="sweep.seeds: how many, or which.", parser=whole),
]
EpochsOption = Annotated[int | None, _option("--epochs", metavar="N", min=1, help="training.epochs")]
OneDOption = Annotated[int | None, _option("--d", metavar="N", min=1, help="d, the dimension.")]
OneSeedOption = Annotated[
    int | None, _option("--seeds", metavar="N", min=0, help="seeds, of theta0, P and the data order.")
]


def of_sweep(
    overrides: Sequence[str] | None, d: str | None, seeds: str | None, epochs: int | None
) -> list[str]:
    """All overrides of a sweep; `d` and `seeds` of one run are read as those of the sweep, with a note."""
    given = [_of_sweep(one) for one in overrides or []]
    return [
        *given,
        *_overrides(**{"sweep.d": d and _listed(d), "sweep.seeds": seeds, "training.epochs": epochs}),
    ]


def of_run(
    overrides: Sequence[str] | None, d: int | None, seeds: int | None, epochs: int | None
) -> list[str]:
    """All overrides of one run."""
    return [*(overrides or []), *_overrides(d=d, seeds=seeds, **{"training.epochs": epochs})]


def _overrides(**values: str | int | None) -> list[str]:
    return [f"{key}={value}" for key, value in values.items() if value is not None]


def _of_sweep(override: str) -> str:
    # Only `d=` and `seeds=`: other keys mean the same for a run and a sweep.
    if not _OF_ONE_RUN.match(override):
        return override
    key, _, value = override.partition("=")
    meant = f"sweep.{key}={_listed(value) if key == 'd' else value}"
    console.say(f"note: `idim sweep` reads {override} as {meant}")
    return meant


def _listed(value: str) -> str:
    # `sweep.d` is a list; a single number means a list of one.
    return f"[{value}]" if value.strip().isdecimal() else value


def unused(overrides: Sequence[str], search: str) -> None:
    """Warn about dimensions and seeds that a search ignores, as it chooses them itself."""
    given = [one for one in overrides if one.startswith(("sweep.d=", "sweep.d.", "sweep.seeds"))]
    if given and search != "grid":
        console.warn(f"{', '.join(given)} is ignored: the search {search} chooses d and seeds")
