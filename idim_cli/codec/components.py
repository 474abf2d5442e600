"""Components with all their parameters written out."""

from __future__ import annotations

import json

import pydantic

from idim_cli.errors import ComponentError
from idim_cli.recipe.schema import Component
from idim_cli.registry import registry


def filled(kind: str, component: Component) -> Component:
    """The component with its defaults filled in; one that is named by its code stays as it is.

    A file that says all parameters keeps its meaning when a default changes.

    Raises:
        ComponentError: unknown, or its parameters do not fit.
    """
    if ":" in component.name:
        return component
    model = registry(kind).parameters(component.name)
    try:
        params = model.model_validate_json(json.dumps(component.params))
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise ComponentError(f"{kind} {component.name!r}: {where}: {fault['msg']}") from error
    return Component(name=component.name, params=params.model_dump(mode="json"))
