"""How data are loaded: the data set that a recipe names, put through the transformations that all share."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from idim_cli import outside
from idim_cli.datasets import REGISTRY
from idim_cli.datasets.split import Data, Source, Split
from idim_cli.datasets.transform import transform
from idim_cli.environment import data_root
from idim_cli.errors import ComponentError
from idim_cli.recipe.components import filled
from idim_cli.recipe.schema import Component

__all__ = ["Data", "Source", "Split", "load"]

_SHARED = frozenset(inspect.signature(transform).parameters) - {"source"}


def load(component: Component, root: str | None = None, download: bool = False) -> Data:
    """The data set that a recipe names, split and transformed as its parameters say, on the CPU.

    Names are those of the registry, ``module:callable`` or ``./file.py:callable``. A callable returns a
    `Source`; it gets the recipe's parameters and, if its signature names them, `root` and `download`.

    Args:
        component: name and parameters, those of `transform` included.
        root: folder of the files; otherwise the environment variable IDIM_DATA.
        download: fetch what is missing. Nothing is ever downloaded unasked.

    Raises:
        DataError: files are absent or damaged, or the parameters do not suit the data.
        ComponentError: the name is unknown, or the parameters do not fit.
        MissingExtraError: the data set needs a package that is not installed.
    """
    params = filled(component, "dataset").params
    own = {key: value for key, value in params.items() if key not in _SHARED}
    shared = {key: value for key, value in params.items() if key in _SHARED}
    return transform(_source(component.name, own, data_root(root), download), **shared)


def _source(name: str, params: dict[str, Any], root: Path | None, download: bool) -> Source:
    if ":" in name and name not in REGISTRY:
        context = {"root": root, "download": download}
        source = outside.call(name, outside.find(name), params, context)
    else:
        source = REGISTRY.open(name)(root, download, **params)
    if not isinstance(source, Source):
        raise ComponentError(
            f"{name} returned a {type(source).__name__}, not an idim_cli.datasets.split.Source"
        )
    return source
