"""Whether code that a file names may run: one decision for recipes, run folders, checkpoints, .idim files.

A file is data. Code that it names (``module:callable``, ``./file.py:callable``) runs if this user made the
file, or allows it: docs/trust.md states the rule and its limits.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
# Of files that `idim` wrote: also code of the user's own, if it is another by now.
STRANGE = "code that you did not make, or that changed since"
_SIGNED = "# made by idim: "  # before the mark, in the last line of recipes in run folders
_SHOWN = 2000  # characters of parameters that are shown
_log = logging.getLogger(__name__)
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Reference:
    """A callable that a file names, and what it would be given.

    Attributes:
        kind: of component.
        name: ``module:callable`` or ``./file.py:callable``.
        params: by name; values that a sweep would set stand in lists.
        key: of the recipe where the name stands.
    """

    kind: str
    name: str
    params: Mapping[str, Any]
    key: str

    def __str__(self) -> str:
        """For people: what a terminal could take for a command is escaped."""
        name = self.name if self.name.isprintable() else ascii(self.name)
        text = json.dumps(self.params, default=str) if self.params else ""
        more = f" ... ({len(text):,} characters)" if len(text) > _SHOWN else ""
        return f"{self.kind} {name} {text[:_SHOWN]}{more}".rstrip()


@dataclass(frozen=True)
class Listed:
    """A callable that a recipe would run, and whether it may without --trust-code."""

    reference: Reference
    allowed: bool

    def __str__(self) -> str:
        """In one line."""
        return f"{self.reference}{'' if self.allowed else ', which you did not make: needs --trust-code'}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON documents."""
        one = self.reference
        return {"kind": one.kind, "name": one.name, "params": one.params, "allowed": self.allowed}


def references(recipe: Recipe | Tree) -> list[Reference]:
    """All code that a recipe names, in its own components and in those that its sweep would set."""
    tree = dump(recipe) if isinstance(recipe, Recipe) else recipe
    return [
        Reference(slot.kind, slot.name, {**slot.params, **_swept(tree, slot.path)}, slot.key)
        for slot in code_slots.slots(tree)
        if is_code(slot.name, slot.kind) and not _is_shipped(slot.name)
    ]


def of_components(named: Mapping[str, Component]) -> list[Reference]:
    """The code among components by kind; one that fetches pretrained weights from the network counts too."""
    fetching = [
        Reference(kind, one.name, one.params, kind)
        for kind, one in named.items()
        if _is_shipped(one.name) and any("weights" in key for key in one.params)
    ]
    return fetching + references({kind: short(one.name, one.params) for kind, one in named.items()})


def mark(recipe: Recipe | Tree) -> str:
    """What tells later that this user made a file with this recipe; empty where it names no code."""
    found = references(recipe)
    return signatures.mark(_statement(found)) if found else ""


def is_ours(recipe: Recipe | Tree, given: object) -> bool:
    """Whether `given` is this user's mark of the code in `recipe` as it is now; true where there is none."""
    found = references(recipe)
    return not found or signatures.fits(_statement(found), given)


def signed(text: str, recipe: Recipe) -> str:
    """The text of a recipe that idim writes, with the mark in its last line where it names code."""
    made = mark(recipe)
    return f"{text}{_SIGNED}{made}\n" if made else text


def permit(loaded: Loaded, trust_code: bool = False) -> None:
    """Go on only if the code that a recipe names may run; what it is is shown before.

    Args:
        loaded: the recipe.
        trust_code: the user allows it, which is remembered for these callables, parameters and this code.

    Raises:
        RecipeError: it may not; names each callable with its parameters.
    """
    found = strangers(loaded)
    if not found:
        return
    if not trust_code:
        told = [loaded.source.fault(one.key, f"code that you did not make: {one}", HINT) for one in found]
        raise RecipeError(told)
    announce(loaded.source.file, found)
    signatures.remember(_statement(references(_as_written(loaded))))


def announce(file: object, found: Iterable[Reference]) -> None:
    """Show the code of a file that is about to run because the user trusts it."""
    for one in found:
        _log.warning("runs code named by %s: %s", file, one)


def refuse(file: object, found: Sequence[Reference]) -> None:
    """FileError for code that a file of another kind than a recipe names."""
    named = "; ".join(map(str, found))
    raise FileError(f"{file} asks to run {STRANGE}: {named}", HINT)


def strangers(loaded: Loaded) -> list[Reference]:
    """The code that would run and is neither the user's own nor typed, nor was allowed before."""
    file = Path(loaded.source.file)
    if not file.is_file():  # text of a program
        return []
    named = [one for one in references(loaded.recipe) if not _is_typed(one, loaded)]
    found = [one for one in named if not _is_beside(file, one.name)]
    return [] if not found or _is_allowed(loaded) else found


def listed(loaded: Loaded) -> list[Listed]:
    """All code that a recipe would run."""
    strange = strangers(loaded)
    return [Listed(one, one not in strange) for one in references(loaded.recipe)]


def warning(recipe: Path) -> str:
    """What to say beside a command that runs the recipe of a file; empty if no strange code is in it."""
    try:
        found = strangers(load(recipe))
    except IdimError:
        return ""
    named = "; ".join(map(str, found))
    return f"it names {STRANGE}: {named}" if found else ""


def _swept(tree: Tree, path: tuple[str, ...]) -> dict[str, list[Any]]:
    """Values that a sweep would set for the parameters of the component at `path`."""
    found: dict[str, list[Any]] = {}
    for one in code_slots.settings(tree) if path else ():
        key = ".".join(one.parts[len(path) :])
        if one.parts[: len(path)] == path and key not in ("", "name"):
            found.setdefault(key, []).append(one.holder[one.at])
    return found


def _is_shipped(name: str) -> bool:
    """Whether it is a model of torchvision: its code was installed, and its weights are read as data."""
    return name.startswith(TORCHVISION)


def _statement(found: Iterable[Reference]) -> str:
    """What a mark vouches for: callables, parameters, and the code as it is now."""
    rows = [
        [one.kind, code_files.canonical(one.name), dict(one.params), code_files.digest(one.name)]
        for one in found
    ]
    return json.dumps(sorted(rows, key=json.dumps), sort_keys=True, default=str)


def _as_written(loaded: Loaded) -> Recipe:
    """The recipe as its file says, without the command line's changes, where it can do without them."""
    try:
        return load(loaded.source.file).recipe
    except IdimError:
        return loaded.recipe


def _is_allowed(loaded: Loaded) -> bool:
    """Whether idim made this file for this user, or the user allowed its code before."""
    statement = _statement(references(_as_written(loaded)))
    last = read_text(Path(loaded.source.file)).rstrip().rpartition("\n")[2]
    made = last.startswith(_SIGNED) and signatures.fits(statement, last.removeprefix(_SIGNED))
    return made or signatures.remembered(statement)


def _is_typed(one: Reference, loaded: Loaded) -> bool:
    """Whether the name comes from the command line, or another caller, and not from the file."""
    source = loaded.source
    key = f"{one.key}.name" if f"{one.key}.name" in source.values else one.key
    return source.fault(key, "").file != source.file


def _is_beside(recipe: Path, name: str) -> bool:
    """Whether code lies in the folder of a recipe or below, and both are this user's alone to write."""
    place = code_files.place(name.rpartition(":")[0])
    if place is None or os.name != "posix":
        return False
    code, file = place.path.resolve(), recipe.resolve()
    within = code.is_relative_to(file.parent) and not any(map(code.is_relative_to, _installed()))
    return within and all(map(_is_private, (file, file.parent, code, code.parent)))


def _installed() -> list[Path]:
    """Where Python and its packages lie: what is there was not written beside a recipe."""
    paths = {*sysconfig.get_paths().values(), *(one for one in sys.path if "-packages" in one)}
    return [Path(one).resolve() for one in paths if one and Path(one).resolve() != Path(sys.prefix)]


def _is_private(path: Path) -> bool:
    """Whether nobody but this user can have written it; a sticky folder such as /tmp protects its files."""
    try:
        about = path.stat()
    except OSError:
        return False
    if about.st_uid != os.geteuid():
        return stat.S_ISDIR(about.st_mode) and bool(about.st_mode & stat.S_ISVTX)
    by_others, by_group = about.st_mode & stat.S_IWOTH, about.st_mode & stat.S_IWGRP
    return not by_others and (not by_group or _has_group_alone(about.st_gid))


def _has_group_alone(gid: int) -> bool:
    """Whether a group is the user's own, as many systems give one to each user."""
    import grp
    import pwd

    try:
        me, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    return me.pw_gid == gid and group.gr_name == me.pw_name and set(group.gr_mem) <= {me.pw_name}
