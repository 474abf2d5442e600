"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from idim_cli.cli import complete
from idim_cli.core.errors import FileError, IdimError
from idim_cli.recipe import choices

if TYPE_CHECKING:
    from idim_cli.recipe import schema
    from idim_cli.thresholds import Options
    from idim_cli.thresholds.selection import Selection


def out_file(text: str | Path) -> Path:
    """The value of an `--out` that names a file."""
    if not str(text):
        raise FileError("--out is empty", "leave it out for the usual place")
    return Path(text)


def out_folder(text: str | Path) -> Path:
    """The value of an `--out` that names a folder, which need not be there yet."""
    folder = out_file(text)
    if folder.exists() and not folder.is_dir():
        raise FileError(f"--out {folder} is not a folder")
    return folder


def number_or_auto(text: str) -> int | None:
    """The value of an option that is a number from 1 on, or ``auto``, which is None."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is neither auto nor a number from 1 on")
    return int(text)


_WHERE, _READING = "Where and how", "How to read d_int"
Recipe = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe's file, or the name of a shipped one.",
        autocompletion=complete.recipe,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Recipe keys to change, e.g. training.epochs=5.",
        show_default=False,
        autocompletion=complete.override,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        rich_help_panel=_WHERE,
        envvar="IDIM_OUT",
        help="Folder of all results; these go to OUT/RECIPE.",
        metavar="DIR",
        parser=out_folder,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        rich_help_panel=_WHERE,
        help="Folder of the data sets.",
        metavar="DIR",
        show_default="the recipe's, then the environment variable IDIM_DATA",
    ),
]
DataHere = Annotated[
    str | None,
    typer.Option(
        "--data", envvar="IDIM_DATA", metavar="DIR", help="Folder of the data sets.", show_default=False
    ),
]
_DEVICE: dict[str, Any] = {
    "metavar": "DEVICE",
    "help": "auto, cpu, cuda, cuda:1, mps.",
    "autocompletion": complete.words("auto", "cpu", "cuda", "mps"),
}
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        rich_help_panel=_WHERE,
        show_default="the recipe's, then the environment variable IDIM_DEVICE, then auto",
        **_DEVICE,
    ),
]
DeviceHere = Annotated[str, typer.Option("--device", envvar="IDIM_DEVICE", **_DEVICE)]  # where no recipe is


def device(given: str | None, recipe: schema.Recipe) -> str | None:
    """What `--device` says; None leaves it to the recipe. IDIM_DEVICE speaks where neither does."""
    return given or ("device" not in recipe.model_fields_set and os.environ.get("IDIM_DEVICE")) or None


def stored_device(given: str | None, path: Path) -> str:
    """As `device`, for a run folder or a checkpoint, or for a compressed file, which has no recipe."""
    return given or _recorded_device(path) or os.environ.get("IDIM_DEVICE") or "auto"


def _recorded_device(path: Path) -> str | None:
    """What the recipe in a checkpoint says; None where there is none, which the command itself will name."""
    from idim_cli.compression import from_checkpoint
    from idim_cli.compression.format import files
    from idim_cli.runs import results

    try:
        found = (
            None if files.is_compressed(path) else from_checkpoint.read(results.checkpoint_of(path)).recipe
        )
    except IdimError:
        return None
    return found.device if found is not None and "device" in found.model_fields_set else None


Download = Annotated[bool, typer.Option("--download", help="Fetch absent data sets and weights.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        rich_help_panel=_WHERE,
        envvar="IDIM_JOBS",
        metavar="auto|N",
        help="Processes that train; auto: one a GPU, or one a core, if that saves time.",
        show_default="auto",
        parser=number_or_auto,
    ),
]
Pack = Annotated[
    int | None,
    typer.Option(
        "--pack",
        rich_help_panel=_WHERE,
        envvar="IDIM_PACK",
        metavar="auto|N",
        help="Runs of a kind that a process trains side by side; auto: as is fastest here.",
        show_default="auto",
        parser=number_or_auto,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be done and what it takes; run nothing.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Exit with 4 instead of 1 when runs failed.")]
TrustCode = Annotated[
    bool, typer.Option("--trust-code", help="Run code that a file you did not make names (module:callable).")
]

Tracker = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker",
        metavar="NAME",
        help="Show runs in tensorboard, wandb or mlflow; '{name: wandb, mode: offline}' with parameters.",
        autocompletion=complete.component("tracker"),
        show_default="the recipe's",
    ),
]


def trackers(given: Sequence[str] | None) -> list[str]:
    """`--tracker`, once or several times, as an override; none if it was not given."""
    return [f"trackers=[{', '.join(given)}]"] if given else []


def given(
    out: Path,
    data: str | None = None,
    device: str | None = None,
    jobs: int | None = None,
    pack: int | None = None,
    tracker: Sequence[str] | None = None,
) -> list[str]:
    """The options of a sweep as they were given, for a command that goes on from it."""
    told = {"--out": str(out), "--data": data, "--device": device, "--jobs": jobs, "--pack": pack}
    usual = {"--out": os.environ.get("IDIM_OUT", "results")}
    words = [f"{name}={value}" for name, value in told.items() if value not in (None, usual.get(name))]
    return [*words, *(f"--tracker={one}" for one in tracker or ())]


Results = Annotated[
    Path,
    typer.Argument(
        metavar="RESULTS", help="A results folder, or a CSV of runs.", autocompletion=complete.results
    ),
]

# How to read d_int. None leaves it to the recipe of a results folder, and then to the default.
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        rich_help_panel=_READING,
        metavar="|".join((*get_args(choices.BaselineWord), "VALUE")),
        help="What 100 % means.",
        show_default="recipe, then model",
        autocompletion=complete.words(*get_args(choices.BaselineWord)),
    ),
]
Fraction = Annotated[
    float | None,
    typer.Option(
        "--fraction",
        rich_help_panel=_READING,
        help="How far to get from the floor to the baseline.",
        show_default="recipe, then 0.9",
    ),
]
Floor = Annotated[
    str | None,
    typer.Option(
        "--floor",
        rich_help_panel=_READING,
        metavar="|".join((*get_args(choices.FloorWord), "VALUE")),
        help="What 0 % means.",
        show_default="recipe, then 0",
        autocompletion=complete.words(*get_args(choices.FloorWord)),
    ),
]
Rule = Annotated[
    str | None,
    typer.Option(
        "--rule",
        rich_help_panel=_READING,
        metavar="|".join(get_args(choices.Rule)),
        autocompletion=complete.words(*get_args(choices.Rule)),
        help="How the runs at each d become one d.",
        show_default="recipe, then isotonic",
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option(
        "--confidence",
        rich_help_panel=_READING,
        help="Of the interval and the d_int100 test.",
        show_default="recipe, then 0.95",
    ),
]
Centre = Annotated[
    str | None,
    typer.Option(
        "--centre",
        rich_help_panel=_READING,
        metavar="mean|median",
        autocompletion=complete.words("mean", "median"),
        help="How the runs at one d are averaged.",
        show_default="recipe, then mean",
    ),
]
Paper = Annotated[
    bool,
    typer.Option(
        "--paper",
        rich_help_panel=_READING,
        help="Read as Li et al. 2018 did, whatever the recipe says: rule first, their bootstrap.",
    ),
]


Column = Annotated[
    list[str] | None,
    typer.Option(metavar="OURS=THEIRS", help="Read the column THEIRS as OURS, e.g. d=x."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN=VALUE", help="Keep rows with this value; repeat for several values."),
]
GroupBy = Annotated[
    list[str] | None, typer.Option(metavar="COLUMN", help="One estimate for each of its values.")
]


def selection(
    column: Sequence[str] | None, where: Sequence[str] | None, group_by: Sequence[str] | None
) -> Selection:
    """What `--column`, `--where` and `--group-by` choose of a table; IdimError for a text without ``=``."""
    from idim_cli.thresholds.selection import Selection

    kept: dict[str, list[str]] = {}
    for key, value in _pairs("--where", where or ()):
        kept.setdefault(key, []).append(value)
    return Selection(dict(_pairs("--column", column or ())), kept, group_by or None)


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    parts = [text.partition("=") for text in texts]
    for text, (key, equals, value) in zip(texts, parts, strict=True):
        if not (key and equals and value):
            raise IdimError(f"{option} {text!r} is not of the form NAME=VALUE")
    return [(key.strip(), value.strip()) for key, _, value in parts]


def reading_options(path: Path, paper: bool = False, **given: Any) -> Options:
    """How to read the results at `path`: flags, then the recipe of a results folder, then the defaults.

    Args:
        path: a results folder, or a file.
        paper: take the paper's reading in place of the recipe and the defaults.
        given: fields of `Options` by name; None is not given; `baseline` and `floor` may be numbers as text.

    Raises:
        IdimError: a value is not known or out of range, or the folder's recipe is faulty.
    """
    from idim_cli.thresholds import PAPER, recorded

    return (PAPER if paper else recorded(path)).but(**reading_flags(**given))


def reading_flags(**given: Any) -> dict[str, Any]:
    """The fields of `Options` that were given; `baseline` and `floor` are numbers where their text is one."""
    flags = {key: value for key, value in given.items() if value is not None}
    return flags | {key: _number_or_word(flags[key]) for key in ("baseline", "floor") if key in flags}


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
