"""Every place of a recipe that names a component, or code that one uses: also what its sweep would set.

The plain values may be unchecked, and may be a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from idim_cli.core.registry import INNER, registry
from idim_cli.recipe.override import split
from idim_cli.recipe.schema import COMPONENTS, TRACKER, TRACKERS

Tree = Mapping[str, Any]
KeyParts = tuple[str, ...]


class Slot(NamedTuple):
    """A place that holds the name of a component, or of code that a parameter names.

    Attributes:
        holder: the mapping or list that holds it, ...
        at: ... and where.
        kind: of component.
        key: of the recipe, as it is written.
        path: the recipe key of the component; empty for what stands inside its parameters.
        params: of the component.
    """

    holder: Any
    at: Any
    kind: str
    key: str
    path: KeyParts = ()
    params: Tree = MappingProxyType({})

    @property
    def name(self) -> str:
        """What stands there."""
        return str(self.holder[self.at])


class Setting(NamedTuple):
    """A value that a sweep would set: where it stands, and the parts of the key that it would be set at."""

    holder: Any
    at: Any
    key: str
    parts: KeyParts


def slots(tree: Tree) -> Iterator[Slot]:
    """All slots of a recipe's plain values."""
    for path, kind in COMPONENTS.items():
        holder = _descend(tree, path[:-1])
        if isinstance(holder, Mapping) and path[-1] in holder:
            yield from of_component(holder, path[-1], kind, ".".join(path), path)
        for setting in settings(tree):
            yield from _set(setting, path, kind)
    yield from _trackers(tree)


def _trackers(tree: Tree) -> Iterator[Slot]:
    """Those of the trackers: a list of them, or one alone."""
    given = tree.get(TRACKERS)
    if isinstance(given, list):
        each: list[tuple[Any, Any, str]] = [(given, at, f"{TRACKERS}[{at}]") for at in range(len(given))]
    else:
        each = [(tree, TRACKERS, TRACKERS)] if given else []
    for holder, at, key in each:
        yield from of_component(holder, at, TRACKER, key, (TRACKERS,))


def settings(tree: Tree) -> Iterator[Setting]:
    """All that a sweep would set."""
    for key, values in _items(_descend(tree, ("sweep", "over"))):
        places = range(len(values)) if isinstance(values, list) else list(_mapping(values))
        yield from (Setting(values, at, f"sweep.over.{key}", split(key)) for at in places)
    chosen = _descend(tree, ("sweep", "baseline", "set"))
    for key, _ in _items(chosen):
        yield Setting(chosen, key, f"sweep.baseline.set.{key}", split(key))


def _inside(kind: str, name: str, params: Any, key: str) -> Iterator[Slot]:
    """The slots in the parameters of a component: its inner one, and code that it uses."""
    if INNER in params:
        yield from of_component(params, INNER, kind, f"{key}.{INNER}")
    for parameter in registry(kind).code_parameters(name):
        if isinstance(params.get(parameter), str):
            yield Slot(params, parameter, kind, f"{key}.{parameter}")


def of_component(holder: Any, at: Any, kind: str, key: str, path: KeyParts = ()) -> Iterator[Slot]:
    """The slots of the component that stands at ``holder[at]``."""
    spec = holder[at]
    if isinstance(spec, str):
        yield Slot(holder, at, kind, key, path)
    elif isinstance(spec, dict) and isinstance(spec.get("name"), str):
        params = {name: value for name, value in spec.items() if name != "name"}
        yield Slot(spec, "name", kind, key, path, params)
        yield from _inside(kind, spec["name"], spec, key)


def _set(setting: Setting, path: KeyParts, kind: str) -> Iterator[Slot]:
    """The slots of what a sweep would set at a component, above it, or inside it."""
    holder, at, key, parts = setting
    if path[: len(parts)] == parts:
        for part in path[len(parts) :]:
            if not isinstance(holder[at], dict) or part not in holder[at]:
                return
            holder, at = holder[at], part
        yield from of_component(holder, at, kind, key, path)
    elif parts[: len(path)] == path:
        rest = parts[len(path) :]
        own = path if rest == ("name",) else ()
        while rest[:1] == (INNER,):
            rest = rest[1:]
        if not rest:
            yield from of_component(holder, at, kind, key)
        elif isinstance(holder[at], str) and (rest == ("name",) or _names_code(kind, rest)):
            yield Slot(holder, at, kind, key, own)


def _names_code(kind: str, rest: KeyParts) -> bool:
    """Whether a parameter names code in any component of a kind."""
    room = registry(kind)
    return any(rest == (one,) for name in room for one in room.code_parameters(name))


def _descend(tree: Any, path: KeyParts) -> Any:
    for part in path:
        tree = _mapping(tree).get(part)
    return tree


def _items(value: Any) -> list[tuple[str, Any]]:
    return [(key, inner) for key, inner in _mapping(value).items() if isinstance(key, str)]


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
