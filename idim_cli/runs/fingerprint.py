"""Fingerprints identify components; a run's identity consists of these and nothing else."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idim_cli.core import bounded_io, code_files
from idim_cli.core.errors import FileError
from idim_cli.core.registry import split
from idim_cli.recipe import code_slots
from idim_cli.recipe.components import filled, is_code
from idim_cli.recipe.schema import COMPONENTS, Component, Recipe

_WEIGHTS = "weights"  # a parameter that may name a file


@dataclass(frozen=True)
class Fingerprint:
    """The identity of a component.

    Attributes:
        component: with all its parameters, defaults included; the user's code by one name from every folder.
        code: digests of the user's source files, with what they import, by where they are named: "" is the
            component itself, ".loss" its parameter `loss`.
        files: digests of the local files that it reads weights from, by parameter.
    """

    component: Component
    code: Mapping[str, str]
    files: Mapping[str, str]


def fingerprint(component: Component, kind: str) -> Fingerprint:
    """The fingerprint of a component; a missing file has an empty digest.

    Raises:
        ComponentError: it is unknown, or its parameters do not fit.
    """
    whole = filled(component, kind)
    named, code = _code(whole, kind)
    files = {key: file_digest(value) for key, value in whole.params.items() if _is_file(key, value)}
    return Fingerprint(named, code, files)


def code(named: Mapping[str, Component]) -> dict[str, str]:
    """Digests of the user's code that components by kind name, by recipe key; parameters are not checked."""
    found = {kind: _code(one, kind)[1] for kind, one in named.items()}
    return {f"{kind}{key}": digest for kind, digests in found.items() for key, digest in digests.items()}


def _code(component: Component, kind: str) -> tuple[Component, dict[str, str]]:
    """The component with its code by canonical names, and digests of that code by place."""
    holder = {kind: {"name": component.name, **copy.deepcopy(component.params)}}
    digests = {}
    for slot in list(code_slots.of_component(holder, kind, kind, "")):
        if is_code(slot.name, slot.kind):
            digests[slot.key] = code_files.digest(slot.name)
            slot.holder[slot.at] = code_files.canonical(slot.name)
    name, params = split(holder[kind])
    return Component(name=name, params=params), digests


def of_recipe(recipe: Recipe) -> dict[tuple[str, ...], Fingerprint]:
    """The fingerprints of all components that affect a run, by the path of their recipe key."""
    paths = {path: kind for path, kind in COMPONENTS.items() if path[0] != "sweep"}
    return {path: fingerprint(_at(recipe, path), kind) for path, kind in paths.items()}


def code_of(prints: Mapping[tuple[str, ...], Fingerprint]) -> dict[str, str]:
    """Digests of the user's code, by recipe key."""
    return {f"{'.'.join(path)}{key}": d for path, one in prints.items() for key, d in one.code.items()}


def file_digest(path: str | Path) -> str:
    """A digest of a file's content; empty if it cannot be read."""
    try:
        with bounded_io.opened(Path(path)) as file:
            return hashlib.file_digest(file, functools.partial(hashlib.blake2b, digest_size=8)).hexdigest()
    except (FileError, OSError, ValueError):
        return ""


def _is_file(key: str, value: object) -> bool:
    """Whether a parameter names a local file of weights, rather than weights of a library."""
    return _WEIGHTS in key and isinstance(value, str) and Path(value).is_file()


def _at(part: Any, path: tuple[str, ...]) -> Component:
    found: Component = functools.reduce(getattr, path, part)
    return found
