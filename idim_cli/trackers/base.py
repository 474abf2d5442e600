"""What a tracker is, and how one is made from a recipe."""

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

    It is made as ``Kind(folder, **parameters)``, where `folder` is that of the recipe's results and bears the
    recipe's name, and says then what it lacks (MissingExtraError, IdimError). Afterwards it may raise
    anything: it is left out from then on, and the runs go on.

    Several records may be under way at once; each has one process that tells of it. A record may be begun
    again by a later process, which tells its rows from the start: none may be shown twice.
    """

    def begin(self, name: str, settings: Settings) -> None:
        """A record begins, or goes on. `name` is of letters, digits, ``.``, ``_`` and ``-``."""

    def row(self, name: str, step: int, figures: Figures) -> None:
        """One evaluation of a record, after `step` steps."""

    def end(self, name: str, figures: Figures, status: str) -> None:
        """A record has come to its figures; `status` in words (``ok``, ``failed``, ``reached``, ...)."""

    def close(self) -> None:
        """Nothing more comes; what has not ended was stopped, and may be begun again."""


def build(component: Component, folder: Path) -> Tracker:
    """The tracker that a recipe names.

    Raises:
        ComponentError: it is unknown, or its parameters do not fit.
        MissingExtraError: its library is not installed.
    """
    return cast(Tracker, REGISTRY.make(component.name, component.params, folder))


def library(name: str, extra: str) -> ModuleType:
    """A tracker's library; MissingExtraError, which names the extra, when it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(extra, extra) from error
