"""Recipe keys set from outside: ``key=value`` arguments, sweeps, baselines, callers in Python."""

from __future__ import annotations

import copy
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from idim_cli.core.errors import Fault, IdimError, RecipeError
from idim_cli.recipe import text
from idim_cli.recipe.schema import COMPONENTS, Recipe, Seeds
from idim_cli.recipe.source import Place, SourceMap

Tree = dict[str, Any]

# Below these, the rest of a dotted key is one key.
_HOLDERS = (("sweep", "over"), ("sweep", "baseline", "set"))


def split(key: str) -> tuple[str, ...]:
    """The parts of a dotted recipe key; recipe keys inside `sweep.over` and `baseline.set` stay whole."""
    parts = tuple(key.split("."))
    for holder in _HOLDERS:
        if parts[: len(holder)] == holder and len(parts) > len(holder):
            return (*holder, ".".join(parts[len(holder) :]))
    return parts


def assign(tree: Tree, key: str, value: Any) -> None:
    """Set `key` in `tree`, making the mappings on the way; IdimError if something else stands there."""
    *parents, last = split(key)
    if len(parents) > text.MAX_DEPTH:
        raise IdimError(f"a key of {len(parents) + 1} parts is nested more than {text.MAX_DEPTH} levels deep")
    node = tree
    for depth, part in enumerate(parents, start=1):
        child = _opened(node.get(part), tuple(parents[:depth]))
        if not isinstance(child, dict):
            raise IdimError(f"{'.'.join(parents[:depth])} holds a value, so there is no {key}")
        node[part] = child
        node = child
    node[last] = copy.deepcopy(value)  # a later key may be set inside it, and its giver keeps it


def assign_all(tree: Tree, values: Mapping[str, Any]) -> None:
    """Set several keys; epochs alone replaces the recipe's steps, and steps its epochs."""
    for key, value in values.items():
        assign(tree, key, value)
    for one, other in (("epochs", "steps"), ("steps", "epochs")):
        if values.get(f"training.{one}") is not None and f"training.{other}" not in values:
            tree["training"].pop(other, None)


def apply(tree: Tree, source: SourceMap, arguments: Sequence[str]) -> list[Fault]:
    """Set what the ``key=value`` `arguments` say, with their places; the faults of those that cannot be."""
    values: Tree = {}
    faults = []
    for argument in arguments:
        try:
            key, value = _parse(argument)
            assign_all(tree, {**values, key: value})
        except IdimError as error:
            faults.append(_fault(argument, error))
            continue
        values[key] = value
        source.replace(split(key), _place(argument))
    return faults


def _opened(child: Any, path: tuple[str, ...]) -> Any:
    """`child` as the mapping that a key below it needs, where it has a short form or a default."""
    if path in COMPONENTS and child is None:
        return {"name": _default(path)} if _default(path) else {}
    if (path in COMPONENTS or path[-1] == "inner") and isinstance(child, str):
        return {"name": child}
    if path == ("seeds",) and type(child) is int:
        return dict.fromkeys(Seeds.model_fields, child)
    return {} if child is None else child


def _default(path: tuple[str, ...]) -> str:
    model: Any = Recipe
    for part in path[:-1]:
        annotation = model.model_fields[part].annotation
        # Of an optional part, such as `sweep`, the part itself.
        model = next(iter(typing.get_args(annotation)), annotation)
    default = model.model_fields[path[-1]].default
    return getattr(default, "name", "")


def _parse(argument: str) -> tuple[str, Any]:
    key, equals, value = argument.partition("=")
    if not (equals and all(part.strip() == part != "" for part in key.split("."))):
        raise IdimError("should be key=value", "for example training.epochs=5")
    document = text.parse(value, _place(argument).file)
    if document.faults:
        raise RecipeError(document.faults)
    return key, document.value


def _place(argument: str) -> Place:
    return Place(f"argument {argument!r}" if len(argument) <= 80 else f"argument {argument[:77]!r}...")


def _fault(argument: str, error: IdimError) -> Fault:
    """Lines and columns within an argument say little."""
    if isinstance(error, RecipeError):
        first = error.faults[0]
        return Fault(first.file, 0, 0, argument.partition("=")[0], first.message, first.hint)
    return Fault(*_place(argument), "", error.message, error.hint)
