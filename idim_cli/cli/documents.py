"""The JSON Schema of what each verb prints under --json, from documents.yaml and documented classes."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
Fields = Mapping[str, str]
_OF_ANOTHER = "*?"  # all fields of another part, or none of them
_OF_CLASS = "*"  # fields of a class below: all of them, or those that are listed
_CLASSES = {
    "Reading": "idim_cli.thresholds",
    "Bound": "idim_cli.compression.bounds",
    "TrialRecord": "idim_cli.compression.record",
    "StoredForm": "idim_cli.compression.record",
}


@functools.cache
def _texts() -> Mapping[str, Any]:
    text = (Path(__file__).parent / "documents.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def documents() -> Mapping[str, Mapping[str, Any]]:
    """By name, such as ``compress/1``: `about` and `fields`."""
    return {
        name: {**one, "fields": _with_class(one["fields"])} for name, one in _texts()["documents"].items()
    }


def parts() -> Mapping[str, Fields]:
    """What documents are made of, by name: the fields of each."""
    own = {name: _with_class(fields) for name, fields in _texts()["parts"].items()}
    return {**own, **{name: _of_class(module, name) for name, module in _CLASSES.items()}}


def _with_class(fields: Fields) -> Fields:
    """The fields, with those that are described in the class `Compressed`."""
    # "Compressed: path bytes" takes these fields only.
    name, _, chosen = fields.get(_OF_CLASS, "").partition(":")
    if not name:
        return fields
    known = _of_class("idim_cli.compression.record", name)
    own = {key: text for key, text in fields.items() if key != _OF_CLASS}
    return {**{key: known[key] for key in chosen.split() or known}, **own}


@functools.cache
def _of_class(module: str, name: str) -> Fields:
    """The fields of a class, from their types and docstrings."""
    # Building a schema takes time, and only the reference and tests need one.
    from pydantic import TypeAdapter

    found = TypeAdapter(getattr(importlib.import_module(module), name)).json_schema()["properties"]
    return {key: f"{_kind(one)}: {one['description']}" for key, one in found.items()}


def _kind(field: Schema) -> str:
    """A type of JSON Schema as documents.yaml writes it."""
    if "anyOf" in field:
        return " | ".join(map(_kind, field["anyOf"]))
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if field["type"] == "array":
        inner = _kind(field["items"])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    return str(field["type"])


def schema(name: str) -> Schema:
    """The JSON Schema of a document."""
    whole = _object({"schema": "string: name and version of this document", **documents()[name]["fields"]})
    # The version is part of the name, so that a reader notices a changed form.
    whole["properties"]["schema"]["const"] = f"idim/{name}"
    defs = {part: _object(fields) for part, fields in parts().items()}
    return {"$id": f"idim/{name}", "description": documents()[name]["about"], **whole, "$defs": defs}


def split(text: str) -> tuple[str, str]:
    """Type and meaning of a field."""
    kind, _, meaning = text.partition(": ")
    return kind, meaning


def expanded(fields: Fields) -> Fields:
    """The fields of a part, with those that it takes over from another, which may all be absent."""
    own = {name: text for name, text in fields.items() if name != _OF_ANOTHER}
    other = parts()[fields[_OF_ANOTHER]] if _OF_ANOTHER in fields else {}
    return {**own, **{f"{name}?": text for name, text in other.items()}}


def _object(fields: Fields) -> Schema:
    every = {name.removesuffix("?"): _field(text) for name, text in expanded(fields).items()}
    needed = [name for name in expanded(fields) if not name.endswith("?")]
    # No further properties: a test compares real documents, so that an undocumented field is found.
    found = {"type": "object", "properties": every, "required": needed, "additionalProperties": False}
    if _OF_ANOTHER in fields:
        # Either an error or a whole reading, never a mixture of the two.
        found["anyOf"] = [{"required": ["error"]}, {"required": list(parts()[fields[_OF_ANOTHER]])}]
    return found


def _field(text: str) -> Schema:
    kind, meaning = split(text)
    return {"description": meaning, **_type(kind)}


def _type(text: str) -> Schema:
    if text.endswith("[]"):
        return {"type": "array", "items": _type(text.removesuffix("[]").strip("()"))}
    if "|" in text:
        return {"anyOf": [_type(one.strip()) for one in text.split("|")]}
    if re.match("[A-Z]", text):
        return {"$ref": f"#/$defs/{text}"}
    return {"type": text}
