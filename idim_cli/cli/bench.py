"""`idim bench`: time projections, steps, packs of runs, reading data and starts on this machine."""

from __future__ import annotations

import contextlib
import math
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idim_cli.cli import complete, console, options
from idim_cli.cli.verb import Verb, verb
from idim_cli.core.errors import Ended, IdimError

if TYPE_CHECKING:
    from idim_cli.bench.base import BenchRow, How
    from idim_cli.bench.machine import Machine
    from idim_cli.recipe.load import Loaded
    from idim_cli.training.where import Where

app = typer.Typer(
    no_args_is_help=True,
    help="Time projections, steps, packs of runs, reading data and starts, each against a floor.",
)

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Folder of the CSV and the figure.",
        metavar="DIR",
        parser=options.out_folder,
        show_default="bench in IDIM_OUT, else in results",
    ),
]
SecondsOption = Annotated[
    float, typer.Option("--seconds", min=0.0, help="Minimum time for each row; more is more precise.")
]
LimitOption = Annotated[
    float,
    typer.Option("--limit", help="Skip a P that is expected to take more seconds to construct.", min=0.0),
]
ProjectorsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--projector",
        metavar="NAME",
        help="Only this one; may be repeated.",
        show_default="all",
        autocompletion=complete.component("projector"),
    ),
]
_RECIPE: Any = typer.Option(
    "--recipe",
    help="A recipe's file, or the name of a shipped one.",
    metavar="RECIPE",
    autocompletion=complete.recipe,
)


@app.command(cls=Verb)
@verb
def projectors(
    sizes: Annotated[
        str, typer.Option("--D", metavar="D,...", help="Numbers of native parameters, e.g. 100k,60M.")
    ] = "100k,1M,10M,60M",
    share: Annotated[float, typer.Option("--d", help="d as a share of D.", min=0.0, max=1.0)] = 0.01,
    names: ProjectorsOption = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:CLASS", help="A class (D, d, seed) of yours; all are compared with the first one."
        ),
    ] = None,
    seconds: SecondsOption = 2.0,
    limit: LimitOption = 120.0,
    device: options.ThisDeviceOption = "auto",
    out: OutOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Time P v and P' g of every projector (paper, Table S4).

    The floor is a copy of D float32 there and back. A P that does not fit into
    memory, or takes too long to construct, is skipped with the reason.

    Example: idim bench projectors --D 1M --reference ./mine.py:Mine

    Exit code: 0; 2 for an invalid option; 75, 130 or 143 when stopped, and
    what was measured until then is kept.
    """
    # Before the imports, so that a mistyped option is reported without waiting for torch.
    wanted = _numbers("--D", sizes)
    from idim_cli.bench import projectors as bench

    how = _how(device, seconds, limit)
    those = bench.contestants(names or [])
    classes = [bench.outsider(name) for name in reference or []]
    rows = bench.measure(those, wanted, share, how, reference=classes, say=console.say)
    _report("projectors", bench.COLUMNS, rows, how, out, as_json)


@app.command(cls=Verb)
@verb
def step(
    overrides: options.OverridesArgument = None,
    recipe: Annotated[str | None, _RECIPE] = None,
    dims: Annotated[str, typer.Option("--d", metavar="D,...", help="Subspace dimensions.")] = (
        "100,300,750,3000,10000"
    ),
    names: ProjectorsOption = None,
    seconds: SecondsOption = 1.0,
    limit: LimitOption = 120.0,
    data: options.DataOption = None,
    device: options.DeviceOption = None,
    trust_code: options.TrustCodeOption = False,
    out: OutOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Time a training step at each d, compared with direct training (paper, Fig. S12).

    Without a recipe: a 784-200-200-10 network on noise of MNIST's shape, batches
    of 128. The floor is the bare module, trained without this package.

    Example: idim bench step --recipe mnist-lenet --data FOLDER --d 250,1000

    Exit code: 0; 1 when a training diverged; 2 for an invalid option or recipe, or
    missing data; 75, 130 or 143 when stopped, and what was measured is kept.
    """
    wanted = _numbers("--d", dims)
    from idim_cli.bench import projectors as known
    from idim_cli.bench import step as bench
    from idim_cli.recipe.load import load

    loaded = load(recipe, overrides or []) if recipe else bench.default_recipe(overrides or [])
    how, where = _here(loaded, trust_code, device, data, seconds, limit)
    # `identity` is direct training, which is measured in every row anyway.
    those = [one.name for one in known.contestants(names or []) if one.name != "identity"]
    rows = bench.measure(loaded.recipe, wanted, those, how, where, console.say)
    _report("step", bench.COLUMNS, rows, how, out, as_json)


@app.command(cls=Verb)
@verb
def pack(
    overrides: options.OverridesArgument = None,
    recipe: Annotated[str, _RECIPE] = "quickstart",
    sizes: Annotated[str, typer.Option("--runs", metavar="R,...", help="Runs in a pack.")] = "1,2,4,8,16,32",
    seconds: SecondsOption = 1.0,
    data: options.DataOption = None,
    device: options.DeviceOption = None,
    trust_code: options.TrustCodeOption = False,
    out: OutOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Time packs of runs in one process, compared with the same runs one by one.

    Example: idim bench pack --recipe mnist-fc --data FOLDER d=500

    Exit code: 0; 1 when a training diverged; 2 for an invalid option or recipe,
    missing data, or runs that cannot be batched; 75, 130 or 143 when stopped,
    and what was measured is kept.
    """
    wanted = _numbers("--runs", sizes)
    from idim_cli.bench import pack as bench
    from idim_cli.recipe.load import load

    loaded = load(recipe, overrides or [])
    how, where = _here(loaded, trust_code, device, data, seconds)
    rows = bench.measure(loaded.recipe, wanted, how, where, console.say)
    _report("pack", bench.COLUMNS, rows, how, out, as_json)


@app.command(cls=Verb)
@verb
def start(
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Starts of each; more is more precise.")] = 5,
    out: OutOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Time the start of commands, up to their first lines.

    Times idim --help, import idim_cli, and idim sweep quickstart up to its first
    line, to the line after reading the data and a trial step, and to its first
    finished run. The floor is a process that imports torch alone. The table also
    lists how many loops a first and a second process compile.

    Example: idim bench start --rounds 3

    Exit code: 0; 1 when a command cannot start; 75, 130 or 143 when stopped.
    """
    from idim_cli.bench import start as bench

    # Only for the description of the machine: the commands run in processes of their own.
    _report("start", bench.COLUMNS, bench.measure(rounds, console.say), _how("cpu", 0.0), out, as_json)


@app.command(cls=Verb)
@verb
def data(
    overrides: options.OverridesArgument = None,
    recipe: Annotated[str | None, _RECIPE] = None,
    workers: Annotated[
        str, typer.Option("--workers", metavar="N,...", help="Numbers of processes that read.")
    ] = "0,1,2,4",
    examples: Annotated[int, typer.Option("--examples", min=1, help="Maximum of examples in a pass.")] = 2000,
    seconds: SecondsOption = 5.0,
    folder: options.DataOption = None,
    device: options.DeviceOption = None,
    trust_code: options.TrustCodeOption = False,
    out: OutOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Time reading examples of a data set that is not held in memory.

    Without a recipe: generated JPEG files. The floor is a loop over the same
    examples in this process, for images with Pillow and torch alone.

    Example: idim bench data --recipe imagefolder --data FOLDER

    Exit code: 0; 1 when an example cannot be read; 2 for an invalid option or
    recipe, or missing data; 75, 130 or 143 when stopped, and what was measured
    is kept.
    """
    # 0 is allowed: this process then reads the examples itself.
    wanted = _numbers("--workers", workers, r"\d+")
    from idim_cli.bench import data as bench
    from idim_cli.recipe.load import load

    with tempfile.TemporaryDirectory(prefix="idim-bench-") as made:
        loaded = (
            load(recipe, overrides or []) if recipe else bench.default_recipe(Path(made), overrides or [])
        )
        how, where = _here(loaded, trust_code, device, folder, seconds)
        rows = bench.measure(loaded.recipe, wanted, examples, how, where, console.say)
        _report("data", bench.COLUMNS, rows, how, out, as_json)


def _numbers(option: str, text: str, one: str = r"[1-9]\d*") -> list[int]:
    """The whole numbers of an option, such as 100k,1M."""
    units = {"": 1, "k": 1000, "M": 1_000_000}
    found = [re.fullmatch(rf"({one})([kM]?)", part.strip()) for part in text.split(",")]
    if not all(found):
        raise IdimError(
            f"{option} must be a list of whole numbers, got {text!r}", f"such as {option} 100,10k,1M"
        )
    return [int(one[1]) * units[one[2]] for one in found if one]


def _here(
    loaded: Loaded,
    trust_code: bool,
    device: str | None,
    data: str | None,
    seconds: float,
    limit: float = math.inf,
) -> tuple[How, Where]:
    """Where and how a recipe is measured; an error if its code is not trusted."""
    from idim_cli.recipe import trust
    from idim_cli.training.where import Where

    trust.permit(loaded, trust_code)
    here = options.device(device, loaded.recipe) or loaded.recipe.device
    return _how(here, seconds, limit), Where(here, data)


def _how(device: str, seconds: float, limit: float = math.inf) -> How:
    from idim_cli.bench.base import How
    from idim_cli.core.machine import pick_device

    return How(pick_device(device), seconds, limit)


def _report(
    bench: str, columns: Sequence[str], rows: Iterator[BenchRow], how: How, out: Path | None, as_json: bool
) -> None:
    """Measure, writing and printing each row; then print the table and draw the figure."""
    from idim_cli.bench import files, machine, show

    folder = out or options.out_folder(os.environ.get("IDIM_OUT") or "results") / "bench"
    on, found, path = machine.here(how.device), list[Any](), folder / f"{bench}.csv"
    # Before the first measurement, so that a folder that cannot be made costs no time.
    folder.mkdir(parents=True, exist_ok=True)
    # The CSV is rewritten for each row, so that an interruption loses none.
    with _kept(path):
        for row in rows:
            found.append(row)
            files.write_csv(path, columns, found, on)
            console.say(show.line(bench, row))
    written = [path, *_drawn(bench, found, on, folder)]
    warnings = show.warnings(bench, found, on)
    if as_json:
        document = {"machine": on.as_dict(), "rows": found, "warnings": warnings, "files": written}
        console.document(f"bench-{bench}/1", document)
    else:
        console.out(show.table(bench, found, on))
    # After the table, next to the prompt, where they are read.
    for text in warnings:
        console.warn(text)
    for file in written:
        console.say(f"wrote {file}")


def _drawn(bench: str, rows: Sequence[BenchRow], machine: Machine, out: Path) -> Iterator[Path]:
    """The figure of a bench, if it has one."""
    from idim_cli.bench.picture import PICTURES, picture
    from idim_cli.reports.plots import lines
    from idim_cli.runs.results import write_atomic

    if bench in PICTURES:
        path = out / f"{bench}.png"
        write_atomic(path, lines.draw(**vars(picture(bench, rows, machine))))
        yield path


@contextlib.contextmanager
def _kept(path: Path) -> Iterator[None]:
    """Context that reports where the measurements are when a signal ends it."""
    try:
        yield
    except (KeyboardInterrupt, Ended):
        console.fail(f"measurements so far: {path}", label="stopped")
        raise
