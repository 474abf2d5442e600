"""Code that a recipe names from its own folder: found there, from whichever folder a command is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from idim_cli.core import code_files
from idim_cli.recipe.components import OPEN

Tree = dict[str, Any]


def relocate(tree: Tree, folder: Path) -> None:
    """Name the files of a recipe's code that lie in its `folder` as they are seen from the working folder.

    What does not lie there is left as it is, to be looked for from the working folder.
    """
    if not folder.is_dir() or folder.resolve() == Path.cwd():
        return
    sweep = tree.get("sweep")
    sweep = sweep if isinstance(sweep, dict) else {}
    baseline = sweep.get("baseline")
    settings = baseline.get("set") if isinstance(baseline, dict) else None
    for kind in OPEN:
        for holder in (tree, settings):
            if isinstance(holder, dict) and kind in holder:
                holder[kind] = _component(holder[kind], folder)
        _over(sweep.get("over"), kind, folder)


def _over(over: Any, kind: str, folder: Path) -> None:
    """The values that a sweep gives to a component, in a list or by labels."""
    values = over.get(kind) if isinstance(over, dict) else None
    if isinstance(values, list):
        over[kind] = [_component(value, folder) for value in values]
    elif isinstance(values, dict):
        over[kind] = {label: _component(value, folder) for label, value in values.items()}


def _component(spec: Any, folder: Path) -> Any:
    if isinstance(spec, dict) and "name" in spec:
        return {**spec, "name": _component(spec["name"], folder)}
    if not isinstance(spec, str) or ":" not in spec:
        return spec
    where, _, attribute = spec.rpartition(":")
    found = code_files.within(folder, where)
    return spec if found is None else f"{os.path.relpath(found)}:{attribute}"
