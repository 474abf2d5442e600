"""Paths of code in a recipe's folder, which are relative to that folder and not to the working folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from idim_cli.core import code_files
from idim_cli.recipe.code_slots import slots


def relocate(tree: dict[str, Any], folder: Path) -> None:
    """Rewrite paths of code in a recipe's `folder` so that they are relative to the working folder.

    Paths of files that are not in `folder` stay: they are relative to the working folder already.
    """
    if not folder.is_dir() or folder.resolve() == Path.cwd():
        return
    for slot in list(slots(tree)):  # a list first: the names are replaced in place
        where, colon, attribute = slot.name.rpartition(":")
        found = code_files.within(folder, where) if colon else None
        if found is not None:
            slot.holder[slot.at] = f"{os.path.relpath(found)}:{attribute}"
