"""`idim evaluate`: score a compressed file or a checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from idim_cli.cli import complete, console, options


# Repeats the names of `compression.evaluate`, whose import takes as long as that of torch.
class SplitName(StrEnum):
    """The splits of a data set."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="An .idim file, a run folder, or its checkpoint.safetensors.",
            autocompletion=complete.scored,
        ),
    ],
    split: Annotated[SplitName, typer.Option(help="Split to score on.")] = SplitName.VALIDATION,
    data: options.DataOption = None,
    device: options.DeviceOption = None,
    trust_code: options.TrustCodeOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Score a solution on the data that it was trained on; it is rebuilt in float32.

    A checkpoint and a lossless .idim file of it have the same metrics, to
    the last digit, on the same device.

    Example: idim evaluate solution.idim --split test
    Example: idim evaluate results/mnist-fc/runs/RUN

    Exit code: 0; 2 when the file is refused or the data are missing.
    """
    from idim_cli.compression.evaluate import evaluate
    from idim_cli.core.machine import pick_device

    score = evaluate(
        file, split.value, data, str(pick_device(options.stored_device(device, file))), trust_code
    )
    if as_json:
        console.document("evaluate/1", asdict(score))
        return
    for name, value in score.metrics.items():
        # All digits: two evaluations can then be compared exactly.
        console.out(f"{name} {value!r}")
    # On stderr: stdout has the metrics alone, for scripts.
    examples = "one example" if score.examples == 1 else f"{score.examples:,} examples"
    console.say(f"on the {examples} of the {score.split} split")
