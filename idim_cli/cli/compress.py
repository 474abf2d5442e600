"""`idim compress`: the smallest file of a trained network that does what is asked of it."""

from __future__ import annotations

import textwrap
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from idim_cli.cli import complete, console, options, watch
from idim_cli.runs.results import RECORD

if TYPE_CHECKING:
    from idim_cli.compression.search.record import Compressed


class Codebook(StrEnum):
    """Kinds of values."""

    UNIFORM = "uniform"
    KMEANS = "kmeans"


def numbers(text: str) -> list[int]:
    """The value of an option that lists whole numbers, as ``2,3,4``."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"{text!r} does not list whole numbers, as 2,3,4 does")
    return sorted({int(part) for part in parts})


def levels(text: str) -> list[int]:
    """The value of --levels."""
    found = numbers(text)
    if not 2 <= found[0] <= found[-1] <= 256:
        raise typer.BadParameter(f"{text!r}: a coordinate takes 2 to 256 values")
    return found


def dimensions(text: str) -> list[int] | Literal["auto"]:
    """The value of --d."""
    return "auto" if text == "auto" else numbers(text)


Levels = Annotated[
    Any,
    typer.Option(
        "--levels", metavar="N,...", parser=levels, help="Numbers of values to try.", show_default="2 to 256"
    ),
]
Dimensions = Annotated[
    Any,
    typer.Option(
        "--d", metavar="auto|N,...", parser=dimensions, help="Dimensions to try.", show_default="the run's"
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        min=0,
        help="Budget of a training with few values; 0 only rounds.",
        show_default="the recipe's",
    ),
]


def command(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="A run folder, or its checkpoint.safetensors.",
            autocompletion=complete.run_folder,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            parser=options.out_file,
            help="The file to write.",
            show_default="beside it, as .idim",
        ),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(
            "--target",
            min=0,
            help="Smallest file that reaches this share of the baseline.",
            show_default=".99 of the run's own score",
        ),
    ] = None,
    baseline: Annotated[
        float | None,
        typer.Option(help="The target's 100 %.", show_default="mean of the direct runs beside the run"),
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option("--max-bytes", min=1, help="Best file of at most so many bytes.")
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="The file whose size proves the least error on new data.")
    ] = False,
    levels: Levels = None,
    d: Dimensions = None,
    codebook: Annotated[
        Codebook, typer.Option(help="Values in even steps, or free ones, which take two bytes each.")
    ] = Codebook.UNIFORM,
    epochs: Epochs = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Keep every bit of the coordinates.")] = False,
    frontier: Annotated[
        bool,
        typer.Option("--frontier", help="Try every d with every number of values; draw bytes against score."),
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also other forms of the network: float16, zstd, xz, pruned.")
    ] = False,
    data: options.Data = None,
    device: options.Device = None,
    jobs: options.Jobs = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Pack a run into the smallest .idim file: coordinates of few values, seeds, and names.

    Values are rounded, and trained on with few of them, down to the fewest
    bytes that keep 99 % of the run's score, or as --target, --max-bytes or
    --prove say.
    The split that the task scores decides; the test split stays closed.
    `idim expand` makes the whole network again, `idim evaluate` scores it.
    With --frontier all that was tried is drawn beside the file, as
    NAME-frontier.png, .svg, .pdf, .csv; --d is then auto, and if nothing reaches
    the target, the file that came closest is written all the same.

    Example: idim compress results/mnist-fc/runs/RUN --out solution.idim
    Example: idim compress RUN --target 0.9 --d auto

    Exit code: 0; 2 when the checkpoint cannot be read or packed, or the data
    or the folder of --out are absent; 3 when no file does what is asked; 130
    or 143 when stopped.
    """
    from idim_cli.compression.compress import compress
    from idim_cli.compression.search.missed import NotReachedError
    from idim_cli.compression.search.options import CompressOptions
    from idim_cli.execute.local.executor import Local
    from idim_cli.training.prepare import Where

    wish = CompressOptions(
        target=target,
        baseline=baseline,
        max_bytes=max_bytes,
        prove=prove,
        levels=levels,
        codebook=codebook.value,
        d=d,
        epochs=epochs,
        lossless=lossless,
        frontier=frontier,
        compare=compare,
    )
    try:
        with console.resumable(), Local(jobs) as executor, watch.shown(None, Path()) as watcher:
            where = Where(options.stored_device(device, checkpoint), data)
            done = compress(
                checkpoint,
                out,
                wish,
                where=where,
                executor=executor,
                watcher=watcher,
                trust_code=trust_code,
            )
    except NotReachedError as error:
        if error.written:
            _tell(error.written, frontier, as_json)
        raise
    _tell(done, frontier, as_json)


def _tell(done: Compressed, frontier: bool, as_json: bool) -> None:
    """All that is known of a file that was written, and of its frontier, which is drawn."""
    if done.warning:
        console.warn(done.warning)
    drawn = _drawn(done) if frontier else None
    if not frontier:
        _undrawn(done)
    if as_json:
        console.document("compress/3", {**done.as_dict(), **({"frontier": drawn[1]} if drawn else {})})
    else:
        console.out("\n".join([*map(_wrapped, _lines(done)), *(["", drawn[0]] if drawn else [])]))
    if drawn:
        console.say(f"wrote {', '.join(map(str, drawn[1]))}")


def _undrawn(done: Compressed) -> None:
    """The pictures of an earlier file of the name say nothing of this one."""
    from idim_cli.reports.plots import frontier

    frontier.clear(done.path)


def _drawn(done: Compressed) -> tuple[str, list[Path]]:
    """The frontier of a file for the terminal, and the files of its picture, which are written."""
    from idim_cli.cli import plots
    from idim_cli.reports.inputs import records
    from idim_cli.reports.plots import frontier

    record = records.read(done.path.with_name(done.path.name + RECORD))
    return plots.frontier(record), frontier.save(record)


def _wrapped(line: str) -> str:
    """A line in as many columns as there are; paths stay whole."""
    return textwrap.fill(
        line,
        console.text_width(),
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _lines(done: Compressed) -> list[str]:
    from idim_cli.reports.tables import proof

    native = f"D x 4 = {done.D:,} x 4 = {4 * done.D:,}"
    head = f"{done.path}: {done.bytes:,} bytes, {done.ratio:,.1f} times smaller than {native}"
    parts = ", ".join(f"{name} {size:,}" for name, size in done.parts.items() if size)
    values = "float32" if done.levels is None else f"of {done.levels} values each, {done.how}"
    lines = [head, f"  {parts}", f"  {done.d:,} coordinates, {values}"]
    if done.performance is not None:
        of = f"{done.score_on} {done.metric} {done.performance:.4f}, the run's own {done.own:.4f}"
        lines.append(f"  {of}" + (f"; wanted {done.goal}" if done.goal else ""))
    if done.bound is not None:
        lines.append(f"  {proof.proven(done.bound)}")
    for row in done.compared:
        score = "" if row["performance"] is None else f"{row['performance']:.4f}"
        lines.append(f"  {row['form']:<58}{row['bytes']:>9,}  {score}")
    return lines
