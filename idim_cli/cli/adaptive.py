"""The options of `idim sweep` for an adaptive search, as recipe keys."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any

import typer

_option = partial(typer.Option, rich_help_panel="Adaptive search")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def share(text: str | float) -> float:
    """``10%`` or ``0.1`` as a number."""
    whole = str(text).strip()
    try:
        return float(whole.removesuffix("%")) / (100 if whole.endswith("%") else 1)
    except ValueError:
        raise typer.BadParameter(f"must be a share such as 10% or 0.1, got {whole!r}") from None


def seconds(text: str | float) -> float:
    """``90``, ``90s``, ``4m``, ``1h30m`` in seconds."""
    whole = str(text).strip()
    parts = re.findall(r"([0-9.]+)([smhd]?)", whole)
    try:
        # `findall` skips what it does not match, so the parts must add up to the whole text.
        if not parts or "".join(number + unit for number, unit in parts) != whole:
            # Caught below, so that malformed numbers such as 1.2.3 get the same message.
            raise ValueError
        return sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    except ValueError:
        raise typer.BadParameter(f"must be a duration such as 90s, 4m or 1h30m, got {whole!r}") from None


def rates(text: str | None) -> str | None:
    """``0.01,0.02`` as a list in a recipe's form."""
    if text is None:
        return None
    try:
        # As text of a recipe, because all options of the search become overrides.
        return str([float(part) for part in text.split(",")])
    except ValueError:
        raise typer.BadParameter(f"must be learning rates such as 0.01,0.02, got {text!r}") from None


AdaptiveOption = Annotated[
    bool, _option("--adaptive", help="Choose d and seeds instead of the grid. The options below imply it.")
]
PrecisionOption = Annotated[
    float | None,
    _option(
        "--precision", metavar="SHARE", show_default="10%", parser=share,
        help="Stop when the interval is within this share of the value.",
    ),
]  # fmt: skip
MaxRunsOption = Annotated[
    int | None, _option("--max-runs", min=1, help="Maximum of runs for each d_int.", show_default="100")
]
MaxEpochsOption = Annotated[
    int | None, _option("--max-epochs", min=1, help="Maximum of epochs for each d_int.", show_default="none")
]
MaxTimeOption = Annotated[
    float | None,
    _option(
        "--max-time", metavar="TIME", show_default="none", parser=seconds,
        help="Start no new runs after this time: 90s, 4m, 1h30m.",
    ),
]  # fmt: skip
NoEarlyStopOption = Annotated[bool, _option("--no-early-stop", help="Train every run to its end.")]
RatesOption = Annotated[
    str | None,
    _option(
        "--lr", metavar="A,B,...", show_default="the recipe's", callback=rates,
        help="Learning rates to choose from.",
    ),
]  # fmt: skip


def overrides(adaptive: bool, **given: Any) -> list[str]:
    """The options as overrides of `sweep.search`; none if none was given."""
    known = {key: value for key, value in given.items() if value is not None}
    if not adaptive and not known:
        return []
    # YAML in overrides knows true and false, not True and False.
    values = {key: str(value).lower() if isinstance(value, bool) else value for key, value in known.items()}
    return ["sweep.search.name=adaptive", *(f"sweep.search.{key}={value}" for key, value in values.items())]
