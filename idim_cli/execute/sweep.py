"""A sweep: the runs of a plan that are not done yet, their table, and d_int at the end."""

from __future__ import annotations

import functools
import html
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import IdimError
from idim_cli.execute.base import Executor, Result, Watcher
from idim_cli.execute.progress_lines import usual
from idim_cli.execute.rate_limit import Seldom
from idim_cli.execute.tracked import Tracked
from idim_cli.recipe import trust
from idim_cli.recipe.dump import to_yaml
from idim_cli.recipe.load import Loaded, as_loaded
from idim_cli.recipe.schema import Recipe
from idim_cli.runs import consistency, results
from idim_cli.runs.plan import Run, SweepGroup, further, merged, purposes
from idim_cli.search import base as searches
from idim_cli.search.base import RATE, Ask
from idim_cli.trackers.tracking import Tracking
from idim_cli.training.finished import done, put_away, results_folder, run_folder
from idim_cli.training.unchanged import Unchanged
from idim_cli.training.where import Where, as_where

if TYPE_CHECKING:
    import pandas as pd

    from idim_cli.thresholds import Estimate, TableOrigin

_log = logging.getLogger(__name__)
_STALE_SECONDS = 60.0  # of a temporary file whose writer must have been killed


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        runs = f"{self.ok} of {self.planned} runs ok"
        return f"<Outcome: {self.folder}, {runs}; {'; '.join(one.sentence for one in self.estimates)}>"

    def _repr_html_(self) -> str:
        told = [one.describe(titled=len(self.estimates) > 1) for one in self.estimates]
        return f"<pre>{html.escape(chr(10).join([*told, f'results: {self.folder}']))}</pre>"

    def following(self, origin: TableOrigin) -> Outcome:
        """The same, with what to run next after a sweep that was asked for so."""
        return replace(self, estimates=[one.following(origin) for one in self.estimates])

    def text(self) -> str:
        """summary.json itself."""
        return json.dumps(self.as_dict(), indent=2, allow_nan=False) + "\n"

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
    trust_code: bool = False,
) -> Outcome:
    """Carry out what a recipe's search asks for and is not done yet, and estimate d_int from all of it.

    results.csv is written anew as runs end, as often as costs next to nothing, and at the end. The same call
    goes on after an interruption, and only reads when all is done; a run that diverged counts as done, one
    that crashed is tried again. Several processes may make the same call at the same time: they share the
    runs, and each returns when all are done.

    Args:
        loaded: from `recipe.load`, or what that takes; needs a `sweep`.
        out: folder of all results; these go to ``out/RECIPE``.
        where: device and data.
        executor: one run after the other by default.
        watcher: told how it goes on; None prints a line for each finished run to stderr where that is a
            terminal, and in notebooks. `Silent()` of `idim_cli.execute.base` prints nothing.
        trust_code: whether code that the recipe names may run although it is a stranger's (`recipe.trust`).

    Raises:
        RecipeError: the recipe cannot be run here; nothing was started.
        MissingExtraError: a tracker's library is not installed; nothing was started.
        StoppedError: a signal asked to stop; what was begun is saved.
    """
    loaded, where = as_loaded(loaded), as_where(where)
    trust.permit(loaded, trust_code)
    recipe = loaded.recipe
    loaded.require_sweep()

    with Tracking(recipe.trackers, results_folder(out, recipe)) as tracking:
        watched = Tracked(watcher or usual(), tracking)
        work = _Work(loaded, Path(out), where, executor, watched)
        search = searches.build(recipe, work.native)
        try:
            while (ask := search.ask(work.told)) is not None:
                work.carry_out(ask)
        except Exception:  # a signal to stop is one
            work.table.catch_up()
            raise
        outcome = work.outcome()
        tracking.read(outcome.estimates)
    return outcome


class _Work:
    """What a search has asked for so far, and what came of it."""

    def __init__(
        self, loaded: Loaded, out: Path, where: Where, executor: Executor | None, watcher: Watcher
    ) -> None:
        self.loaded, self.out, self.where, self.executor, self.watcher = loaded, out, where, executor, watcher
        self.folder = results_folder(out, loaded.recipe)
        self.runs: list[Run] = []
        self.told: results.Known = {}
        self.before: results.Known = {}  # of `told`, what was read from the disk
        self.log: list[str] = []
        self.trained = False
        self.seen: dict[str, object] = {}  # by preflight
        self.unchanged = Unchanged(where)
        self.table = Seldom(self._write_table)

    def carry_out(self, ask: Ask) -> None:
        """Say why, and bring the runs to their results; those that are done already are only read."""
        asked = merged([*ask.runs, *self._further(ask.runs)])
        before = self._believed(asked, len(ask.runs))
        todo = [run for run in ask.runs if before[run.run_id] is None]
        if todo:
            self._preflight(todo)
        self.before.update({run_id: result for run_id, result in before.items() if result is not None})
        self.told.update(self.before)
        missing = {run.run_id for run in asked[len(ask.runs) :] if before[run.run_id] is None}
        known = [run for run in asked if run.run_id not in missing]
        self.runs, self.log = merged([*self.runs, *known]), [*self.log, *ask.why]
        for line in ask.why:
            self.watcher.say(line)
        if todo:
            self._lay_out()
            _remove(self.folder / results.SUMMARY)  # of less than is planned now
        self.watcher.planned(self.runs, len(todo))
        for run, result in self._map(todo):
            self.trained = True
            self._refuse_other_data(run, result)
            self.told[run.run_id] = dict(result)
            self.watcher.finished(run, result)
            self.table.event()  # imports pandas at first, which no line waits for

    def _believed(self, asked: Sequence[Run], own: int) -> dict[str, dict[str, Any] | None]:
        """The results of runs by run_id; None where there is none that stands.

        Of the first `own` runs, those that were made from something else are named and put away.
        """
        before = {run.run_id: done(run, run_folder(self.out, run)) for run in asked}
        self._put_away(asked[:own], before)
        whys = Counter[str]()
        for at, run in enumerate(asked):
            if (result := before[run.run_id]) and (why := self.unchanged.other(run, result)):
                before[run.run_id] = None
                if at < own:
                    whys[why] += 1
                    results.discard(run_folder(self.out, run))
        for why, number in whys.items():
            what = "1 finished run is" if number == 1 else f"{number} finished runs are"
            self.watcher.say(f"{what} made again: {why}")
        return before

    def _put_away(self, runs: Sequence[Run], before: dict[str, dict[str, Any] | None]) -> None:
        """Put results away that cannot be believed; those that contradict the others are named here."""
        odd = consistency.odd([result for result in before.values() if result is not None])
        for run in runs:
            folder = run_folder(self.out, run)
            if why := odd.get(run.run_id):
                _log.warning("%s %s; the run is made again", folder / results.RESULT, why)
                before[run.run_id] = None
                results.discard(folder)
            elif before[run.run_id] is None:
                put_away(run, folder)

    def _refuse_other_data(self, run: Run, result: Result) -> None:
        """IdimError if another process had other data than this one: their runs would not compare."""
        if why := self.unchanged.other_data(run, result):
            raise IdimError(
                f"run {run.run_id}: in another process, {why} here",
                "the data are drawn anew in each process: seed all that draws them",
            )

    def native(self, group: SweepGroup) -> int:
        """D of a group's network, which a search wants to know before its runs."""
        self._say_what_loads("a search")
        from idim_cli.training.preflight import native

        return native(group, self.where, self.loaded.source, self.seen)

    def _preflight(self, todo: Sequence[Run]) -> None:
        self._say_what_loads(f"{len(todo)} runs" if len(todo) > 1 else "1 run")
        from idim_cli.training.preflight import preflight

        preflight(todo, self.where, self.loaded.source, "sweep.d", self.seen)

    def _say_what_loads(self, what: str) -> None:
        """Say it before the first import of torch, which takes a second or more."""
        if "torch" not in sys.modules:
            self.watcher.say(f"{self.loaded.recipe.name}: {what}; loading torch ...")

    def _map(self, todo: Sequence[Run]) -> Iterator[tuple[Run, Result]]:
        """Carry out what is left, if anything is."""
        if todo and self.executor is None:
            from idim_cli.execute.inline import Inline

            self.executor = Inline()
        if todo and self.executor is not None:
            yield from self.executor.map(todo, self.out, self.where, self.watcher)

    def _further(self, asked: Sequence[Run]) -> list[Run]:
        """Of a grid: finished runs of the same configurations that other grids asked for."""
        sweep = self.loaded.recipe.sweep
        if sweep is None or sweep.search.name != "grid":
            return []
        others = results.unplanned(self.folder, purposes(asked))
        return further(asked, results.readable(self.folder, others))

    def outcome(self) -> Outcome:
        """Read what is not known yet, and leave all files of the folder as those of this sweep.

        Where nothing was trained they may be as they are, on a disk that cannot be written to.
        """
        known = {**self.before}
        table = results.table(self.folder, known, self.plan)
        found = _read(self.loaded.recipe, self.folder, table, len(self.plan))
        try:
            self._lay_out()
            results.update(self.folder / results.TABLE, results.to_csv(table))
            results.update(self.folder / results.SUMMARY, found.text())
        except OSError as error:
            if self.trained:
                raise
            self.watcher.say(f"the tables in {self.folder} stay as they are: {error.strerror}")
            return self._told_apart(found)
        # Another process may have ended a run, or written files of its own, in the meantime.
        seen = len(list(results.finished(self.folder, {**known}, self.plan)))
        return self._told_apart(found) if seen == len(table) and self._is_ours() else self.outcome()

    @property
    def plan(self) -> results.Plan:
        """The runs so far, and what each is for."""
        return purposes(self.runs)

    @functools.cached_property
    def _signed(self) -> str:
        """The content of recipe.yaml."""
        return trust.signed(to_yaml(self.loaded.recipe), self.loaded.recipe)

    def _lay_out(self) -> None:
        """Write recipe.yaml, plan.json and, if there is anything to tell, search.log."""
        results.clear_temporaries(self.folder, _STALE_SECONDS)
        results.update(self.folder / results.RECIPE, self._signed)
        results.update(self.folder / results.PLAN, self._plan_text())
        if self.log:
            results.update(self.folder / results.SEARCH, "\n".join([*self.log, ""]))
        else:
            _remove(self.folder / results.SEARCH)

    def _plan_text(self) -> str:
        return results.plan_text(self.loaded.recipe.name, self.plan)

    def _write_table(self) -> None:
        if self._is_ours():
            results.write_csv(self.folder, {**self.told}, self.plan)

    def _is_ours(self) -> bool:
        """Whether plan.json is of this sweep: of two in one folder, the tables are of the one it names."""
        return results.says(self.folder / results.PLAN, self._plan_text())

    def _told_apart(self, found: Outcome) -> Outcome:
        if others := results.unplanned(self.folder, self.plan):
            runs, lie, them = ("run", "lies", "it") if len(others) == 1 else ("runs", "lie", "them")
            self.watcher.say(
                f"{len(others)} finished {runs} of other sweeps {lie} in {self.folder}; its tables leave "
                f"{them} out, and --out keeps sweeps apart"
            )
        return found


def _remove(path: Path) -> None:
    if path.exists():  # a disk that cannot be written to refuses to remove what is not there
        path.unlink(missing_ok=True)


def _read(recipe: Recipe, folder: Path, table: pd.DataFrame, planned: int) -> Outcome:
    from idim_cli.thresholds import Options, TableOrigin, threshold

    words = (str(folder / results.RECIPE), f"--out={folder.parent}")
    estimates = threshold(table, Options(**recipe.reading()), origin=TableOrigin(words, recipe))
    failed = int((table["status"] == results.FAILED).sum())
    raced = recipe.sweep is not None and bool(recipe.sweep.search.params.get("lr"))
    return Outcome(folder, table, estimates, planned, len(table) - failed, failed, raced)
