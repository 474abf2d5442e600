"""Every key of a recipe in its dotted form, and its possible values: for completion."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from types import NoneType
from typing import Any

from idim_cli.core.errors import IdimError
from idim_cli.core.registry import registry, split
from idim_cli.recipe import text
from idim_cli.recipe.find import find
from idim_cli.recipe.json_schema import json_schema
from idim_cli.recipe.schema import COMPONENTS

Schema = dict[str, Any]


class Keys:
    """The dotted keys of a recipe, its components' parameters included.

    Args:
        recipe: name or file of the recipe whose components count; None takes the defaults.
    """

    def __init__(self, recipe: str | None = None) -> None:
        whole = json_schema()
        self.defs: Schema = whole["$defs"]
        self.tree: Any = {}
        if recipe:
            with contextlib.suppress(IdimError):  # completion completes what it can
                self.tree = text.parse(text.read(find(recipe)), recipe).value
        self.found = dict(self._walk(whole["properties"], ()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __contains__(self, key: object) -> bool:
        return key in self.found

    def values(self, key: str) -> list[str]:
        """Possible values of ``key=``: choices, the recipe's own value, the default."""
        schema = self.found.get(key, {})
        kind = COMPONENTS.get(tuple(key.split(".")))
        named = registry(kind).names() if kind else ()
        known = [*_choices(schema, self.defs), *named, self._here(key), schema.get("default")]
        # Mappings and lists are too long to complete.
        short = (value for value in known if not isinstance(value, dict | list | NoneType))
        written = (value if isinstance(value, str) else json.dumps(value) for value in short)
        return list(dict.fromkeys(written))

    def _walk(self, properties: Schema, path: tuple[str, ...]) -> Iterator[tuple[str, Schema]]:
        for name, schema in properties.items():
            here = (*path, name)
            kind, below = COMPONENTS.get(here), _target(schema, self.defs)
            # The parameters of a component depend on its name, so the schema's own properties do not count.
            inner = below.get("properties") if kind is None else None
            forms = schema.get("anyOf", ())
            has_short_form = any("$ref" not in one and one.get("type") != "null" for one in forms)
            if inner is None or has_short_form:
                yield ".".join(here), schema
            if inner is not None:
                yield from self._walk(inner, here)
            if kind:
                yield from self._parameters(kind, here, schema)

    def _parameters(self, kind: str, path: tuple[str, ...], schema: Schema) -> Iterator[tuple[str, Schema]]:
        """The parameters of the component at `path`."""
        spec = self._here(".".join(path)) or schema.get("default")
        with contextlib.suppress(IdimError):
            name = split(spec)[0] if spec else ""
            for key, value in self.defs.get(f"{kind} {name}", {}).get("properties", {}).items():
                if key != "name":
                    yield f"{'.'.join(path)}.{key}", value

    def _here(self, key: str) -> Any:
        """The value in the recipe; None without one."""
        node = self.tree
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return node


def _target(schema: Schema, defs: Schema) -> Schema:
    """The schema behind a reference, also where null or short forms are alternatives."""
    # The first reference: null and short forms have none.
    for one in [schema, *schema.get("anyOf", ())]:
        if "$ref" in one:
            found: Schema = defs[one["$ref"].removeprefix("#/$defs/")]
            return found
    return schema


def _choices(schema: Schema, defs: Schema) -> list[Any]:
    if schema.get("type") == "boolean":
        return [True, False]
    if "enum" in schema:
        return list(schema["enum"])
    below = _target(schema, defs)
    parts = [*below.get("anyOf", ()), *below.get("oneOf", ())] if below is not schema else []
    parts += [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [choice for part in parts for choice in part.get("enum", [])]
