"""The interface of a tracker, and making one from a recipe."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from idim_cli.core.errors import MissingExtraError
from idim_cli.recipe.schema import Component
from idim_cli.trackers import REGISTRY

Settings = Mapping[str, str | int | float | bool]
Figures = Mapping[str, float]


class Tracker(Protocol):
    """Shows records: a run with its learning curve, or an estimate of d_int.

    It is made as ``Kind(folder, **parameters)``, where `folder` is the folder of the recipe's results, named
    after the recipe. The constructor raises an error (MissingExtraError, IdimError) if something is missing.
    A later error of any kind only ends the tracking: the runs continue.

    Several records may be open at the same time; each is written by one process. A later process may begin a
    record again and send its rows from the start: none may be shown twice.
    """

    def begin(self, name: str, settings: Settings) -> None:
        """A record begins or resumes. `name` has letters, digits, ``.``, ``_`` and ``-`` only."""

    def row(self, name: str, step: int, figures: Figures) -> None:
        """One evaluation of a record, after `step` steps."""

    def end(self, name: str, figures: Figures, status: str) -> None:
        """A record has ended with these figures; `status` in words (``ok``, ``failed``, ``reached``, ...)."""

    def close(self) -> None:
        """Nothing more follows; records that have not ended were stopped, and may begin again."""


def build(component: Component, folder: Path) -> Tracker:
    """The tracker that a recipe names.

    Raises:
        ComponentError: it is unknown, or its parameters do not fit.
        MissingExtraError: its library is not installed.
    """
    return cast(Tracker, REGISTRY.make(component.name, component.params, folder))


def library(name: str, extra: str) -> ModuleType:
    """The library of a tracker; MissingExtraError, with the extra to install, if it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The name of the extra and not of the module, as that is what the user has to install.
        raise MissingExtraError(extra, extra) from error
