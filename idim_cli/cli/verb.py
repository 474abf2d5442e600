"""What all verbs share: -q and -v, and with -v a log of what is loaded, from where, and how long it took."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperArgument, TyperCommand
from typer.models import OptionInfo

from idim_cli.cli import console
from idim_cli.core.errors import ExitedError, FileError, IdimError, RecipeError, described

Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print errors only.")]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", metavar="", help="Print more detail: versions, what is loaded and decided."
    ),
]
_METAVARS = {bool: "", int: "N", float: "X"}
_OURS = logging.getLogger("idim_cli")
#: Packages whose version is told if the verb has loaded them.
_TOLD = ("torch", "numpy", "pandas", "scipy")


class Verb(TyperCommand):
    """A command whose help tells types in plain words or not at all."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Arguments and options."""
        return plain_types(super().get_params(ctx), ctx)


def plain_types(parameters: list[Any], ctx: Any) -> list[Any]:
    """Parameters that show their metavar in the place of ``<str>``, and nothing for a flag or an argument."""
    for one in parameters:
        if isinstance(one, TyperArgument):
            one.display_type_rich = lambda ctx: None  # type: ignore[method-assign]
        elif one.metavar is None:
            one.metavar = "" if one.is_flag else (one.display_type(ctx) or "").strip("<>")
    return parameters


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as a command that takes -q and -v too; while it runs, the console heeds them."""

    @functools.wraps(function)
    def command(*args: Any, quiet: bool, verbose: bool, **given: Any) -> Any:
        if quiet and verbose:
            raise typer.BadParameter("--quiet and --verbose exclude each other")
        console.set_level(console.QUIET if quiet else console.VERBOSE if verbose else console.NORMAL)
        began, handler = time.perf_counter(), _Handler()
        _OURS.addHandler(handler)
        if verbose:
            _begin()
        try:
            with console.data_apart(), _each_warning_once():
                return _called(functools.partial(function, *args, **given), bool(given.get("as_json")))
        finally:
            _OURS.removeHandler(handler)
            if verbose:
                _end(time.perf_counter() - began)
            console.set_level(console.NORMAL)

    signature = _with_options(inspect.signature(function, eval_str=True))
    command.__signature__ = signature  # type: ignore[attr-defined]
    # Typer reads these several times, and compiles annotations that are text each time.
    command.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
    return command


def _called(function: Callable[[], Any], as_json: bool) -> Any:
    """What `function` returns; an error is told on stdout too where JSON is asked for."""
    try:
        return _contained(function)
    except IdimError as error:
        if as_json:
            faults = [asdict(fault) for fault in error.faults] if isinstance(error, RecipeError) else []
            told = {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}
            console.document("error/1", {**told, "faults": faults})
        raise


def _contained(function: Callable[[], Any]) -> Any:
    """What `function` returns; a full disk and the like, or `sys.exit` in foreign code, is an IdimError."""
    try:
        return function()
    except SystemExit as end:
        raise ExitedError(f"user code tried to end the program: {described(end)}") from end
    except BrokenPipeError:
        raise
    except OSError as error:
        raise as_file_error(error) from error
    except RuntimeError as error:  # pathlib's word for it before Python 3.13
        if not str(error).startswith("Symlink loop"):
            raise
        raise FileError(str(error), "remove the link") from error


def as_file_error(error: OSError) -> FileError:
    """A full disk, a folder that is a file or may not be written to: no fault of the program."""
    reason = error.strerror or str(error) or type(error).__name__
    return FileError(
        f"cannot use {error.filename}: {reason}" if error.filename else f"cannot continue: {reason}"
    )


def _with_options(signature: inspect.Signature) -> inspect.Signature:
    """With -q and -v; types are told in a letter or not at all: <bool> says nothing of a flag."""
    for parameter in signature.parameters.values():
        kind, *more = get_args(parameter.annotation) or (None,)
        for info in more:
            if isinstance(info, OptionInfo) and info.metavar is None:
                info.metavar = _METAVARS.get(next(iter(get_args(kind)), kind))
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in (("quiet", Quiet), ("verbose", Verbose))
    ]
    return signature.replace(parameters=[*signature.parameters.values(), *added])


class _Handler(logging.Handler):
    """What the rooms below log, as talk or a warning; each thing once."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, unless it was said before."""
        message = self.format(record)
        if message not in self.told:
            self.told.add(message)
            if record.levelno >= logging.WARNING:
                console.warn(message)
            else:
                console.say(f"  {message}")


@contextlib.contextmanager
def _each_warning_once() -> Iterator[None]:
    """Print warnings of user code and libraries as ours, each once: a model is built anew for every run.

    Python's own record of what was shown is lost each time that a library changes the filters.
    """
    before, seen = warnings.showwarning, set[object]()

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
    ) -> None:
        this = filename, lineno, str(message)  # a worker may know its class by another name
        if this not in seen:
            seen.add(this)
            console.warn(f"{filename}:{lineno}: {category.__name__}: {message}")

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


def _begin() -> None:
    from idim_cli.core.machine import version

    console.say(f"idim {version()}, Python {platform.python_version()}, in {os.getcwd()}")
    for name in sorted(name for name in os.environ if name.startswith("IDIM_")):
        console.say(f"  {name}={os.environ[name]}")
    _OURS.setLevel(logging.DEBUG)


def _end(seconds: float) -> None:
    _OURS.setLevel(logging.NOTSET)
    loaded = [f"{name} {sys.modules[name].__version__}" for name in _TOLD if name in sys.modules]
    console.say(f"{seconds:.1f} s" + (f" with {', '.join(loaded)}" if loaded else ""))
