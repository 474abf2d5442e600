"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _recipes() -> list[str]:
    from idim_cli.recipe.find import shipped

    return list(shipped())


Recipe = Annotated[
    str, typer.Argument(help="A recipe's file, or the name of a shipped one.", autocompletion=_recipes)
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="Recipe keys to change, e.g. training.epochs=5.", show_default=False
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out", envvar="IDIM_OUT", help="Folder of all results; these go to OUT/RECIPE.", metavar="DIR"
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data", help="Folder of the data sets.", metavar="DIR", show_default="recipe, then IDIM_DATA"
    ),
]
Device = Annotated[
    str | None, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.", show_default="the recipe's")
]
Download = Annotated[bool, typer.Option("--download", help="Fetch an absent data set.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Exit with 4 instead of 1 when runs failed.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
