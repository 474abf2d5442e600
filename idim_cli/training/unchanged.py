"""Whether what finished runs were made from is still the same: looked at once for each data set and start."""

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

#: Data sets without files that could be replaced.
_FIXED = ("digits", "toy")
_TRAINED_ON = ("train", "validation")
_log = logging.getLogger(__name__)


class Unchanged:
    """Compares finished runs with what the same runs would be made from here and now.

    torch is imported, and data are loaded, only where something can have changed.
    """

    def __init__(self, where: Where) -> None:
        self.where = where
        self.starts: dict[str, str | None] = {}
        self.unknown: set[str] = set()

    def other(self, run: Run, result: Mapping[str, Any]) -> str:
        """Why a result is not what this run would come to now, in words; empty if it may be."""
        then = result.get("origin")
        if not then and result.get("status") != FAILED:
            self._pass_over("what they were made from", "the idim that made them did not say")
        return self.other_data(run, result) or self._other_theta0(run.recipe, then) if then else ""

    def other_data(self, run: Run, result: Mapping[str, Any]) -> str:
        """As `other`, by the data alone."""
        recipe = run.recipe
        if recipe.dataset.name in _FIXED or (data := self._data(recipe)) is None:
            return ""
        now = {split: data.digest(split) for split in _TRAINED_ON}
        return origin.other_data(result.get("origin"), now, recipe.dataset.name)

    def _other_theta0(self, recipe: Recipe, then: object) -> str:
        if is_portable(recipe.model.name) or (data := self._data(recipe)) is None:
            return ""
        made = json.dumps(
            [recipe.model.model_dump(), recipe.seeds.theta0, data.shape, recipe.task.model_dump()]
        )
        if made not in self.starts:
            self.starts[made] = self._start(recipe, data)
        now = self.starts[made]
        return "" if now is None else origin.other_theta0(then, now, recipe.model.name)

    def _data(self, recipe: Recipe) -> Data | None:
        from idim_cli.core.machine import pick_device
        from idim_cli.training.prepare import load_data

        try:
            return load_data(recipe, self.where, pick_device(self.where.device or recipe.device))
        except IdimError as error:
            self._pass_over(f"the data of {recipe.dataset.name}", error)
            return None

    def _start(self, recipe: Recipe, data: Data) -> str | None:
        from idim_cli.models.base import build
        from idim_cli.runs.checkpoint import theta0
        from idim_cli.tasks.base import build as build_task

        try:
            outputs = build_task(recipe.task).outputs(data)
            return theta0(build(recipe.model, data.shape, outputs, recipe.seeds.theta0))
        except IdimError as error:
            self._pass_over(f"theta_0 of {recipe.model.name}", error)
            return None

    def _pass_over(self, what: str, error: IdimError | str) -> None:
        """Say once that finished runs are taken as they are, where nothing could be trained."""
        if what not in self.unknown:
            self.unknown.add(what)
            _log.warning("finished runs are read as they are: %s cannot be compared: %s", what, error)
