"""The device and the data folder of runs; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from idim_cli.core.errors import IdimError


@dataclass(frozen=True)
class Where:
    """Device and data folder of a run; neither is part of its identity.

    Attributes:
        device: ``auto`` or a device name of torch; None: as in the recipe.
        data_root: folder of the data sets; None: as in the recipe, else IDIM_DATA.
        download: whether missing data sets and pretrained weights may be downloaded.
    """

    device: str | None = None
    data_root: str | Path | None = None
    download: bool = False


def as_where(where: Where | None) -> Where:
    """`where`, or the default; IdimError if it has another type."""
    # The public API is called from notebooks, where where="cpu" is an easy mistake.
    if not isinstance(where, Where | None):
        raise IdimError(f"where must be a Where, got {where!r}", 'for example Where(device="cpu")')
    return where or Where()
