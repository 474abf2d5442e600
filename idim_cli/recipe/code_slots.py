"""Every place of a recipe that names a component or its code, including the values of its sweep.

The plain values may be unchecked and untrusted.
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


# Holder and key, not the name alone: callers replace names in place.
class Slot(NamedTuple):
    """A place with the name of a component, or of code in a parameter.

    Attributes:
        holder: the mapping or list that holds the name.
        at: key or index in the holder.
        kind: of component.
        key: of the recipe, as it is written.
        path: the recipe key of the component; empty inside its parameters.
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
        """The name."""
        return str(self.holder[self.at])


class Setting(NamedTuple):
    """A value of a sweep: its place, and the parts of the recipe key that it sets."""

    holder: Any
    at: Any
    key: str
    parts: KeyParts


def slots(tree: Tree) -> Iterator[Slot]:
    """All slots of a recipe's plain values."""
    # For each component of the recipe: itself, then every value of the sweep at it, above it or inside it.
    for path, kind in COMPONENTS.items():
        holder = _descend(tree, path[:-1])
        if isinstance(holder, Mapping) and path[-1] in holder:
            yield from of_component(holder, path[-1], kind, ".".join(path), path)
        for setting in settings(tree):
            yield from _set(setting, path, kind)
    given = tree.get(TRACKERS)
    if isinstance(given, list):
        each: list[tuple[Any, Any, str]] = [(given, at, f"{TRACKERS}[{at}]") for at in range(len(given))]
    else:
        each = [(tree, TRACKERS, TRACKERS)] if given else []
    for holder, at, key in each:
        yield from of_component(holder, at, TRACKER, key, (TRACKERS,))


def settings(tree: Tree) -> Iterator[Setting]:
    """All values that a sweep sets."""
    for key, values in _items(_descend(tree, ("sweep", "over"))):
        places = range(len(values)) if isinstance(values, list) else list(_mapping(values))
        yield from (Setting(values, at, f"sweep.over.{key}", split(key)) for at in places)
    chosen = _descend(tree, ("sweep", "baseline", "set"))
    for key, _ in _items(chosen):
        yield Setting(chosen, key, f"sweep.baseline.set.{key}", split(key))


def _inside(kind: str, name: str, params: Any, key: str) -> Iterator[Slot]:
    """The slots in the parameters of a component: its inner component, and code."""
    if INNER in params:
        yield from of_component(params, INNER, kind, f"{key}.{INNER}")
    for parameter in registry(kind).code_parameters(name):
        if isinstance(params.get(parameter), str):
            yield Slot(params, parameter, kind, f"{key}.{parameter}")


def of_component(holder: Any, at: Any, kind: str, key: str, path: KeyParts = ()) -> Iterator[Slot]:
    """The slots of the component at ``holder[at]``."""
    spec = holder[at]
    if isinstance(spec, str):
        yield Slot(holder, at, kind, key, path)
    elif isinstance(spec, dict) and isinstance(spec.get("name"), str):
        params = {name: value for name, value in spec.items() if name != "name"}
        yield Slot(spec, "name", kind, key, path, params)
        yield from _inside(kind, spec["name"], spec, key)


def _set(setting: Setting, path: KeyParts, kind: str) -> Iterator[Slot]:
    """The slots of a sweep's value at a component, above it, or inside it."""
    holder, at, key, parts = setting
    # Above or at: the value contains the component.
    if path[: len(parts)] == parts:
        # The value may be a whole part, such as `training`: the component is some levels down, or not in it.
        for part in path[len(parts) :]:
            if not isinstance(holder[at], dict) or part not in holder[at]:
                return
            holder, at = holder[at], part
        yield from of_component(holder, at, kind, key, path)
    # Inside: the value is a name or a parameter. Which component it belongs to may be set as well, so a
    # parameter counts if it names code in any component.
    elif parts[: len(path)] == path:
        rest = parts[len(path) :]
        own = path if rest == ("name",) else ()
        while rest[:1] == (INNER,):
            rest = rest[1:]
        if not rest:
            yield from of_component(holder, at, kind, key)
        elif isinstance(holder[at], str):
            room = registry(kind)
            if rest in {("name",), *((one,) for name in room for one in room.code_parameters(name))}:
                yield Slot(holder, at, kind, key, own)


def _descend(tree: Any, path: KeyParts) -> Any:
    for part in path:
        tree = _mapping(tree).get(part)
    return tree


def _items(value: Any) -> list[tuple[str, Any]]:
    return [(key, inner) for key, inner in _mapping(value).items() if isinstance(key, str)]


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
