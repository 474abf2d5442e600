"""Whether the code of a file may run: one decision for recipes, run folders, checkpoints and .idim files.

A file is data. Code that it names (``module:callable``, ``./file.py:callable``) runs if this user made the
file or allows it: docs/trust.md states the rule and its limits.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from idim_cli.core import code_files, signatures
from idim_cli.core.errors import FileError, IdimError, RecipeError
from idim_cli.core.registry import short
from idim_cli.recipe import code_slots
from idim_cli.recipe.components import TORCHVISION, is_code
from idim_cli.recipe.dump import dump
from idim_cli.recipe.files import read_text
from idim_cli.recipe.load import Loaded, load
from idim_cli.recipe.schema import Component, Recipe

HINT = "read that code; if you trust it, add --trust-code (from Python: trust_code=True)"
# The mark of a file that `idim` wrote covers the code, so the user's own code loses it when it is edited.
UNTRUSTED = "code that you did not make, or that changed since"
_SIGNED = "# made by idim: "  # before the mark, in the last line of recipes in run folders
_SHOWN = 2000  # characters of parameters in a message: an attack must not be hidden by scrolling it away
_log = logging.getLogger(__name__)
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Reference:
    """A callable named by a file, with its arguments.

    Attributes:
        kind: of component.
        name: ``module:callable`` or ``./file.py:callable``.
        params: by name; values of a sweep are in lists.
        key: of the recipe, where the name is written.
        allowed: false in a list of what needs --trust-code.
    """

    kind: str
    name: str
    params: Mapping[str, Any]
    key: str
    allowed: bool = True

    def __str__(self) -> str:
        """In one line, with control characters of a terminal escaped."""
        name = self.name if self.name.isprintable() else ascii(self.name)
        text = json.dumps(self.params, default=str) if self.params else ""
        more = f" ... ({len(text):,} characters)" if len(text) > _SHOWN else ""
        shown = f"{self.kind} {name} {text[:_SHOWN]}{more}".rstrip()
        return shown if self.allowed else f"{shown}, which you did not make: needs --trust-code"

    def as_dict(self) -> dict[str, Any]:
        """For JSON documents."""
        return {"kind": self.kind, "name": self.name, "params": self.params, "allowed": self.allowed}


def references(recipe: Recipe | Tree) -> list[Reference]:
    """All code that a recipe names, in its components and in the values of its sweep."""
    tree = dump(recipe) if isinstance(recipe, Recipe) else recipe
    return [
        Reference(slot.kind, slot.name, {**slot.params, **_swept(tree, slot.path)}, slot.key)
        for slot in code_slots.slots(tree)
        if is_code(slot.name, slot.kind) and not _is_shipped(slot.name)
    ]


def of_components(named: Mapping[str, Component]) -> list[Reference]:
    """The code of components by kind; downloading pretrained weights counts too."""
    # A .idim file is opened by people who never saw its recipe: it must not reach for the network unasked.
    fetching = [
        Reference(kind, one.name, one.params, kind)
        for kind, one in named.items()
        if _is_shipped(one.name) and any("weights" in key for key in one.params)
    ]
    return fetching + references({kind: short(one.name, one.params) for kind, one in named.items()})


def mark(recipe: Recipe | Tree) -> str:
    """This user's mark of a file with this recipe; empty if the recipe names no code."""
    found = references(recipe)
    return signatures.mark(_statement(found)) if found else ""


def is_ours(recipe: Recipe | Tree, given: object) -> bool:
    """Whether `given` is this user's mark of the present code in `recipe`; true if it names no code."""
    found = references(recipe)
    return not found or signatures.fits(_statement(found), given)


def signed(text: str, recipe: Recipe) -> str:
    """The text of a recipe, with the mark in its last line if it names code."""
    made = mark(recipe)
    return f"{text}{_SIGNED}{made}\n" if made else text


def permit(loaded: Loaded, trust_code: bool = False) -> None:
    """Refuse a recipe whose code may not run; log the code that runs because the user trusts it.

    Args:
        loaded: the recipe.
        trust_code: the user allows it; remembered for these callables, parameters and this version of the
            code.

    Raises:
        RecipeError: the code may not run; names each callable with its parameters.
    """
    # A file that does not exist runs nothing: loading it says so, instead of asking to trust it.
    found = [one for one in untrusted(loaded) if not _is_missing(one.name)]
    if not found:
        return
    if not trust_code:
        message = "code that you did not make"
        raise RecipeError([loaded.source.fault(one.key, f"{message}: {one}", HINT) for one in found])
    announce(loaded.source.file, found)
    # Of the file as it is written: other overrides on the next command line must not ask again.
    signatures.remember(_statement(references(_as_written(loaded))))


def _is_missing(name: str) -> bool:
    """Whether the name is of a Python file that does not exist."""
    where = name.rpartition(":")[0]
    return where.endswith(".py") and not Path(where).exists()


def announce(file: object, found: Iterable[Reference]) -> None:
    """Log the code of a file that runs because the user trusts it."""
    for one in found:
        _log.warning("runs code named by %s: %s", file, one)


def refuse(file: object, found: Sequence[Reference]) -> None:
    """FileError for the code of a file that is no recipe."""
    raise FileError(f"{file} asks to run {UNTRUSTED}: {'; '.join(map(str, found))}", HINT)


def untrusted(loaded: Loaded) -> list[Reference]:
    """The code that is neither the user's own, nor named on the command line, nor was allowed before."""
    file = Path(loaded.source.file)
    if not file.is_file():  # text of a Python program, which could run the code itself
        return []
    named = [one for one in references(loaded.recipe) if not _is_typed(one, loaded)]
    found = [one for one in named if not _is_own(file, one.name)]
    return [] if not found or _is_allowed(loaded) else found


def listed(loaded: Loaded) -> list[Reference]:
    """All code that a recipe would run."""
    refused = untrusted(loaded)
    return [replace(one, allowed=one not in refused) for one in references(loaded.recipe)]


def warning(recipe: Path) -> str:
    """A warning for a suggested command that runs a recipe; empty if its code may run."""
    try:
        found = untrusted(load(recipe))
    except IdimError:  # the command itself will say so
        return ""
    return f"it names {UNTRUSTED}: {'; '.join(map(str, found))}" if found else ""


def _swept(tree: Tree, path: tuple[str, ...]) -> dict[str, list[Any]]:
    """Values of a sweep for the parameters of the component at `path`."""
    found: dict[str, list[Any]] = {}
    for one in code_slots.settings(tree) if path else ():
        key = ".".join(one.parts[len(path) :])
        if one.parts[: len(path)] == path and key not in ("", "name"):
            found.setdefault(key, []).append(one.holder[one.at])
    return found


def _is_shipped(name: str) -> bool:
    # The code of torchvision was installed by the user, and its weights are read as data.
    return name.startswith(TORCHVISION)


def _statement(found: Iterable[Reference]) -> str:
    """The text that a mark signs: callables, parameters, and digests of the code."""
    rows = [
        [one.kind, code_files.canonical(one.name), dict(one.params), code_files.digest(one.name)]
        for one in found
    ]
    return json.dumps(sorted(rows, key=json.dumps), sort_keys=True, default=str)


def _as_written(loaded: Loaded) -> Recipe:
    """The recipe without overrides from the command line."""
    try:
        return load(loaded.source.file).recipe
    except IdimError:  # valid only with the overrides
        return loaded.recipe


def _is_allowed(loaded: Loaded) -> bool:
    """Whether idim wrote this file for this user, or the user allowed its code before."""
    statement = _statement(references(_as_written(loaded)))
    # The mark is a comment in the last line: an edited recipe is still a recipe, and no longer marked.
    last = read_text(Path(loaded.source.file)).rstrip().rpartition("\n")[2]
    made = last.startswith(_SIGNED) and signatures.fits(statement, last.removeprefix(_SIGNED))
    return made or signatures.remembered(statement)


def _is_typed(one: Reference, loaded: Loaded) -> bool:
    """Whether the name comes from the command line or a Python caller, not from the file."""
    source = loaded.source
    key = f"{one.key}.name" if f"{one.key}.name" in source.values else one.key
    return source.fault(key, "").file != source.file


def _is_own(recipe: Path, name: str) -> bool:
    """Whether code is in the folder of a recipe or below, and only this user can write both."""
    place = code_files.place(name.rpartition(":")[0])
    if place is None or os.name != "posix":  # other systems have no such owners and permissions
        return False
    code, file = place.path.resolve(), recipe.resolve()
    # Installed code was not written for this recipe, even if a virtual environment is in its folder:
    # `os:system` must not pass.
    paths = {*sysconfig.get_paths().values(), *(one for one in sys.path if "-packages" in one)}
    installed = [Path(one).resolve() for one in paths if one and Path(one).resolve() != Path(sys.prefix)]
    within = code.is_relative_to(file.parent) and not any(map(code.is_relative_to, installed))
    return within and all(map(_is_private, (file, file.parent, code, code.parent)))


def _is_private(path: Path) -> bool:
    """Whether only this user can have written a file or folder."""
    try:
        about = path.stat()
    except OSError:
        return False
    # In a sticky folder such as /tmp only the owner of a file can replace it.
    if about.st_uid != os.geteuid():
        return stat.S_ISDIR(about.st_mode) and bool(about.st_mode & stat.S_ISVTX)
    by_others, by_group = about.st_mode & stat.S_IWOTH, about.st_mode & stat.S_IWGRP
    return not by_others and (not by_group or _has_group_alone(about.st_gid))


def _has_group_alone(gid: int) -> bool:
    """Whether a group has this user as its only member, as many systems create one for each user."""
    import grp  # both exist on POSIX systems only
    import pwd

    try:
        me, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    return me.pw_gid == gid and group.gr_name == me.pw_name and set(group.gr_mem) <= {me.pw_name}
