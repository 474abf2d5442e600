"""`idim recipes`: list, show, copy and check recipes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from idim_cli.cli import console, options
from idim_cli.errors import USAGE, Fault, FileError, IdimError, RecipeError
from idim_cli.recipe.find import description, find, shipped
from idim_cli.recipe.load import load

app = typer.Typer(no_args_is_help=True, help="List, show, copy and check recipes.")

Name = Annotated[
    str, typer.Argument(help="A shipped recipe's name, or a file.", autocompletion=lambda: list(shipped()))
]


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """Print the shipped recipes and what each is for.

    Exit code: 0.
    """
    about = {name: description(path) for name, path in shipped().items()}
    if as_json:
        paths = shipped()
        console.out_json([{"name": n, "description": about[n], "path": str(paths[n])} for n in about])
        return
    width = max(map(len, about), default=0)
    for name, text in about.items():
        console.out(f"{name:{width}}  {text}".rstrip())


@app.command()
def show(name: Name) -> None:
    """Print a recipe.

    Exit code: 0; 2 when there is none of that name.
    """
    console.out(_text(find(name)))


@app.command()
def copy(
    name: Name,
    destination: Annotated[Path | None, typer.Argument(metavar="[DEST]", help="A file or a folder.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Copy a recipe, to change it and run the copy.

    Exit code: 0; 2 when there is none of that name, or the copy cannot be written.
    """
    source = find(name)
    target = destination or Path()
    if target.is_dir():
        target = target / source.name
    _write(target, _text(source), force)
    console.out(str(target))


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Recipes, by file or name.")],
    as_json: options.Json = False,
) -> None:
    """Check recipes and name all their faults.

    Exit code: 0; 2 when there are faults.
    """
    faults = {file: _faults(file) for file in files}
    found = [fault for some in faults.values() for fault in some]
    if as_json:
        console.out_json(
            [{"file": f, "ok": not some, "faults": list(map(asdict, some))} for f, some in faults.items()]
        )
        raise typer.Exit(USAGE if found else 0)
    for file in (file for file, some in faults.items() if not some):
        console.out(f"ok {file}")
    if found:
        raise RecipeError(found)


def _faults(file: str) -> list[Fault]:
    try:
        load(file)
    except RecipeError as error:
        return list(error.faults)
    except IdimError as error:
        return [Fault(file, 0, 0, "", str(error), error.hint)]
    return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {path}: {error}") from None


def _write(target: Path, text: str, force: bool) -> None:
    try:
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise FileError(f"{target} exists already", "give another name, or --force to replace it") from None
    except OSError as error:
        raise FileError(f"cannot write {target}: {error.strerror}") from None
