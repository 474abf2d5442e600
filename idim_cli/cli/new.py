"""`idim new`: a commented recipe for a data set and a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from idim_cli.cli import complete, console, options


def _component(kind: str, more: str = "") -> Any:
    """The option that names a component of this kind."""
    complete_name = complete.component(kind)
    return typer.Option(
        f"--{kind}", metavar="NAME", help=f"Or module:callable{more}.", autocompletion=complete_name
    )


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the recipe; the file is NAME.yaml.")],
    overrides: options.OverridesArgument = None,
    dataset: Annotated[str, _component("dataset")] = "digits",
    model: Annotated[str, _component("model")] = "fc",
    task: Annotated[str, _component("task", ", such as a loss")] = "classify",
    projector: Annotated[str, _component("projector")] = "tied",
    optimizer: Annotated[str, _component("optimizer", ", or torch:NAME")] = "adam",
    force: options.ForceOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Write a commented recipe.

    Names are those of `idim recipes components`; your own code is
    module:callable or ./file.py:callable.

    Examples: idim new mine --dataset ./mine.py:data --model ./mine.py:network
    idim new mine --task ./mine.py:loss; idim new mine --optimizer torch:NAdam

    Exit code: 0; 2 when a name is unknown, or the file exists.
    """
    from idim_cli.core import code_files
    from idim_cli.recipe.components import is_code
    from idim_cli.recipe.files import write_new
    from idim_cli.recipe.write import written

    path = Path(name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    text = written(str(path), dataset, model, task, projector, overrides or [], optimizer)
    write_new(path, text, force)
    named = {"dataset": dataset, "model": model, "task": task, "projector": projector, "optimizer": optimizer}
    for kind, given in named.items():
        # A warning only: the recipe may be meant for another folder.
        if is_code(given, kind) and not code_files.digest(given):
            console.warn(f"the source of {given} is not found from the current folder")
    if as_json:
        console.document("new/1", {"path": path})
    else:
        console.out(str(path))
