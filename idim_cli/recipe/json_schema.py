"""The JSON Schema of recipes, for editors: keys, short forms and the parameters of every component."""

from __future__ import annotations

from typing import Any

from idim_cli.core.registry import INNER, NEVER_INNER, ROOMS, Registry, registry, short
from idim_cli.recipe.schema import COMPONENTS, TRACKER, Component, DimensionRange, Recipe

Schema = dict[str, Any]

#: Version of JSON Schema, and name of this schema.
DIALECT, NAME = "https://json-schema.org/draft/2020-12/schema", "idim/recipe/1"
_CODE = {
    "type": "string",
    "pattern": "^.+:.+$",
    "description": "Your own: package.module:callable or ./file.py:callable.",
}


def json_schema() -> Schema:
    """The schema of a recipe's file, short forms included.

    Conditions between keys are included where JSON Schema can express them; `idim recipes check` knows all.
    """
    whole = Recipe.model_json_schema()
    defs: Schema = whole.pop("$defs")
    # Each kind has a definition of its own instead, with the names and parameters of its components.
    del defs["Component"]
    defs["DimensionRange"] = DimensionRange.model_json_schema()
    _open_short_forms(whole, defs)
    for path, kind in COMPONENTS.items():
        holder = whole if len(path) == 1 else defs[path[0].capitalize()]
        holder["properties"][path[-1]] = _reference(path, holder["properties"][path[-1]], kind)
    tracker = {"$ref": f"#/$defs/{TRACKER}"}
    trackers = whole["properties"]["trackers"]
    trackers["items"] = tracker
    _allow(whole["properties"], "trackers", tracker)
    for kind in ROOMS:
        defs |= _kind(kind, registry(kind))
    return {"$schema": DIALECT, "$id": NAME, **_untitled(whole), "$defs": _untitled(defs)}


def _open_short_forms(whole: Schema, defs: Schema) -> None:
    """Allow the short forms that `check` expands: no name, one seed for all, grids of d."""
    whole["required"].remove("name")
    _allow(whole["properties"], "seeds", defs["Seeds"]["properties"]["theta0"])
    sweep, training = defs["Sweep"], defs["Training"]
    _allow(sweep["properties"], "d", {"$ref": "#/$defs/DimensionRange"})
    budgets = [
        {"required": [key], "properties": {key: {"type": "integer"}, other: {"type": "null"}}}
        for key, other in (("epochs", "steps"), ("steps", "epochs"))
    ]
    training["oneOf"] = budgets  # exactly one of epochs and steps


def _allow(properties: Schema, key: str, other: Schema) -> None:
    """Allow another form at `key`."""
    # Editors show the description and default of the outermost schema alone.
    outer = {name: value for name, value in properties[key].items() if name in ("description", "default")}
    inner = {name: value for name, value in properties[key].items() if name not in outer}
    bare = {name: value for name, value in other.items() if name not in ("description", "default")}
    properties[key] = {**outer, "anyOf": [bare, inner]}


def _reference(path: tuple[str, ...], old: Schema, kind: str) -> Schema:
    """The schema of a component's key, its default in the short form."""
    new: Schema = {"description": old["description"], "$ref": f"#/$defs/{kind}"}
    if "default" in old:
        new["default"] = short(**Component.model_validate(old["default"]).model_dump())
    return new


def _kind(kind: str, room: Registry) -> Schema:
    """The definitions of a kind: each component with its parameters, and the choice between all."""
    defs = {f"{kind} {name}": _component(kind, name, room) for name in room}
    if any(INNER in one["properties"] for one in defs.values()):
        defs[f"inner {kind}"] = _choice(kind, [name for name in room if name not in NEVER_INNER], defs)
    return {kind: _choice(kind, list(room), defs), **defs}


def _choice(kind: str, names: list[str], defs: Schema) -> Schema:
    """A component by name, or as a mapping."""
    # Its name alone is enough only if no parameter is required.
    alone = [name for name in names if defs[f"{kind} {name}"]["required"] == ["name"]]
    # User code comes last: an editor offers the forms in this order.
    forms: list[Schema] = [{"enum": alone}, *({"$ref": f"#/$defs/{kind} {name}"} for name in names)]
    forms += [_CODE, {"type": "object", "properties": {"name": _CODE}, "required": ["name"]}]
    return {"anyOf": forms}


def _component(kind: str, name: str, room: Registry) -> Schema:
    found = room.parameters(name).model_json_schema()
    properties = {"name": {"const": name}, **found["properties"]}
    if INNER in properties:
        kept = {key: value for key, value in properties[INNER].items() if key in ("description", "default")}
        properties[INNER] = {**kept, "$ref": f"#/$defs/inner {kind}"}
    return {
        "type": "object",
        "description": room.summary(name),
        "properties": properties,
        "required": ["name", *found.get("required", [])],
        "additionalProperties": False,
    }


def _untitled(part: Any) -> Any:
    """Without the titles that pydantic derives from names."""
    # Only texts: a property may be called "title".
    if isinstance(part, list):
        return [_untitled(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = ((key, value) for key, value in part.items() if key != "title" or not isinstance(value, str))
    return {key: _untitled(value) for key, value in kept}
