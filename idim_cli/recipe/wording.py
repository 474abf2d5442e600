"""Pydantic's errors in plain words."""

from __future__ import annotations

import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import pydantic
from pydantic_core import ErrorDetails

from idim_cli.core.registry import did_you_mean
from idim_cli.recipe.schema import PATTERNS
from idim_cli.recipe.source import KeyFault, KeyPath

# Pydantic's error types -> what the value should be; {braces} are filled from the error's context.
_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "none_required": "empty",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "string_too_long": "text of at most {max_length} letters",
    "string_unicode": "text",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}


# Parts of a path that pydantic adds: the tags of our unions, and its mark of a mapping's key.
_BRANCHES = ("<number>", "<list>", "<lists>", "<word>", "[key]")


def problems(error: pydantic.ValidationError, model: type[pydantic.BaseModel]) -> list[KeyFault]:
    """The faults in an `error` of `model`; paths are relative to the model."""
    # Pydantic lists an error for each alternative of a union: one fault names them all.
    found = []
    for path, alternatives in groupby(error.errors(include_url=False), lambda e: _path(e, model)):
        found.append(_problem(path, list(alternatives), model))
    return found


def known_keys(model: type[pydantic.BaseModel], path: KeyPath) -> list[str]:
    """The keys of `model` at `path`; none where any key is allowed."""
    if not path:  # the names in a recipe, such as `from`, are aliases
        return sorted(field.alias or name for name, field in model.model_fields.items())
    inner = model.model_fields.get(str(path[0]))
    parts = list(_models(inner.annotation)) if inner else []
    return known_keys(parts[0], path[1:]) if parts else []


def display(value: Any) -> str:
    """A value as written in a recipe, shortened."""
    words = {None: "nothing", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    text = repr(value)
    return text if len(text) <= 50 else f"{text[:47]}..."


def _problem(path: KeyPath, errors: list[ErrorDetails], model: type[pydantic.BaseModel]) -> KeyFault:
    first = errors[0]
    if first["type"] == "missing":
        return KeyFault(path, "is missing", at_key=True)
    if first["type"] == "extra_forbidden":
        known = known_keys(model, path[:-1])
        hint = did_you_mean(str(path[-1]), known) if known else "it takes no parameters"
        # A key that exists one level down was probably indented wrongly.
        if deeper := [key for key in _deeper(model) if len(path) == 1 and key.endswith(f".{path[0]}")]:
            hint = f"did you mean {' or '.join(deeper)}?"
        return KeyFault(path, "unknown key", hint, at_key=True)
    expected = list(dict.fromkeys(filter(None, map(_expected, errors))))
    if not expected:
        return KeyFault(path, re.sub("^Value error, ", "", first["msg"]))
    message = f"should be {' or '.join(expected)}, not {display(first['input'])}"
    return KeyFault(path, message, _hint(first["type"], first["input"], first.get("ctx", {})))


def _expected(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], f"text like {context['pattern']}")
    shown = {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}
    return _EXPECTED.get(error["type"], "").format(**shown)


def _hint(kind: str, value: Any, context: dict[str, Any]) -> str:
    if not isinstance(value, str):
        return _in_percent(kind, value, context)
    if kind == "bool_type":
        return "write true or false"
    if kind == "literal_error":
        return did_you_mean(value, re.findall(r"'([^']*)'", context["expected"]))
    # A number in quotes is text to YAML.
    looks_numeric = re.fullmatch(r"\s*[-+.]?[0-9][0-9._eE+-]*\s*", value)
    return "remove the quotes" if looks_numeric and kind in ("int_type", "float_type") else ""


def _in_percent(kind: str, value: Any, context: dict[str, Any]) -> str:
    """A hint for a share that was given in percent."""
    # A share has an upper limit of 1 or 2.
    most = context.get({"less_than": "lt", "less_than_equal": "le"}.get(kind, ""), math.inf)
    is_share = isinstance(most, float) and most <= 2 and type(value) in (int, float) and most < value <= 100
    return f"did you mean {value / 100:g}?" if is_share else ""


def _deeper(model: type[pydantic.BaseModel]) -> Iterator[str]:
    """The keys one level down, such as ``training.epochs``."""
    for name, field in model.model_fields.items():
        for kind in {field.annotation, *_members(field.annotation)}:  # `Sweep | None` has two
            if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
                yield from (f"{name}.{key}" for key in kind.model_fields)


def _path(error: ErrorDetails, model: type[pydantic.BaseModel]) -> KeyPath:
    """The key path of pydantic's `error`, without the tags of unions."""
    location = error["loc"]
    field = model.model_fields.get(str(location[0])) if location else None
    if field is not None and len(_members(field.annotation)) > 1:
        return location[:1]
    # The first key and an unknown key are the user's own words, even if they look like a tag.
    own = {0, len(location) - 1 if error["type"] == "extra_forbidden" else 0}
    return tuple(part for at, part in enumerate(location) if at in own or part not in _BRANCHES)


def _members(annotation: Any) -> list[Any]:
    """The types of `annotation`, without None."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return [annotation]
    return [member for member in typing.get_args(annotation) if member is not type(None)]


def _models(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    """The models anywhere in `annotation`."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models(part)
