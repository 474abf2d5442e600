"""`idim compress`: pack a trained checkpoint into a small file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from idim_cli.cli import complete, console, options


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
    as_json: options.Json = False,
) -> None:
    """Pack a solution into an .idim file: its d coordinates, its seeds, and the names of what they grow.

    `idim expand` makes the whole network of it again, `idim evaluate` scores it.

    Example: idim compress results/mnist-fc/runs/RUN --out solution.idim

    Exit code: 0; 2 when the checkpoint cannot be read or packed.
    """
    from idim_cli.codec.compress import compress

    done = compress(checkpoint, out)
    if done.warning:
        console.warn(done.warning)
    if as_json:
        console.document("compress/1", {**asdict(done), "native_bytes": 4 * done.D})
        return
    console.out(
        f"{done.path}: {done.bytes:,} bytes, {done.ratio:.1f} times smaller than "
        f"D x 4 = {done.D:,} x 4 = {4 * done.D:,}"
    )
    for part, size in done.parts.items():
        console.out(f"  {part:<8} {size:>11,}")
