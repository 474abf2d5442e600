"""Components as recipes write them: a name, or a mapping with the name and the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pydantic

from idim_cli.core import registry
from idim_cli.core.errors import ComponentError, printable
from idim_cli.core.registry import INNER, NEVER_INNER, ROOMS, did_you_mean, short
from idim_cli.recipe import wording
from idim_cli.recipe.schema import Component
from idim_cli.recipe.source import KeyFault, KeyPath

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
    """All components, or those whose kind or name is among `words`; ComponentError for another word.

    A name may be one of a library, ``torch:NAdam``. A kind among the words lists those of its libraries too.
    """
    rooms = {kind: registry.registry(kind) for kind in ROOMS}
    every = {kind: room.names() if words else list(room) for kind, room in rooms.items()}
    known = {*every, *(name for names in every.values() for name in names)}
    for word in words:
        if word not in known:
            raise ComponentError(f"{word!r} is neither a kind nor a name", did_you_mean(word, known))
    chosen = ((kind, name) for kind, names in every.items() for name in names)
    return [_described(*one) for one in chosen if not words or {*one} & {*words}]


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
    if name:
        params = _checked(name, params, kind, (path, isinstance(spec, str)), problems)
    return {"name": name, "params": params}


def filled(component: Component, kind: str) -> Component:
    """The component with all its parameters; ComponentError: unknown, or its parameters do not fit."""
    params = registry.registry(kind).filled(component.name, component.params)
    return Component(name=component.name, params=params)


def is_code(name: str, kind: str) -> bool:
    """Whether a name points to code (``module:callable``, ``./file.py:callable``), not into a registry."""
    return registry.registry(kind).is_code(name)


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
    if name.endswith(".py"):
        problems.append(KeyFault(path, f"{name!r} names a file, not what is in it", f"write {name}:NAME"))
        return params
    if is_code(name, kind):
        _check_code(name, path, problems)
    room = registry.registry(kind)
    try:
        plain = room.plain(name, params)
    except ComponentError as error:
        problems.append(KeyFault(path if is_short else (*path, "name"), error.message, error.hint))
        return params
    except pydantic.ValidationError as error:
        found = wording.problems(error, room.parameters(name))
        problems += [problem._replace(path=path + problem.path) for problem in found]
        return params
    for parameter in room.code_parameters(name):
        if isinstance(plain.get(parameter), str):
            _check_code(plain[parameter], (*path, parameter), problems)
    if INNER in plain and not room.is_code(name):
        plain[INNER] = _inner(plain[INNER], kind, (*path, INNER), problems)
    return {key: plain[key] for key in params}


def _inner(spec: Any, kind: str, path: KeyPath, problems: list[KeyFault]) -> str | dict[str, Any]:
    found = resolve(spec, kind, path, problems)
    if found["name"] in NEVER_INNER:
        problems.append(KeyFault(path, f"{found['name']} cannot be the inner {kind}"))
    return short(**found)
