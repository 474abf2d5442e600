"""Code that a recipe names from its own folder: found there, from whichever folder a command is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from idim_cli.core import code_files
from idim_cli.recipe.code_slots import slots


def relocate(tree: dict[str, Any], folder: Path) -> None:
    """Name the files of a recipe's code that lie in its `folder` as they are seen from the working folder.

    What does not lie there is left as it is, to be looked for from the working folder.
    """
    if not folder.is_dir() or folder.resolve() == Path.cwd():
        return
    for slot in list(slots(tree)):
        where, colon, attribute = slot.name.rpartition(":")
        found = code_files.within(folder, where) if colon else None
        if found is not None:
            slot.holder[slot.at] = f"{os.path.relpath(found)}:{attribute}"
