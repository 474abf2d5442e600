"""Components as recipes write them: a name, or a mapping with a name and the parameters."""

from __future__ import annotations

import json
from typing import Any

import pydantic

from idim_cli import registry
from idim_cli.errors import ComponentError
from idim_cli.recipe import wording
from idim_cli.recipe.source import KeyPath, Problem

# Kinds whose names may also point to code ("package.module:callable", "./file.py:callable").
_OPEN = ("model", "dataset")
# Projectors that work on the whole network alone.
_NEVER_INNER = ("layerwise", "identity")


def resolve(spec: Any, kind: str, path: KeyPath, problems: list[Problem]) -> dict[str, Any]:
    """`spec` as ``{"name", "params"}``, the parameters checked against the component's signature.

    What is wrong goes to `problems`; the result then holds what can be kept.
    """
    name, params = _split(spec, kind, path, problems)
    if name and not _is_code(name, kind, path, problems):
        params = _checked(name, params, kind, (path, isinstance(spec, str)), problems)
    return {"name": name, "params": params}


def short(name: str, params: dict[str, Any]) -> str | dict[str, Any]:
    """The shortest way to write a component."""
    return {"name": name, **params} if params else name


def _split(spec: Any, kind: str, path: KeyPath, problems: list[Problem]) -> tuple[str, dict[str, Any]]:
    if isinstance(spec, str):
        return spec, {}
    if not isinstance(spec, dict):
        message = (
            f"should name one {kind}, alone or in a mapping with its parameters, not {wording.display(spec)}"
        )
        problems.append(Problem(path, message))
        return "", {}
    params = {key: value for key, value in spec.items() if key != "name"}
    name = spec.get("name")
    if isinstance(name, str):
        return name, params
    if name is None:
        problems.append(Problem((*path, "name"), "is missing", f"write the name of the {kind}", at_key=True))
    else:
        problems.append(Problem((*path, "name"), f"should be text, not {wording.display(name)}"))
    return "", params


def _is_code(name: str, kind: str, path: KeyPath, problems: list[Problem]) -> bool:
    if kind not in _OPEN or ":" not in name:
        return False
    module, _, attribute = name.rpartition(":")
    if not (module and attribute):
        problems.append(Problem(path, f"{name!r} is not 'module:callable'", "or './file.py:callable'"))
    return True


def _checked(
    name: str, params: dict[str, Any], kind: str, where: tuple[KeyPath, bool], problems: list[Problem]
) -> dict[str, Any]:
    path, is_short = where
    try:
        model = registry.registry(kind).parameters(name)
    except ComponentError as error:
        problems.append(Problem(path if is_short else (*path, "name"), str(error), error.hint))
        return params
    try:
        # As JSON, so that a list may stand for a tuple and text for a path.
        given = model.model_validate_json(json.dumps(params))
    except pydantic.ValidationError as error:
        found = wording.problems(error, model)
        problems += [problem._replace(path=path + problem.path) for problem in found]
        return params
    plain = given.model_dump(mode="json", include=set(params))
    if kind == "projector" and "inner" in params:
        plain["inner"] = _inner(plain["inner"], (*path, "inner"), problems)
    return {key: plain[key] for key in params}


def _inner(spec: Any, path: KeyPath, problems: list[Problem]) -> str | dict[str, Any]:
    found = resolve(spec, "projector", path, problems)
    if found["name"] in _NEVER_INNER:
        problems.append(Problem(path, f"{found['name']} cannot be the inner projector"))
    return short(**found)
