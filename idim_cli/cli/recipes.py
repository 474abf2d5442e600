"""`idim recipes`: list, show, copy and check recipes; list components and keys."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idim_cli.cli import complete, console, options
from idim_cli.cli.verb import Verb, verb
from idim_cli.core.errors import USAGE, ComponentError, Fault, FileError, IdimError, RecipeError
from idim_cli.core.registry import ROOMS

if TYPE_CHECKING:
    from idim_cli.recipe.load import Loaded
    from idim_cli.recipe.trust import Reference

app = typer.Typer(
    no_args_is_help=True, help="List, show, copy and check recipes; list components and the schema."
)

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="The name of a shipped recipe, or a file.", autocompletion=complete.recipe
    ),
]


@app.command("list", cls=Verb)
@verb
def list_(as_json: options.JsonOption = False) -> None:
    """Print the shipped recipes and their purpose.

    Exit code: 0.
    """
    from idim_cli.recipe.find import description, shipped

    about = {name: description(path) for name, path in shipped().items()}
    if as_json:
        paths = shipped()
        found = [{"name": n, "description": about[n], "path": paths[n]} for n in about]
        console.document("recipes-list/1", {"recipes": found})
        return
    # default: an installation may lack the shipped recipes.
    width = max(map(len, about), default=0)
    for name, text in about.items():
        console.out(f"{name:{width}}  {text}".rstrip())


@app.command(cls=Verb)
@verb
def show(name: NameArgument, as_json: options.JsonOption = False) -> None:
    """Print a recipe.

    Exit code: 0; 2 when the name is unknown.
    """
    from idim_cli.recipe.files import read_text
    from idim_cli.recipe.find import find

    path = find(name)
    text = read_text(path)
    if as_json:
        from idim_cli.recipe.dump import dump
        from idim_cli.recipe.load import load

        # Loaded only for JSON: a recipe with errors must still be printable.
        console.document("recipes-show/1", {"path": path, "text": text, "recipe": dump(load(path).recipe)})
    else:
        console.out(text)


@app.command(cls=Verb)
@verb
def copy(
    name: NameArgument,
    destination: Annotated[str, typer.Argument(metavar="DEST", help="A file or a folder.")] = ".",
    force: options.ForceOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Copy a recipe, to change it and run the copy.

    Exit code: 0; 2 when the name is unknown, or the copy cannot be written.
    """
    from idim_cli.recipe.files import read_text, write_new
    from idim_cli.recipe.find import find

    source = find(name)
    target = Path(destination)
    if target.is_dir():
        target = target / source.name
    # The slash says that a folder is meant; a file of that name would be a surprise.
    elif destination.endswith("/"):
        raise FileError(f"no folder {destination}", "create it first")
    write_new(target, read_text(source), force)
    if as_json:
        console.document("recipes-copy/1", {"path": target})
    else:
        console.out(str(target))


@app.command(cls=Verb)
@verb
def check(
    files: Annotated[
        list[str],
        typer.Argument(metavar="RECIPE", help="By file or name.", autocompletion=complete.recipe),
    ],
    as_json: options.JsonOption = False,
) -> None:
    """Check recipes, and print all errors and all code that they would run.

    Your own code must exist, and is not run. Code of others needs --trust-code.

    Exit code: 0; 2 when there are errors.
    """
    checked = {file: _checked(file) for file in files}
    found = [fault for one in checked.values() for fault in one.faults]
    if as_json:
        console.document("recipes-check/1", {"files": [one.as_dict(file) for file, one in checked.items()]})
        # As JSON the faults are data; without --json they are the error message.
        raise typer.Exit(USAGE if found else 0)
    for file, one in checked.items():
        if not one.faults:
            console.out("\n".join([f"ok {file}", *one.limits(), *(f"  runs {code}" for code in one.code)]))
    if found:
        # After all files, so that one with errors hides none of the others.
        raise RecipeError(found)


@app.command("components", cls=Verb)
@verb
def components_(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD",
            help="A kind or a name, such as torch:NAdam; parameters are listed too.",
            autocompletion=complete.words(*ROOMS),
        ),
    ] = None,
    as_json: options.JsonOption = False,
) -> None:
    """Print the known datasets, models, projectors and so on, with their parameters.

    Example: idim recipes components optimizer

    Exit code: 0; 2 for a word that is neither a kind nor a name.
    """
    from idim_cli.recipe.components import components

    found = components(words or [])
    if as_json:
        console.document("recipes-components/1", {"components": [asdict(one) for one in found]})
        return
    width = max(len(one.name) for one in found)
    for kind in dict.fromkeys(one.kind for one in found):
        console.out(kind)
        for one in (one for one in found if one.kind == kind):
            console.out(_hanging(f"  {one.name:{width}}  ", one.summary))
            for name, schema in one.parameters.items() if words else ():
                console.out(_parameter(name, schema))


@app.command("schema", cls=Verb)
@verb
def schema_(as_json: options.JsonOption = False) -> None:
    """Print the JSON Schema of recipes, for editors that complete and check YAML.

    Save it, and start a recipe with: # yaml-language-server: $schema=FILE

    Exit code: 0.
    """
    from idim_cli.recipe.json_schema import json_schema

    found = json_schema()
    if as_json:
        console.document("recipes-schema/1", {"json_schema": found})
    else:
        console.out_json(found)


def _parameter(name: str, schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    shown = "" if default is None else f" = {default if isinstance(default, str) else json.dumps(default)}"
    return _hanging(f"    {name}{shown}: ", schema.get("description", ""), 6)


def _hanging(head: str, text: str, indent: int | None = None) -> str:
    """The text after its head, wrapped to the terminal."""
    then = " " * (len(head) if indent is None else indent)
    return textwrap.fill(text, console.text_width(), initial_indent=head, subsequent_indent=then) or head


@dataclass(frozen=True)
class _Checked:
    """The faults of a recipe, the verbs that it is sufficient for, and the code that it would run."""

    faults: Sequence[Fault] = ()
    code: Sequence[Reference] = ()
    usable: Sequence[str] = ()

    def as_dict(self, file: str) -> dict[str, Any]:
        faults, code = list(map(asdict, self.faults)), [one.as_dict() for one in self.code]
        return {"file": file, "ok": not faults, "usable": self.usable, "faults": faults, "code": code}

    def limits(self) -> list[str]:
        """What other verbs would need."""
        from idim_cli.recipe.load import NO_GRID

        needs = {
            "train": "no d for `idim train`: add --d 100",
            "sweep": f"no d for `idim sweep`: {NO_GRID}",
        }
        return [f"  {need}" for verb, need in needs.items() if verb not in self.usable]


def _checked(file: str) -> _Checked:
    from idim_cli.recipe import trust
    from idim_cli.recipe.load import load

    try:
        loaded = load(file)
        return _Checked(list(_absent(loaded)), trust.listed(loaded), loaded.recipe.usable)
    except RecipeError as error:
        return _Checked(error.faults)
    except IdimError as error:
        return _Checked([Fault(file, 0, 0, "", error.message, error.hint)])


def _absent(loaded: Loaded) -> Iterator[Fault]:
    """The user's own code that does not exist."""
    from idim_cli.core import user_code
    from idim_cli.recipe import trust
    from idim_cli.recipe.components import TORCHVISION

    for one in trust.references(loaded.recipe):
        # Models of torchvision are looked up when they are built, as torchvision is an extra.
        if not one.name.startswith(TORCHVISION):
            try:
                user_code.look(one.name)
            except ComponentError as error:
                yield loaded.source.fault(one.key, error.message, error.hint)
