"""Packing a solution into the bytes of an `.idim` file."""

from __future__ import annotations

import torch

from idim_cli.compression.format import solution
from idim_cli.compression.format.container import Content
from idim_cli.compression.format.coordinates import Exact
from idim_cli.compression.format.solution import Solution
from idim_cli.compression.rebuild import rebuild
from idim_cli.models.base import portable


def content(found: Solution) -> Content:
    """The content of a solution's file; the network is built to compute the checks of its start and of P.

    With exact coordinates, buffers are exact too; with quantised ones, fractions are rounded to float16.
    """
    table = solution.table(found.buffers, exact=isinstance(found.stored, Exact))
    rebuilt = rebuild(found)
    return Content(
        D=found.D,
        seeds=found.seeds.model_copy(update={"data": 0}),  # the network is independent of the data order
        spec=found.spec.model_copy(update={"buffers": table}),
        coords=found.stored,
        theta0=rebuilt.theta0,
        probe=rebuilt.probe,
        buffers=solution.stored(table, found.buffers),
    )


def warning(found: Solution) -> str:
    """Why the file of a solution may not expand elsewhere; empty if it will."""
    model = found.spec.model
    # Models of idim draw theta0 from its own random stream, which is the same everywhere.
    if portable(model):
        return ""
    return (
        f"theta0 of {model.name!r} comes from its own code and torch {torch.__version__}: "
        "the file expands only where both give the same start (expand checks that)"
    )
