"""`idim expand`: from a compressed file to a plain state_dict."""

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
            show_default="next to it, as .state.safetensors",
        ),
    ] = None,
    trust_code: options.TrustCodeOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Expand an .idim file to the whole network: a state_dict in a safetensors file.

    Needs neither the data nor the checkpoint. Damaged files are refused, and files
    whose start theta0 differs on this machine.

    Example: idim expand solution.idim --out network.safetensors

    Exit code: 0; 2 when the file is refused.
    """
    from idim_cli.compression.expand import write

    # Written whole or not at all, so that an interruption leaves no partial file.
    done = write(file, out, trust_code)
    if as_json:
        console.document("expand/1", asdict(done))
    else:
        console.out(f"{done.path}: {done.tensors} tensors, {done.bytes:,} bytes")
