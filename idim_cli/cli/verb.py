"""The options -q and -v of all verbs; -v logs what is loaded, from where, and how long it took."""

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
#: Packages whose version is printed if the verb has loaded them.
_VERSIONS = ("torch", "numpy", "pandas", "scipy")


class Verb(TyperCommand):
    """A command whose help shows types in plain words or not at all."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Arguments and options."""
        return plain_types(super().get_params(ctx), ctx)


def plain_types(parameters: list[Any], ctx: Any) -> list[Any]:
    """Parameters that show their metavar instead of ``<str>``, and nothing for a flag or an argument."""
    for one in parameters:
        if isinstance(one, TyperArgument):
            one.display_type_rich = lambda ctx: None  # type: ignore[method-assign]
        elif one.metavar is None:
            one.metavar = "" if one.is_flag else (one.display_type(ctx) or "").strip("<>")
    return parameters


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as a command with -q and -v, which the console follows while it runs."""

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
            with console.only_data(), _each_warning_once():
                return _called(functools.partial(function, *args, **given), bool(given.get("as_json")))
        finally:
            # Further commands in this process, as in tests and notebooks, begin without a trace of this one.
            _OURS.removeHandler(handler)
            if verbose:
                _end(time.perf_counter() - began)
            console.set_level(console.NORMAL)

    signature = _with_options(inspect.signature(function, eval_str=True))
    # Typer reads the parameters of a command from its signature.
    command.__signature__ = signature  # type: ignore[attr-defined]
    # Typer reads these several times, and would compile annotations in text form each time.
    command.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
    return command


def _called(function: Callable[[], Any], as_json: bool) -> Any:
    """The result of `function`; with --json, an error is also printed as JSON."""
    try:
        return _contained(function)
    except IdimError as error:
        if as_json:
            faults = [asdict(fault) for fault in error.faults] if isinstance(error, RecipeError) else []
            about = {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}
            console.document("error/1", {**about, "faults": faults})
        raise


def _contained(function: Callable[[], Any]) -> Any:
    """The result of `function`; errors of the disk and `sys.exit` in user code become an IdimError."""
    try:
        return function()
    except SystemExit as end:
        raise ExitedError(f"user code tried to exit the program: {described(end)}") from end
    # `console.reader_may_leave` handles it.
    except BrokenPipeError:
        raise
    except OSError as error:
        raise as_file_error(error) from error
    except RuntimeError as error:  # how pathlib reports it before Python 3.13
        # Other RuntimeErrors are faults of idim, and stay visible as such.
        if not str(error).startswith("Symlink loop"):
            raise
        raise FileError(str(error), "remove the link") from error


def as_file_error(error: OSError) -> FileError:
    """A full disk, or a folder that is a file or read-only: an error of the environment, not of idim."""
    reason = error.strerror or str(error) or type(error).__name__
    return FileError(
        f"cannot use {error.filename}: {reason}" if error.filename else f"cannot continue: {reason}"
    )


def _with_options(signature: inspect.Signature) -> inspect.Signature:
    """The signature with -q and -v, and with types as a letter or not at all: <bool> would not help."""
    for parameter in signature.parameters.values():
        kind, *more = get_args(parameter.annotation) or (None,)
        for info in more:
            # A letter for numbers and text, nothing for flags.
            if isinstance(info, OptionInfo) and info.metavar is None:
                info.metavar = _METAVARS.get(next(iter(get_args(kind)), kind))
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in (("quiet", Quiet), ("verbose", Verbose))
    ]
    return signature.replace(parameters=[*signature.parameters.values(), *added])


class _Handler(logging.Handler):
    """Prints what other packages log, each message once."""

    def __init__(self) -> None:
        super().__init__()
        self.printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message, unless it was printed before."""
        message = self.format(record)
        if message not in self.printed:
            self.printed.add(message)
            # Debug records arrive only with -v, which sets the level of the logger.
            if record.levelno >= logging.WARNING:
                console.warn(message)
            else:
                console.say(f"  {message}")


@contextlib.contextmanager
def _each_warning_once() -> Iterator[None]:
    """Context that prints warnings of user code and libraries once, although models are built for every run.

    Python's own record of printed warnings is lost whenever a library changes the filters.
    """
    before, seen = warnings.showwarning, set[object]()

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
    ) -> None:
        this = filename, lineno, str(message)  # without the class, whose name may differ in a worker
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
    loaded = [f"{name} {sys.modules[name].__version__}" for name in _VERSIONS if name in sys.modules]
    console.say(f"{seconds:.1f} s" + (f" with {', '.join(loaded)}" if loaded else ""))
