"""A sweep: carry out the runs that are not done yet, write their table, and read d_int at the end."""

from __future__ import annotations

import functools
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from idim_cli.core.errors import IdimError
from idim_cli.execute.base import Executor, Result, Watcher
from idim_cli.execute.outcome import Outcome, read_outcome
from idim_cli.execute.progress_lines import usual
from idim_cli.execute.rate_limit import RateLimited
from idim_cli.execute.tracked import Tracked
from idim_cli.recipe import trust
from idim_cli.recipe.dump import to_yaml
from idim_cli.recipe.load import Loaded, as_loaded
from idim_cli.runs import consistency, results
from idim_cli.runs.plan import Run, SweepGroup, further, merged, purposes
from idim_cli.search import base as searches
from idim_cli.search.base import Ask
from idim_cli.trackers.tracking import Tracking
from idim_cli.training.finished import discard_invalid, done, results_folder, run_folder
from idim_cli.training.staleness import StalenessCheck
from idim_cli.training.where import Where, as_where

_log = logging.getLogger(__name__)
_STALE_SECONDS = 60.0  # of a temporary file: writing one takes much less, so its writer was killed


def sweep(
    loaded: Loaded | str | Path,
    out: str | Path = "results",
    *,
    where: Where | None = None,
    executor: Executor | None = None,
    watcher: Watcher | None = None,
    trust_code: bool = False,
) -> Outcome:
    """Carry out the runs of a recipe's search that are not done yet, and estimate d_int from all of them.

    results.csv is rewritten after runs, as often as takes little time, and at the end. The same call
    continues after an interruption, and only reads when all runs are done; a run that diverged counts as
    done, one that crashed is repeated. Several processes may make the same call at the same time: they share
    the runs, and each returns when all are done.

    Args:
        loaded: from `recipe.load`, or what that takes; needs a `sweep`.
        out: folder of all results; these go to ``out/RECIPE``.
        where: device and data.
        executor: one run after the other by default.
        watcher: receives progress; None prints a line for each finished run to stderr on a terminal and in
            notebooks. `Silent()` of `idim_cli.execute.base` prints nothing.
        trust_code: whether code of other people that the recipe names may run (`recipe.trust`).

    Raises:
        RecipeError: the recipe cannot be run here; nothing was started.
        MissingExtraError: a tracker's library is not installed; nothing was started.
        StoppedError: a signal asked to stop; unfinished runs are saved.
    """
    loaded, where = as_loaded(loaded), as_where(where)
    trust.permit(loaded, trust_code)
    recipe = loaded.recipe
    loaded.require_sweep()

    with Tracking(recipe.trackers, results_folder(out, recipe)) as tracking:
        watched = Tracked(watcher or usual(), tracking)
        work = _Sweep(loaded, Path(out), where, executor, watched)
        search = searches.build(recipe, work.native)
        try:
            while (ask := search.ask(work.known)) is not None:
                work.carry_out(ask)
        except Exception:  # including a signal to stop
            # The last runs may not be in the table yet, as it is written only now and then.
            work.table.catch_up()
            raise
        outcome = work.outcome()
        # Inside of `with`, while the trackers are open.
        tracking.read(outcome.estimates)
    return outcome


class _Sweep:
    """The runs that a search has requested so far, and their results."""

    def __init__(
        self, loaded: Loaded, out: Path, where: Where, executor: Executor | None, watcher: Watcher
    ) -> None:
        self.loaded, self.out, self.where, self.executor, self.watcher = loaded, out, where, executor, watcher
        self.folder = results_folder(out, loaded.recipe)
        self.runs: list[Run] = []
        self.known: results.Known = {}
        self.before: results.Known = {}  # the part of `known` that was read from the disk
        self.log: list[str] = []
        self.trained = False
        # Models that were checked once are not checked again for the next request of a search.
        self.seen: dict[str, object] = {}  # by preflight
        self.staleness = StalenessCheck(where)
        self.table = RateLimited(self._write_table)

    def carry_out(self, ask: Ask) -> None:
        """Announce and carry out the runs; those that are done already are only read."""
        # Runs of other grids with the same configurations are read too, but never trained here.
        asked = merged([*ask.runs, *self._further(ask.runs)])
        before = self._valid(asked, len(ask.runs))
        todo = [run for run in ask.runs if before[run.run_id] is None]
        if todo:
            self._preflight(todo)
        self.before.update({run_id: result for run_id, result in before.items() if result is not None})
        self.known.update(self.before)
        missing = {run.run_id for run in asked[len(ask.runs) :] if before[run.run_id] is None}
        known = [run for run in asked if run.run_id not in missing]
        self.runs, self.log = merged([*self.runs, *known]), [*self.log, *ask.why]
        for line in ask.why:
            self.watcher.say(line)
        if todo:
            self._lay_out()
            _remove(self.folder / results.SUMMARY)  # it is about fewer runs than are planned now
        self.watcher.planned(self.runs, len(todo))
        for run, result in self._map(todo):
            self.trained = True
            self._refuse_other_data(run, result)
            self.known[run.run_id] = dict(result)
            self.watcher.finished(run, result)
            self.table.event()  # after the line, as it imports pandas at first

    def _valid(self, asked: Sequence[Run], own: int) -> dict[str, dict[str, Any] | None]:
        """The results of runs by run_id; None if there is no valid one.

        Of the first `own` runs, results from other code or data are discarded, with a message.
        """
        before = {run.run_id: done(run, run_folder(self.out, run)) for run in asked}
        self._discard_odd(asked[:own], before)
        whys = Counter[str]()
        for at, run in enumerate(asked):
            if (result := before[run.run_id]) and (why := self.staleness.reason(run, result)):
                before[run.run_id] = None
                if at < own:
                    whys[why] += 1
                    results.discard(run_folder(self.out, run))
        for why, number in whys.items():
            what = "1 finished run is" if number == 1 else f"{number} finished runs are"
            self.watcher.say(f"{what} made again: {why}")
        return before

    def _discard_odd(self, runs: Sequence[Run], before: dict[str, dict[str, Any] | None]) -> None:
        """Discard invalid results, with a warning about those that contradict the others."""
        odd = consistency.odd([result for result in before.values() if result is not None])
        for run in runs:
            folder = run_folder(self.out, run)
            if why := odd.get(run.run_id):
                _log.warning("%s %s; the run is made again", folder / results.RESULT, why)
                before[run.run_id] = None
                results.discard(folder)
            elif before[run.run_id] is None:
                discard_invalid(run, folder)

    def _refuse_other_data(self, run: Run, result: Result) -> None:
        """IdimError if another process had other data than this one: their runs are not comparable."""
        if why := self.staleness.data_reason(run, result):
            raise IdimError(
                f"run {run.run_id}: in another process, {why} here",
                "the data differ between processes: seed everything random in loading them",
            )

    def native(self, group: SweepGroup) -> int:
        """D of a group's network, which a search needs before its runs."""
        self._say_what_loads("a search")
        from idim_cli.training.preflight import native

        return native(group, self.where, self.loaded.source, self.seen)

    def _preflight(self, todo: Sequence[Run]) -> None:
        self._say_what_loads(f"{len(todo)} runs" if len(todo) > 1 else "1 run")
        from idim_cli.training.preflight import preflight

        preflight(todo, self.where, self.loaded.source, "sweep.d", self.seen)

    def _say_what_loads(self, what: str) -> None:
        """Print a line before the first import of torch, which takes a second or more."""
        if "torch" not in sys.modules:
            self.watcher.say(f"{self.loaded.recipe.name}: {what}; loading torch ...")

    def _map(self, todo: Sequence[Run]) -> Iterator[tuple[Run, Result]]:
        """Carry out the rest, if there is any."""
        # Imported only now, as it imports torch, which a finished sweep does not need.
        if todo and self.executor is None:
            from idim_cli.execute.inline import Inline

            self.executor = Inline()
        if todo and self.executor is not None:
            yield from self.executor.map(todo, self.out, self.where, self.watcher)

    def _further(self, asked: Sequence[Run]) -> list[Run]:
        """For a grid: finished runs of the same configurations that other grids planned."""
        sweep = self.loaded.recipe.sweep
        if sweep is None or sweep.search.name != "grid":
            return []
        others = results.unplanned(self.folder, purposes(asked))
        return further(asked, results.readable(self.folder, others))

    def outcome(self) -> Outcome:
        """Read what is not known yet, and write all files of the folder for this sweep.

        If nothing was trained, a disk that cannot be written to is no error.
        """
        known = {**self.before}
        table = results.table(self.folder, known, self.plan)
        found = read_outcome(self.loaded.recipe, self.folder, table, len(self.plan))
        try:
            self._lay_out()
            results.update(self.folder / results.TABLE, results.to_csv(table))
            results.update(self.folder / results.SUMMARY, found.text())
        except OSError as error:
            if self.trained:
                raise
            self.watcher.say(f"the tables in {self.folder} are unchanged: {error.strerror}")
            return self._with_note(found)
        # Another process may have finished a run, or written its own files, in the meantime.
        seen = len(list(results.finished(self.folder, {**known}, self.plan)))
        # Repeated until nothing changes, so that the last process to end writes a complete table.
        return self._with_note(found) if seen == len(table) and self._is_ours() else self.outcome()

    @property
    def plan(self) -> results.Plan:
        """The runs so far, and the purpose of each."""
        return purposes(self.runs)

    @functools.cached_property
    def _signed(self) -> str:
        """The content of recipe.yaml."""
        return trust.signed(to_yaml(self.loaded.recipe), self.loaded.recipe)

    def _lay_out(self) -> None:
        """Write recipe.yaml, plan.json and, if there are messages, search.log."""
        results.clear_temporaries(self.folder, _STALE_SECONDS)
        results.update(self.folder / results.RECIPE, self._signed)
        results.update(self.folder / results.PLAN, self._plan_text())
        # A grid has nothing to explain; the log of an earlier search would mislead.
        if self.log:
            results.update(self.folder / results.SEARCH, "\n".join([*self.log, ""]))
        else:
            _remove(self.folder / results.SEARCH)

    def _plan_text(self) -> str:
        return results.plan_text(self.loaded.recipe.name, self.plan)

    def _write_table(self) -> None:
        # Of two sweeps in a folder, the one that planned last writes; both would alternate otherwise.
        if self._is_ours():
            results.write_csv(self.folder, {**self.known}, self.plan)

    def _is_ours(self) -> bool:
        """Whether plan.json is of this sweep: of two in one folder, only one writes the tables."""
        return results.has_content(self.folder / results.PLAN, self._plan_text())

    def _with_note(self, found: Outcome) -> Outcome:
        if others := results.unplanned(self.folder, self.plan):
            runs = "run" if len(others) == 1 else "runs"
            self.watcher.say(
                f"left out {len(others)} finished {runs} of other sweeps in {self.folder}; "
                "use another --out for each sweep"
            )
        return found


def _remove(path: Path) -> None:
    if path.exists():  # on a read-only disk, removing a missing file is an error
        path.unlink(missing_ok=True)
