"""From a recipe to its YAML form, short or with every default; reading it gives an equal recipe."""

from __future__ import annotations

from typing import Any, TypeVar

import yaml
from pydantic import BaseModel

from idim_cli.core.registry import short
from idim_cli.recipe.components import filled as filled_component
from idim_cli.recipe.schema import COMPONENTS, Component, Recipe
from idim_cli.recipe.text import Dumper

Part = TypeVar("Part", bound=BaseModel)


def dump(recipe: Recipe, *, defaults: bool = False) -> dict[str, Any]:
    """Plain values of `recipe`, components in short form; `defaults` includes keys at their default."""
    return _mapping(recipe, defaults)


def to_yaml(recipe: Recipe, *, defaults: bool = False) -> str:
    """The YAML text of `recipe`, see `dump`."""
    # In the order of the schema, as people write recipes.
    plain = dump(recipe, defaults=defaults)
    return yaml.dump(plain, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


def filled(recipe: Recipe) -> Recipe:
    """The recipe with all parameters of its components written out, independent of later defaults.

    Raises:
        ComponentError: a component is unknown, or its parameters do not fit.
    """
    for path, kind in COMPONENTS.items():
        recipe = _with(recipe, path, kind)
    return recipe


def _with(part: Part, path: tuple[str, ...], kind: str) -> Part:
    # Parts are frozen, so every part above a component is copied.
    here = getattr(part, path[0])
    if here is None:
        return part
    new = filled_component(here, kind) if len(path) == 1 else _with(here, path[1:], kind)
    return part.model_copy(update={path[0]: new})


def _mapping(part: BaseModel, defaults: bool) -> dict[str, Any]:
    given = {}
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        # A required key has no default to compare with.
        if defaults or field.is_required() or value != field.get_default():
            given[name] = _plain(value, defaults)
    return given


def _plain(value: Any, defaults: bool) -> Any:
    if isinstance(value, Component):
        return short(value.name, value.params)
    if isinstance(value, list):
        return [_plain(item, defaults) for item in value]
    return _mapping(value, defaults) if isinstance(value, BaseModel) else value
