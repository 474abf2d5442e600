"""Setting recipe keys by ``key=value`` arguments, sweeps, baselines and Python callers."""

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

# Mappings whose keys are dotted recipe keys themselves.
_HOLDERS = (("sweep", "over"), ("sweep", "baseline", "set"))


def split(key: str) -> tuple[str, ...]:
    """The parts of a dotted recipe key; recipe keys inside `sweep.over` and `baseline.set` stay whole."""
    parts = tuple(key.split("."))
    for holder in _HOLDERS:
        if parts[: len(holder)] == holder and len(parts) > len(holder):
            return (*holder, ".".join(parts[len(holder) :]))
    return parts


def assign(tree: Tree, key: str, value: Any) -> None:
    """Set `key` in `tree`, creating the mappings above it; IdimError if another value is in the way."""
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
    node[last] = copy.deepcopy(value)  # a later key may change it, and the caller's value must stay


def assign_all(tree: Tree, values: Mapping[str, Any]) -> None:
    """Set several keys; setting one of epochs and steps removes the other from the recipe."""
    for key, value in values.items():
        assign(tree, key, value)
    for one, other in (("epochs", "steps"), ("steps", "epochs")):
        if values.get(f"training.{one}") is not None and f"training.{other}" not in values:
            tree["training"].pop(other, None)


def apply(tree: Tree, source: SourceMap, arguments: Sequence[str]) -> list[Fault]:
    """Apply ``key=value`` `arguments` and record their places; returns the faults of invalid ones."""
    values: Tree = {}
    faults = []
    for argument in arguments:
        try:
            key, value = _parse(argument)
            # All again: epochs and steps count together, and a failed argument must not undo others.
            assign_all(tree, {**values, key: value})
        except IdimError as error:
            faults.append(_fault(argument, error))
            continue
        values[key] = value
        source.replace(split(key), _place(argument))
    return faults


def _opened(child: Any, path: tuple[str, ...]) -> Any:
    """`child` as a mapping, expanded from its short form or default, so that a key in it can be set."""
    # A key inside a component that the recipe does not name belongs to the default one.
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
        # `Sweep | None` has the part as its first type.
        model = next(iter(typing.get_args(annotation)), annotation)
    default = model.model_fields[path[-1]].default
    return getattr(default, "name", "")


def _parse(argument: str) -> tuple[str, Any]:
    key, equals, value = argument.partition("=")
    # "a..b" and "a. b" would set keys that no recipe has, with a worse message.
    if not (equals and all(part.strip() == part != "" for part in key.split("."))):
        raise IdimError("should be key=value", "for example training.epochs=5")
    document = text.parse(value, _place(argument).file)
    if document.faults:
        raise RecipeError(document.faults)
    return key, document.value


def _place(argument: str) -> Place:
    return Place(f"argument {argument!r}" if len(argument) <= 80 else f"argument {argument[:77]!r}...")


def _fault(argument: str, error: IdimError) -> Fault:
    """The fault of an argument."""
    # Without line and column, which would count within the argument.
    if isinstance(error, RecipeError):
        first = error.faults[0]
        return Fault(first.file, 0, 0, argument.partition("=")[0], first.message, first.hint)
    return Fault(*_place(argument), "", error.message, error.hint)
