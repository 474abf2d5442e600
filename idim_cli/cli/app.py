"""The command line: its commands, and errors as messages and exit codes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from idim_cli.cli import (
    bench,
    compress,
    console,
    doctor,
    evaluate,
    expand,
    new,
    recipes,
    report,
    sweep,
    threshold,
    train,
)
from idim_cli.cli.verb import Verb, as_file_error, plain_types, verb
from idim_cli.core.errors import INTERRUPTED, RUN_FAILED, Ended, IdimError, described
from idim_cli.core.machine import check_variables, keep_freed_memory
from idim_cli.core.user_code import no_exit
from idim_cli.training.stop import SIGNALS

# Columns below which the boxes of the help would cut words; plain text is wrapped instead.
_BOXES = 60
# At import, because Typer takes these settings when the commands are defined.
_columns = shutil.get_terminal_size().columns
_plain = _columns < _BOXES


class _Group(TyperGroup):
    """Commands that end quietly when the reader of their output is closed, even during --help."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Options, with types in plain words."""
        return plain_types(super().get_params(ctx), ctx)

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Parse the command line, and print the help if requested."""
        with console.reader_may_leave():
            return super().make_context(*args, **settings)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command line; without any, print the help with exit code 0."""
        return super().parse_args(ctx, args or ["--help"])

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with console.reader_may_leave():
            try:
                return super().invoke(ctx)
            except typer.BadParameter as error:  # some versions of Typer add the words of Pydantic
                error.message = error.message.removeprefix("Value error, ")
                raise


app = typer.Typer(
    name="idim",
    cls=_Group,
    # rich draws boxes, which do not shrink.
    rich_markup_mode=None if _plain else "rich",
    no_args_is_help=True,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "terminal_width": _columns if _plain else None,
    },
    # Unforeseen errors are printed by `_unforeseen`.
    pretty_exceptions_enable=False,
)
# In the order of a study, which is the order of the help.
for name, module in {
    "train": train,
    "sweep": sweep,
    "threshold": threshold,
    "compress": compress,
    "expand": expand,
    "evaluate": evaluate,
    "report": report,
    "new": new,
    "doctor": doctor,
}.items():
    app.command(name, cls=Verb)(verb(module.command))
app.add_typer(recipes.app, name="recipes", cls=_Group)
app.add_typer(bench.app, name="bench", cls=_Group)


def _show_version(wanted: bool) -> None:
    if wanted:
        from idim_cli.core.machine import version

        console.out(f"idim {version()}")
        raise typer.Exit


@app.callback()
def _idim(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Measure how many degrees of freedom a trainable problem needs.

    It trains models in random d-dimensional subspaces of their parameters and
    finds d_int90, the smallest d that reaches 90 % of a baseline.

    Start with: idim sweep quickstart
    """


def main() -> None:
    """Run the command line and end the process with the exit codes of `idim_cli.core.errors`."""
    before, sys.unraisablehook = sys.unraisablehook, _swallowed
    try:
        for number in SIGNALS:
            # SIGINT raises KeyboardInterrupt, as Python does by default.
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _end)
        # Before anything can print: from here on, stdout is for data only.
        console.begin()
        check_variables()
        keep_freed_memory()
        # Before any user code is imported, which must not end the process unnoticed.
        no_exit()
        app(prog_name="idim")
    except IdimError as error:
        sys.exit(console.report_error(error))
    except Ended as end:
        sys.exit(end.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        # Verbs handle their own; this is output that cannot be written, such as to a full disk.
        sys.exit(console.report_error(as_file_error(error)))
    except Exception as error:
        sys.exit(_unforeseen(error))
    finally:
        sys.unraisablehook = before
        _deaf()


def _unforeseen(error: Exception) -> int:
    """An unforeseen error in one line; with -v, its traceback."""
    # Hardly errors of idim: under a memory limit, libraries fail to load.
    if isinstance(error, ImportError | MemoryError):
        hint = "check the installation and the available memory (ulimit -v)"
        console.fail(f"cannot continue: {described(error)}", hint)
        return RUN_FAILED
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    console.fail(
        f"internal error{place}: {described(error)}", "please report it, with the traceback that -v prints"
    )
    # From the words of the command, as the level of the console is reset when a verb ends.
    if {"-v", "--verbose"} & {*sys.argv}:
        console.fail("".join(traceback.format_exception(error)), label="traceback")
    return RUN_FAILED


def _deaf() -> None:
    """Ignore the notice of a cluster while Python exits: it must not change the exit code."""
    # Windows has no SIGUSR1.
    if hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)


# Raised in the main thread, wherever it is, so that `finally` blocks save what they hold.
def _end(number: int, frame: FrameType | None) -> None:
    raise Ended(SIGNALS[signal.Signals(number)])


_exit = os._exit  # user code is prevented from calling it later


def _swallowed(lost: sys.UnraisableHookArgs) -> None:
    """Handle a signal during a callback of the import system, which swallows exceptions."""
    if isinstance(lost.exc_value, Ended):
        _exit(lost.exc_value.exit_code)
    elif isinstance(lost.exc_value, KeyboardInterrupt):
        _exit(INTERRUPTED)
    sys.__unraisablehook__(lost)


if __name__ == "__main__":
    main()
