"""Fingerprints of components: names, parameters, code and files. They make up a run's identity."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from idim_cli.core import bounded_io, code_files
from idim_cli.core.errors import FileError
from idim_cli.core.registry import split
from idim_cli.recipe import code_slots
from idim_cli.recipe.components import filled, is_code
from idim_cli.recipe.schema import COMPONENTS, Component, Recipe


@dataclass(frozen=True)
class Fingerprint:
    """The identity of a component.

    Attributes:
        component: with all its parameters, defaults included; user code under its canonical name.
        code: digests of user source files, with what they import, by place of the name: "" is the component
            itself, ".loss" its parameter `loss`.
        files: digests of local files of weights, by parameter.
    """

    component: Component
    code: Mapping[str, str]
    files: Mapping[str, str]


def fingerprint(component: Component, kind: str) -> Fingerprint:
    """The fingerprint of a component; ComponentError if it is unknown or its parameters do not fit."""
    whole = filled(component, kind)
    named, code = _code(whole, kind)
    # A name such as DEFAULT stands for weights of a library, which has versions.
    files = {
        key: file_digest(value)
        for key, value in whole.params.items()
        if "weights" in key and isinstance(value, str) and Path(value).is_file()
    }
    return Fingerprint(named, code, files)


def code(used: Mapping[str, Component]) -> dict[str, str]:
    """Digests, by recipe key, of the user code of components by kind; parameters are not checked."""
    found = {kind: _code(one, kind)[1] for kind, one in used.items()}
    return {f"{kind}{key}": digest for kind, digests in found.items() for key, digest in digests.items()}


def _code(component: Component, kind: str) -> tuple[Component, dict[str, str]]:
    """The component with canonical names of its code, and digests of that code by place."""
    # A copy: the names are replaced in place.
    holder = {kind: {"name": component.name, **copy.deepcopy(component.params)}}
    digests = {}
    for slot in list(code_slots.of_component(holder, kind, kind, "")):
        if is_code(slot.name, slot.kind):
            digests[slot.key] = code_files.digest(slot.name)
            slot.holder[slot.at] = code_files.canonical(slot.name)
    name, params = split(holder[kind])
    return Component(name=name, params=params), digests


def of_recipe(recipe: Recipe) -> dict[tuple[str, ...], Fingerprint]:
    """The fingerprints of all components that determine a run's result, by the path of their recipe key."""
    # The search decides which runs are made, not what one of them is.
    paths = {path: kind for path, kind in COMPONENTS.items() if path[0] != "sweep"}
    return {path: fingerprint(functools.reduce(getattr, path, recipe), kind) for path, kind in paths.items()}  # type: ignore[arg-type]


def code_of(prints: Mapping[tuple[str, ...], Fingerprint]) -> dict[str, str]:
    """Digests of user code, by recipe key."""
    return {f"{'.'.join(path)}{key}": d for path, one in prints.items() for key, d in one.code.items()}


def file_digest(path: str | Path) -> str:
    """A digest of a file's content; empty if it cannot be read."""
    try:
        with bounded_io.opened(Path(path)) as file:
            return hashlib.file_digest(file, functools.partial(hashlib.blake2b, digest_size=8)).hexdigest()
    except (FileError, OSError, ValueError):
        return ""
