"""The options of `idim sweep` that ask for an adaptive search, as recipe keys."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def share(text: str | float) -> float:
    """``10%`` or ``0.1`` as a number."""
    whole = str(text).strip()
    try:
        return float(whole.removesuffix("%")) / (100 if whole.endswith("%") else 1)
    except ValueError:
        raise typer.BadParameter(f"{whole!r} is not a share; write for example 10% or 0.1") from None


def seconds(text: str | float) -> float:
    """``90``, ``90s``, ``4m``, ``1h30m`` in seconds."""
    whole = str(text).strip()
    parts = re.findall(r"([0-9.]+)([smhd]?)", whole)
    try:
        if not parts or "".join(number + unit for number, unit in parts) != whole:
            raise ValueError
        return sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    except ValueError:
        raise typer.BadParameter(f"{whole!r} is not a duration; write for example 90s, 4m or 1h30m") from None


def rates(text: str | None) -> str | None:
    """``0.01,0.02`` as a list in a recipe's form."""
    if text is None:
        return None
    try:
        return str([float(part) for part in text.split(",")])
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a list of learning rates; write for example 0.01,0.02"
        ) from None


_PANEL = "Adaptive search"

Adaptive = Annotated[
    bool,
    typer.Option(
        "--adaptive",
        help="Choose d and seeds, instead of the grid. The options below imply it.",
        rich_help_panel=_PANEL,
    ),
]
Precision = Annotated[
    float | None,
    typer.Option(
        "--precision",
        metavar="SHARE",
        help="Stop when the interval is within this share of the value.",
        show_default="10%",
        parser=share,
        rich_help_panel=_PANEL,
    ),
]
MaxRuns = Annotated[
    int | None,
    typer.Option(
        "--max-runs", min=1, help="Most runs for each d_int.", show_default="100", rich_help_panel=_PANEL
    ),
]
MaxEpochs = Annotated[
    int | None,
    typer.Option(
        "--max-epochs", min=1, help="Most epochs for each d_int.", show_default="none", rich_help_panel=_PANEL
    ),
]
MaxTime = Annotated[
    float | None,
    typer.Option(
        "--max-time",
        metavar="TIME",
        help="Start no new runs after this long: 90s, 4m, 1h30m.",
        show_default="none",
        parser=seconds,
        rich_help_panel=_PANEL,
    ),
]
NoEarlyStop = Annotated[
    bool, typer.Option("--no-early-stop", help="Train every run to its end.", rich_help_panel=_PANEL)
]
Rates = Annotated[
    str | None,
    typer.Option(
        "--lr",
        metavar="A,B,...",
        help="Learning rates to choose from.",
        show_default="the recipe's",
        callback=rates,
        rich_help_panel=_PANEL,
    ),
]


def overrides(adaptive: bool, **given: Any) -> list[str]:
    """The options as overrides of `sweep.search`; none if none was given."""
    told = {key: value for key, value in given.items() if value is not None}
    if not adaptive and not told:
        return []
    values = {key: str(value).lower() if isinstance(value, bool) else value for key, value in told.items()}
    return ["sweep.search.name=adaptive", *(f"sweep.search.{key}={value}" for key, value in values.items())]
