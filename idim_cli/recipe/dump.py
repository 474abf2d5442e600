"""A recipe back to its short YAML form, which reads back as an equal recipe."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import BaseModel

from idim_cli.recipe import components
from idim_cli.recipe.schema import Component, Recipe
from idim_cli.recipe.text import Dumper


def dump(recipe: Recipe) -> dict[str, Any]:
    """Plain values of `recipe`: defaults left out, components in their short form."""
    return _mapping(recipe)


def to_yaml(recipe: Recipe) -> str:
    """The YAML text of `recipe`."""
    return yaml.dump(dump(recipe), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


def _mapping(part: BaseModel) -> dict[str, Any]:
    given = {}
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if field.is_required() or value != field.get_default():
            given[name] = _plain(value)
    return given


def _plain(value: Any) -> Any:
    if isinstance(value, Component):
        return components.short(value.name, value.params)
    return _mapping(value) if isinstance(value, BaseModel) else value
