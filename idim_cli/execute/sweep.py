"""A sweep: the runs of a plan that are not done yet, a table after each of them, and d_int at the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli import results, thresholds
from idim_cli.errors import IdimError
from idim_cli.execute.base import Executor, Silent, Watcher
from idim_cli.execute.inline import Inline
from idim_cli.execute.tracked import Tracked
from idim_cli.plan import Group, Run, merged
from idim_cli.recipe.dump import to_yaml
from idim_cli.recipe.load import Loaded, as_loaded
from idim_cli.recipe.schema import Recipe, Seeds
from idim_cli.search import base as searches
from idim_cli.search.base import RATE, Ask
from idim_cli.thresholds import Estimate, Options
from idim_cli.trackers.tracking import Tracking
from idim_cli.training.preflight import preflight
from idim_cli.training.prepare import Where
from idim_cli.training.run import done, results_folder, run_folder

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Outcome:
    """What came of a sweep.

    Attributes:
        folder: where everything lies.
        table: one row a run.
        estimates: one for each combination of `sweep.over`, with its reading or why it has none.
        planned, ok, failed: numbers of runs; one that was stopped early is ok.
        raced: whether the groups differ in learning rates that a search chose from.
    """

    folder: Path
    table: pd.DataFrame
    estimates: list[Estimate]
    planned: int
    ok: int
    failed: int
    raced: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The content of summary.json."""
        return {
            "folder": str(self.folder),
            "runs": {"planned": self.planned, "ok": self.ok, "failed": self.failed},
            "estimates": [one.as_dict() for one in self.estimates],
        }

    @property
    def not_reached(self) -> bool:
        """Whether some d_int lies beyond the largest d; of rates that raced, whether all of them do."""
        races: dict[str, list[bool]] = {}
        for one in self.estimates:
            kept = {key: value for key, value in one.group.items() if not (self.raced and key == RATE)}
            races.setdefault(json.dumps(kept, default=str), []).append(one.not_reached)
        return any(all(each) for each in races.values())

    @property
    def problems(self) -> list[str]:
        """Why some combinations have no reading."""
        unread = (one for one in self.estimates if one.error is not None)
        return [f"{one.label}: {one.problem}" if one.label else one.problem for one in unread]


def sweep(
    loaded: Loaded | str | Path,
    out: str | Path = "results",
    *,
    where: Where | None = None,
    executor: Executor | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Carry out what a recipe's search asks for and is not done yet, and estimate d_int from all of it.

    results.csv is rewritten after every run. The same call goes on after an interruption, and only reads
    when all is done; a run that diverged counts as done, one that crashed is tried again. Several processes
    may make the same call at the same time: they share the runs, and each returns when all are done.

    Args:
        loaded: from `recipe.load`, or what that takes; needs a `sweep`.
        out: folder of all results; these go to ``out/RECIPE``.
        where: device and data.
        executor: one run after the other by default.
        watcher: told how it goes on.

    Raises:
        RecipeError: the recipe cannot be run here; nothing was started.
        MissingExtraError: a tracker's library is not installed; nothing was started.
        StoppedError: a signal asked to stop; what was begun is saved.
    """
    loaded = as_loaded(loaded)
    recipe, source, where = loaded.recipe, loaded.source, where or Where()
    if recipe.sweep is None:
        raise IdimError("the recipe has no sweep", "add a grid: 'sweep.d=[100, 200, 400]', or use idim train")

    def native(group: Group) -> int:
        return preflight(group.at([(1, Seeds())]), where, source, "sweep")[0]

    with Tracking(recipe.trackers, results_folder(out, recipe)) as tracking:
        watched = Tracked(watcher or Silent(), tracking)
        work = _Work(loaded, Path(out), where, executor or Inline(), watched)
        search = searches.build(recipe, native)
        while (ask := search.ask(work.told)) is not None:
            work.carry_out(ask)
        outcome = summarise(recipe, work.folder, work.plan)
        if others := results.unplanned(work.folder, work.plan):
            watched.say(f"{others} finished runs of other sweeps lie in {work.folder} and are left out here")
        tracking.read(outcome.estimates)
    return outcome


class _Work:
    """What a search has asked for so far, and what came of it."""

    def __init__(self, loaded: Loaded, out: Path, where: Where, executor: Executor, watcher: Watcher) -> None:
        self.loaded, self.out, self.where, self.executor, self.watcher = loaded, out, where, executor, watcher
        self.folder = results_folder(out, loaded.recipe)
        self.runs: list[Run] = []
        self.told: results.Known = {}
        self.log: list[str] = []

    def carry_out(self, ask: Ask) -> None:
        """Say why, and bring the runs to their results; those that are done already are only read."""
        before = {run.run_id: done(run, run_folder(self.out, run)) for run in ask.runs}
        todo = [run for run in ask.runs if before[run.run_id] is None]
        if todo:
            preflight(todo, self.where, self.loaded.source, "sweep.d")
        self.told.update({run_id: result for run_id, result in before.items() if result is not None})
        self.runs = merged([*self.runs, *ask.runs])
        self._lay_out(ask.why)
        self.watcher.planned(len(self.runs), len(todo))
        for run, result in self.executor.map(todo, self.out, self.where, self.watcher):
            self.told[run.run_id] = dict(result)
            results.write_csv(self.folder, {**self.told}, self.plan)
            self.watcher.finished(run, result)

    @property
    def plan(self) -> results.Plan:
        """The runs so far, and what each is for."""
        return [
            {"run_id": run.run_id, "over": dict(run.group), "baseline_config": run.baseline}
            for run in self.runs
        ]

    def _lay_out(self, why: Sequence[str]) -> None:
        """Write recipe.yaml, plan.json and, if there is anything to tell, search.log."""
        recipe = self.loaded.recipe
        results.write_atomic(self.folder / results.RECIPE, to_yaml(recipe))
        results.write_atomic(self.folder / results.PLAN, results.plan_text(recipe.name, self.plan))
        for line in why:
            self.watcher.say(line)
        self.log += why
        if self.log:
            results.write_atomic(self.folder / results.SEARCH, "\n".join([*self.log, ""]))


def summarise(recipe: Recipe, folder: Path, plan: results.Plan) -> Outcome:
    """Read all planned runs of a results folder, estimate d_int, and write results.csv and summary.json."""
    known: results.Known = {}
    outcome = _summary(recipe, folder, plan, known)
    # Another process may have finished a run in the meantime, and its tables have been overwritten.
    if len(list(results.finished(folder, {**known}, plan))) > len(known):
        return summarise(recipe, folder, plan)
    return outcome


def _summary(recipe: Recipe, folder: Path, plan: results.Plan, known: results.Known) -> Outcome:
    results.write_csv(folder, known, plan)
    table = results.table(folder, known, plan)
    estimates = thresholds.threshold(table, Options(**recipe.reading()))
    failed = int((table["status"] == results.FAILED).sum())
    raced = recipe.sweep is not None and bool(recipe.sweep.search.params.get("lr"))
    outcome = Outcome(folder, table, estimates, len(plan), len(table) - failed, failed, raced)
    text = json.dumps(outcome.as_dict(), indent=2, allow_nan=False)
    results.write_atomic(folder / results.SUMMARY, text + "\n")
    return outcome
