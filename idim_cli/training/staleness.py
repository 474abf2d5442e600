"""Whether finished runs were made from the data and weights of this machine; each is checked once."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import IdimError
from idim_cli.models import is_portable
from idim_cli.runs import origin
from idim_cli.runs.plan import Run
from idim_cli.runs.results import FAILED

if TYPE_CHECKING:
    from idim_cli.datasets.split import Data
    from idim_cli.recipe.schema import Recipe
    from idim_cli.training.prepare import Where

_FIXED = ("digits", "toy")  # data sets without files that could be replaced
_log = logging.getLogger(__name__)


class StalenessCheck:
    """Compares the origin of finished runs with the data and weights of this machine."""

    # Imports of torch are local, and data are loaded only if they can have changed: reading a finished
    # sweep of a built-in problem takes neither.
    def __init__(self, where: Where) -> None:
        self.where = where
        self.theta0s: dict[str, str | None] = {}
        self.warned: set[str] = set()

    def reason(self, run: Run, result: Mapping[str, Any]) -> str:
        """Why a result is stale, in words; empty if it is not, or if that is unknown."""
        then = result.get("origin")
        if not then and result.get("status") != FAILED:
            self._warn("what they were made from", "the version of idim that made them did not record it")
        return self.data_reason(run, result) or self._theta0_reason(run.recipe, then) if then else ""

    def data_reason(self, run: Run, result: Mapping[str, Any]) -> str:
        """As `reason`, for the data alone."""
        recipe = run.recipe
        if recipe.dataset.name in _FIXED or (data := self._data(recipe)) is None:
            return ""
        now = {split: data.digest(split) for split in origin.TRAINED_ON}
        return origin.other_data(result.get("origin"), now, recipe.dataset.name)

    def _theta0_reason(self, recipe: Recipe, then: object) -> str:
        # A portable model's theta_0 follows from its seed alone.
        if is_portable(recipe.model.name) or (data := self._data(recipe)) is None:
            return ""
        # All that theta_0 depends on: runs that differ in d or budget share it, and building it takes time.
        key = json.dumps(
            [recipe.model.model_dump(), recipe.seeds.theta0, data.shape, recipe.task.model_dump()]
        )
        if key not in self.theta0s:
            self.theta0s[key] = self._theta0(recipe, data)
        now = self.theta0s[key]
        return "" if now is None else origin.other_theta0(then, now, recipe.model.name)

    def _data(self, recipe: Recipe) -> Data | None:
        from idim_cli.core.machine import pick_device
        from idim_cli.training.prepare import load_data

        try:
            return load_data(recipe, self.where, pick_device(self.where.device or recipe.device))
        except IdimError as error:
            self._warn(f"the data of {recipe.dataset.name}", error)
            return None

    def _theta0(self, recipe: Recipe, data: Data) -> str | None:
        from idim_cli.models.base import build
        from idim_cli.runs.checkpoint import theta0
        from idim_cli.tasks.base import build as build_task

        try:
            outputs = build_task(recipe.task).outputs(data)
            return theta0(build(recipe.model, data.shape, outputs, recipe.seeds.theta0))
        except IdimError as error:
            self._warn(f"theta_0 of {recipe.model.name}", error)
            return None

    def _warn(self, what: str, error: IdimError | str) -> None:
        # No error: results must stay readable on a machine that could not train them.
        if what not in self.warned:
            self.warned.add(what)
            _log.warning("finished runs are read unchecked: cannot compare %s: %s", what, error)
