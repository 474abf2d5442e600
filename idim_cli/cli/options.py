"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idim_cli.cli import complete
from idim_cli.core.errors import FileError, IdimError

if TYPE_CHECKING:
    from idim_cli.recipe.schema import Recipe


def out_file(text: str | Path) -> Path:
    """The value of an `--out` that names a file."""
    if not str(text):
        raise FileError("--out is empty", "leave it out for the default")
    return Path(text)


def out_folder(text: str | Path) -> Path:
    """The value of an `--out` that names a folder, which need not exist yet."""
    folder = out_file(text)
    if folder.exists() and not folder.is_dir():
        raise FileError(f"--out {folder} is not a folder")
    return folder


def number_or_auto(text: str) -> int | None:
    """The value of an option that is a positive whole number, or ``auto``, which is None."""
    # None, so that "not given" and "auto" are one case for the executor.
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"must be auto or a positive whole number, got {text!r}")
    return int(text)


_option = partial(typer.Option, rich_help_panel="Where and how")
_DEVICE: dict[str, Any] = {
    "metavar": "DEVICE",
    "help": "auto, cpu, cuda, cuda:1, mps.",
    "autocompletion": complete.words("auto", "cpu", "cuda", "mps"),
}

RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="A recipe file, or the name of a shipped one.", autocompletion=complete.recipe
    ),
]
OverridesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE", help="Recipe keys to change, e.g. training.epochs=5.", show_default=False,
        autocompletion=complete.override,
    ),
]  # fmt: skip
OutOption = Annotated[
    Path,
    _option(
        "--out", envvar="IDIM_OUT", metavar="DIR", parser=out_folder,
        help="Folder of all results; these go to OUT/RECIPE.",
    ),
]  # fmt: skip
DataOption = Annotated[
    str | None,
    _option(
        "--data", metavar="DIR", help="Folder of the data sets.",
        show_default="the recipe's, then the environment variable IDIM_DATA",
    ),
]  # fmt: skip
DeviceOption = Annotated[
    str | None,
    _option(
        "--device", show_default="the recipe's, then the environment variable IDIM_DEVICE, then auto",
        **_DEVICE,
    ),
]  # fmt: skip
#: The same for commands without a recipe.
DataRootOption = Annotated[
    str | None,
    typer.Option(
        "--data", envvar="IDIM_DATA", metavar="DIR", help="Folder of the data sets.", show_default=False
    ),
]
ThisDeviceOption = Annotated[str, typer.Option("--device", envvar="IDIM_DEVICE", **_DEVICE)]
DownloadOption = Annotated[bool, typer.Option("--download", help="Fetch missing data sets and weights.")]
JobsOption = Annotated[
    int | None,
    _option(
        "--jobs", envvar="IDIM_JOBS", metavar="auto|N", show_default="auto", parser=number_or_auto,
        help="Processes that train; auto: one per GPU, or one per core if that saves time.",
    ),
]  # fmt: skip
PackOption = Annotated[
    int | None,
    _option(
        "--pack", envvar="IDIM_PACK", metavar="auto|N", show_default="auto", parser=number_or_auto,
        help="Runs that a process trains as one batched network; auto: as many as are fastest.",
    ),
]  # fmt: skip
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be done and what it takes; run nothing.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
KeepGoingOption = Annotated[
    bool, typer.Option("--keep-going", help="Exit with 4 instead of 1 when runs failed.")
]
TrustCodeOption = Annotated[
    bool, typer.Option("--trust-code", help="Run code (module:callable) named by files of other people.")
]
TrackerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker", metavar="NAME", show_default="the recipe's",
        autocompletion=complete.component("tracker"),
        help="Show runs in tensorboard, wandb or mlflow; '{name: wandb, mode: offline}' with parameters.",
    ),
]  # fmt: skip
ResultsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="RESULTS", help="A results folder, or a CSV of runs.", autocompletion=complete.results
    ),
]


def device(given: str | None, recipe: Recipe) -> str | None:
    """The device of `--device`, or of IDIM_DEVICE if the recipe sets none; None is that of the recipe."""
    return given or ("device" not in recipe.model_fields_set and os.environ.get("IDIM_DEVICE")) or None


def stored_device(given: str | None, path: Path) -> str:
    """The same for a run folder or a checkpoint, or for a compressed file, which has no recipe."""
    from idim_cli.compression import from_checkpoint
    from idim_cli.compression.format import files
    from idim_cli.runs import results

    # The device that a recipe sets comes before IDIM_DEVICE, as in `device`.
    recipe = None
    try:
        if not given and not files.is_compressed(path):
            recipe = from_checkpoint.read(results.checkpoint_of(path)).recipe
    # The file may be missing or damaged.
    except IdimError:
        pass  # the command itself reports the file
    recorded = recipe.device if recipe is not None and "device" in recipe.model_fields_set else None
    return given or recorded or os.environ.get("IDIM_DEVICE") or "auto"


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
    """The options of a sweep other than the defaults, for the command that continues it."""
    options = {"--out": str(out), "--data": data, "--device": device, "--jobs": jobs, "--pack": pack}
    # Defaults are left out, to keep the command short.
    usual = {"--out": os.environ.get("IDIM_OUT", "results")}
    words = [f"{name}={value}" for name, value in options.items() if value not in (None, usual.get(name))]
    # As one word each: `--tracker` may be repeated.
    return [*words, *(f"--tracker={one}" for one in tracker or ())]
