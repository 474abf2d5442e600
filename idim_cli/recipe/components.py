"""Components as recipes write them: a name, or a mapping with a name and the parameters."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pydantic

from idim_cli.core import registry
from idim_cli.core.errors import ComponentError, printable
from idim_cli.core.registry import INNER, NEVER_INNER, ROOMS, Registry, did_you_mean, short
from idim_cli.recipe import wording
from idim_cli.recipe.schema import Component
from idim_cli.recipe.source import KeyFault, KeyPath

# Kinds whose names may also point to code ("package.module:callable", "./file.py:callable").
OPEN = ("model", "dataset")
#: Models of torchvision by name; not a module of the user's.
TORCHVISION = "torchvision:"


@dataclass(frozen=True)
class Described:
    """A component for people: its kind, its name, what it is, and the JSON Schema of each parameter."""

    kind: str
    name: str
    summary: str
    parameters: dict[str, Any]


def components(words: Sequence[str] = ()) -> list[Described]:
    """All components, or those whose kind or name is among `words`; ComponentError for another word."""
    every = [_described(kind, name) for kind in ROOMS for name in registry.registry(kind)]
    known = {one.kind for one in every} | {one.name for one in every}
    for word in words:
        if word not in known:
            raise ComponentError(f"{word!r} is neither a kind nor a name", did_you_mean(word, known))
    return [one for one in every if not words or one.kind in words or one.name in words]


def _described(kind: str, name: str) -> Described:
    room = registry.registry(kind)
    schema = room.parameters(name).model_json_schema()
    parameters = {
        key: {k: v for k, v in value.items() if k != "title"} for key, value in schema["properties"].items()
    }
    return Described(kind, name, room.summary(name), parameters)


def resolve(spec: Any, kind: str, path: KeyPath, problems: list[KeyFault]) -> dict[str, Any]:
    """`spec` as ``{"name", "params"}``, the parameters checked against the component's signature.

    What is wrong goes to `problems`; the result then holds what can be kept.
    """
    name, params = _split(spec, kind, path, problems)
    if is_code(name, kind):
        _check_code(name, path, problems)
        _, shared = _parted(params, kind)
        params = params | (_checked(name, shared, kind, (path, False), problems) if shared else {})
    elif name:
        params = _checked(name, params, kind, (path, isinstance(spec, str)), problems)
    return {"name": name, "params": params}


def filled(component: Component, kind: str) -> Component:
    """The component with all its parameters; of one that is named by its code, those that its kind shares.

    Raises:
        ComponentError: unknown, or its parameters do not fit.
    """
    if not is_code(component.name, kind):
        params = registry.registry(kind).filled(component.name, component.params)
    elif registry.registry(kind).shared:
        own, shared = _parted(component.params, kind)
        params = own | _room(component.name, kind).filled(component.name, shared)
    else:
        return component
    return Component(name=component.name, params=params)


def is_code(name: str, kind: str) -> bool:
    """Whether a name points to code (``module:callable``, ``./file.py:callable``), not into a registry."""
    return kind in OPEN and ":" in name


def _room(name: str, kind: str) -> Registry:
    """Where the parameters of `name` are known; for code these are the ones that all of its kind share."""
    room = registry.registry(kind)
    return _code_room(kind, name, room.shared) if is_code(name, kind) else room


@functools.lru_cache(maxsize=64)
def _code_room(kind: str, name: str, shared: str) -> Registry:
    return Registry(kind, {name: shared})


def _parted(params: dict[str, Any], kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of the user's own component: its own, and those that its kind shares."""
    target = registry.registry(kind).shared
    known = _code_room(kind, "shared", target).parameters("shared").model_fields if target else {}
    own = {key: value for key, value in params.items() if key not in known}
    return own, {key: value for key, value in params.items() if key in known}


def _split(spec: Any, kind: str, path: KeyPath, problems: list[KeyFault]) -> tuple[str, dict[str, Any]]:
    if isinstance(spec, str) and spec:
        return spec, {}
    if not isinstance(spec, dict):
        message = (
            f"should name one {kind}, alone or in a mapping with its parameters, not {wording.display(spec)}"
        )
        problems.append(KeyFault(path, message))
        return "", {}
    params = {key: value for key, value in spec.items() if key != "name"}
    name = spec.get("name")
    if isinstance(name, str) and name:
        return name, params
    if not name and name in (None, ""):
        problems.append(KeyFault((*path, "name"), "is missing", f"write the name of the {kind}", at_key=True))
    else:
        problems.append(KeyFault((*path, "name"), f"should be text, not {wording.display(name)}"))
    return "", params


def _check_code(name: str, path: KeyPath, problems: list[KeyFault]) -> None:
    if printable(name) != name:
        problems.append(KeyFault(path, f"{name!r} holds characters that cannot be printed"))
    module, _, attribute = name.rpartition(":")
    if not (module and attribute):
        problems.append(KeyFault(path, f"{name!r} is not 'module:callable'", "or './file.py:callable'"))


def _checked(
    name: str, params: dict[str, Any], kind: str, where: tuple[KeyPath, bool], problems: list[KeyFault]
) -> dict[str, Any]:
    path, is_short = where
    if kind in OPEN and name.endswith(".py"):
        problems.append(KeyFault(path, f"{name!r} names a file, not what is in it", f"write {name}:NAME"))
        return params
    room = _room(name, kind)
    try:
        plain = room.validated(name, params).model_dump(mode="json", include=set(params))
    except ComponentError as error:
        problems.append(KeyFault(path if is_short else (*path, "name"), error.message, error.hint))
        return params
    except pydantic.ValidationError as error:
        found = wording.problems(error, room.parameters(name))
        problems += [problem._replace(path=path + problem.path) for problem in found]
        return params
    if INNER in plain:
        plain[INNER] = _inner(plain[INNER], kind, (*path, INNER), problems)
    return {key: plain[key] for key in params}


def _inner(spec: Any, kind: str, path: KeyPath, problems: list[KeyFault]) -> str | dict[str, Any]:
    found = resolve(spec, kind, path, problems)
    if found["name"] in NEVER_INNER:
        problems.append(KeyFault(path, f"{found['name']} cannot be the inner {kind}"))
    return short(**found)
