"""`idim compress`: the smallest file of a trained network that reaches a target."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from idim_cli.cli import complete, console, options, watch
from idim_cli.runs.results import RECORD

if TYPE_CHECKING:
    from idim_cli.compression.record import Compressed


class CodebookName(StrEnum):
    """Kinds of codebooks."""

    UNIFORM = "uniform"
    KMEANS = "kmeans"


def numbers(text: str) -> list[int]:
    """The value of an option that lists whole numbers, as ``2,3,4``."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"must be whole numbers such as 2,3,4, got {text!r}")
    # Without repetitions, which would be tried twice.
    return sorted({int(part) for part in parts})


def levels(text: str) -> list[int]:
    """The value of --levels."""
    found = numbers(text)
    # 256, because a symbol of the format takes one byte.
    if not 2 <= found[0] <= found[-1] <= 256:
        raise typer.BadParameter(f"must be from 2 to 256, got {text!r}")
    return found


def dimensions(text: str) -> list[int] | Literal["auto"]:
    """The value of --d."""
    return "auto" if text == "auto" else numbers(text)


RunArgument = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="A run folder, or its checkpoint.safetensors.", autocompletion=complete.run_folder
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", parser=options.out_file, help="The file to write.",
        show_default="next to it, as .idim",
    ),
]  # fmt: skip
TargetOption = Annotated[
    float | None,
    typer.Option(
        "--target", min=0, help="Smallest file that reaches this share of the baseline.",
        show_default=".99 of the run's own score",
    ),
]  # fmt: skip
BaselineOption = Annotated[
    float | None,
    typer.Option(help="The target's 100 %.", show_default="mean of the direct runs in the folder"),
]
MaxBytesOption = Annotated[
    int | None, typer.Option("--max-bytes", min=1, help="Best file of at most this size.")
]
ProveOption = Annotated[
    bool, typer.Option("--prove", help="The file whose size proves the smallest error on new data.")
]
LevelsOption = Annotated[
    Any,
    typer.Option(
        "--levels", metavar="N,...", parser=levels, help="Numbers of values to try.", show_default="2 to 256"
    ),
]
DimensionsOption = Annotated[
    Any,
    typer.Option(
        "--d", metavar="auto|N,...", parser=dimensions, help="Dimensions to try.", show_default="the run's"
    ),
]
CodebookOption = Annotated[
    CodebookName, typer.Option(help="Evenly spaced values, or any, which take two bytes each.")
]
EpochsOption = Annotated[
    int | None,
    typer.Option(
        "--epochs", min=0, help="Budget of each training with few values; 0 only rounds.",
        show_default="the recipe's",
    ),
]  # fmt: skip
LosslessOption = Annotated[bool, typer.Option("--lossless", help="Keep every bit of the coordinates.")]
FrontierOption = Annotated[
    bool,
    typer.Option("--frontier", help="Try every d with every number of values; draw bytes against score."),
]
CompareOption = Annotated[
    bool, typer.Option("--compare", help="Also try other forms: float16, zstd, xz, pruned.")
]


def command(
    checkpoint: RunArgument,
    out: OutOption = None,
    target: TargetOption = None,
    baseline: BaselineOption = None,
    max_bytes: MaxBytesOption = None,
    prove: ProveOption = False,
    levels: LevelsOption = None,
    d: DimensionsOption = None,
    codebook: CodebookOption = CodebookName.UNIFORM,
    epochs: EpochsOption = None,
    lossless: LosslessOption = False,
    frontier: FrontierOption = False,
    compare: CompareOption = False,
    data: options.DataOption = None,
    device: options.DeviceOption = None,
    jobs: options.JobsOption = None,
    trust_code: options.TrustCodeOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Pack a run into the smallest .idim file: coordinates of few values, seeds, and names.

    Coordinates are rounded, and trained with few values, down to the fewest bytes
    that keep 99 % of the run's score, or that reach --target, --max-bytes or
    --prove. Files are scored on the split of the task, never on the test split.
    `idim expand` restores the whole network, `idim evaluate` scores it.
    --frontier also draws all trials, as NAME-frontier.png, .svg, .pdf, .csv; --d
    is then auto, and if no file reaches the target, the closest one is written.

    Example: idim compress results/mnist-fc/runs/RUN --out solution.idim
    Example: idim compress RUN --target 0.9 --d auto

    Exit code: 0; 2 when the checkpoint cannot be read or packed, or the data
    or the folder of --out are missing; 3 when no file reaches the target; 130
    or 143 when stopped.
    """
    from idim_cli.compression.compress import compress
    from idim_cli.compression.search.missed import NotReachedError
    from idim_cli.compression.search.options import CompressOptions
    from idim_cli.execute.local.executor import Local
    from idim_cli.training.prepare import Where

    wanted = CompressOptions(
        target=target, baseline=baseline, max_bytes=max_bytes, prove=prove, levels=levels,
        codebook=codebook.value, d=d, epochs=epochs, lossless=lossless, frontier=frontier, compare=compare,
    )  # fmt: skip
    try:
        # Without a recipe: no d_int is read from these runs, as they also differ in their number of values.
        with console.resumable(), Local(jobs) as executor, watch.shown(None, Path()) as watcher:
            where = Where(options.stored_device(device, checkpoint), data)
            done = compress(
                checkpoint,
                out,
                wanted,
                where=where,
                executor=executor,
                watcher=watcher,
                trust_code=trust_code,
            )
    except NotReachedError as error:
        # The file exists and is shown; the exit code still says that it misses the target.
        if error.written:
            _print(error.written, frontier, as_json)
        raise
    _print(done, frontier, as_json)


def _print(done: Compressed, frontier: bool, as_json: bool) -> None:
    """Print a file that was written, and draw its frontier if requested."""
    if done.warning:
        console.warn(done.warning)
    drawn = _drawn(done) if frontier else None
    if not frontier:  # figures of an earlier file of this path do not show this one
        from idim_cli.reports.plots import frontier as figures

        figures.clear(done.path)
    if as_json:
        console.document("compress/3", {**done.as_dict(), **({"frontier": drawn[1]} if drawn else {})})
    else:
        console.out("\n".join([*map(_wrapped, _lines(done)), *(["", drawn[0]] if drawn else [])]))
    if drawn:
        console.say(f"wrote {', '.join(map(str, drawn[1]))}")


def _drawn(done: Compressed) -> tuple[str, list[Path]]:
    """The frontier of a file for the terminal, and the files of its figure, which are written."""
    from idim_cli.cli import plots
    from idim_cli.reports.inputs import records
    from idim_cli.reports.plots import frontier

    record = records.read(done.path.with_name(done.path.name + RECORD))
    return plots.frontier(record), frontier.save(record)


def _wrapped(line: str) -> str:
    """A line wrapped to the terminal; paths stay whole."""
    from idim_cli.thresholds.text import wrapped

    return "\n".join(wrapped(line, console.text_width(), then="    "))


def _lines(done: Compressed) -> list[str]:
    from idim_cli.reports.tables import proof

    native = f"D x 4 = {done.D:,} x 4 = {4 * done.D:,}"
    head = f"{done.path}: {done.bytes:,} bytes, {done.ratio:,.1f} times smaller than {native}"
    parts = ", ".join(f"{name} {size:,}" for name, size in done.parts.items() if size)
    values = "float32" if done.levels is None else f"of {done.levels} values each, {done.how}"
    lines = [head, f"  {parts}", f"  {done.d:,} coordinates, {values}"]
    if done.performance is not None:
        of = f"{done.score_on} {done.metric} {done.performance:.4f}, the run's own {done.own:.4f}"
        lines.append(f"  {of}" + (f"; target {done.goal}" if done.goal else ""))
    if done.bound is not None:
        lines.append(f"  {proof.proven(done.bound)}")
    for row in done.compared:
        score = "" if row.performance is None else f"{row.performance:.4f}"
        lines.append(f"  {row.form:<58}{row.bytes:>9,}  {score}")
    return lines
