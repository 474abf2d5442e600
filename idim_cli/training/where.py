"""Where runs compute and where their data lie; known before torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from idim_cli.core.errors import IdimError


@dataclass(frozen=True)
class Where:
    """Where a run computes and where its data lie: nothing that is part of its identity.

    Attributes:
        device: ``auto``, or any name that torch knows; None leaves it to the recipe.
        data_root: folder of the data sets; None leaves it to the recipe, then to IDIM_DATA.
        download: whether absent data sets and pretrained weights may be fetched.
    """

    device: str | None = None
    data_root: str | Path | None = None
    download: bool = False


def as_where(where: Where | None) -> Where:
    """`where`, or the usual one; IdimError if it is something else."""
    if not isinstance(where, Where | None):
        raise IdimError(f"where is {where!r}, and no Where", 'for example Where(device="cpu")')
    return where or Where()
