"""`idim expand`: grow a compressed file into a plain state_dict."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from idim_cli.cli import complete, console, options


def command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An .idim file.", autocompletion=complete.solution)
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            parser=options.out_file,
            help="The file to write.",
            show_default="beside it, as .state.safetensors",
        ),
    ] = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Grow an .idim file into the whole network: a state_dict in a safetensors file.

    Needs neither the data nor the checkpoint. A damaged file is refused, and so
    is one whose start theta0 comes out differently on this machine.

    Example: idim expand solution.idim --out network.safetensors

    Exit code: 0; 2 when the file is refused.
    """
    from idim_cli.compression.expand import write

    done = write(file, out, trust_code)
    if as_json:
        console.document("expand/1", asdict(done))
    else:
        console.out(f"{done.path}: {done.tensors} tensors, {done.bytes:,} bytes")
