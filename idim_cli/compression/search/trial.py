"""A trial of one d and number of values: rounded or trained, packed, decoded again, and scored."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import nn

from idim_cli.compression import bounds, from_checkpoint, recorded_scores, write
from idim_cli.compression.bounds import Bound
from idim_cli.compression.evaluate import changed_data
from idim_cli.compression.format import container, guard, solution
from idim_cli.compression.format.solution import Solution
from idim_cli.compression.rebuild import rebuild, refuse_changed
from idim_cli.compression.record import TrialRecord
from idim_cli.compression.search.options import CompressOptions
from idim_cli.compression.search.sizes import Size
from idim_cli.core.machine import pick_device
from idim_cli.datasets.split import Split
from idim_cli.execute.base import Executor, Watcher
from idim_cli.projectors.quantiser import Quantiser
from idim_cli.recipe.schema import Quantise
from idim_cli.recipe.source import SourceMap
from idim_cli.runs import results
from idim_cli.runs.plan import Run, merged, single
from idim_cli.tasks import base as tasks
from idim_cli.training.finished import discard_invalid, done, run_folder
from idim_cli.training.preflight import preflight
from idim_cli.training.prepare import Where, load_data

# For the defaults of its other fields; the number of levels is not used.
_USUAL = Quantise(levels=2)


@dataclass(frozen=True)
class Trial:
    """A file that might be written.

    Attributes:
        solution: what was packed.
        content: of the file.
        size: its length in bytes.
        performance: of the decoded network, on the split that the task scores.
        how: ``exact``, ``rounded`` or ``trained``.
        run_id: of the training with few values; empty without one.
        metrics: all metrics there, by name.
    """

    solution: Solution
    content: container.Content
    size: int
    performance: float
    how: str
    run_id: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def unscored(cls, found: Solution) -> Trial:
        """An exact file without the data to score it on."""
        content = write.content(found)
        return cls(found, content, len(container.pack(content)), math.nan, "exact")

    def __str__(self) -> str:
        """Size and score in words."""
        coords = self.content.coords
        values = f"{coords.levels} values" if coords.levels else "float32"
        return f"{self.performance:.4f} in {self.size:,} bytes (d = {coords.d:,}, {values}, {self.how})"

    def record(self) -> TrialRecord:
        """Its entry in the record of the file that is written."""
        coords = self.content.coords
        levels, run_id = coords.levels or None, self.run_id or None
        return TrialRecord(coords.d, levels, self.how, self.size, self.performance, run_id)


def results_folder(path: Path) -> Path:
    """The results folder of a run's checkpoint; the checkpoint's own folder if there is none."""
    runs = path.absolute().parent.parent
    if runs.name != results.RUNS:
        return path.parent
    # A training with few values is one folder deeper: compressed/runs/RUN.
    return runs.parent.parent if runs.parent.name == results.TRAININGS else runs.parent


class Trials:
    """Makes trials of one checkpoint's recipe, and remembers them.

    Args:
        found: the solution in the checkpoint.
        path: of the checkpoint.
        options: which kind of values, and the budget of a training with few of them.
        where: device and data.
        executor: carries out trainings, and reports them to `watcher`.
        trust_code: whether code named by further checkpoints in the folder may run, whoever made them.

    Raises:
        DataError: the data are missing.
    """

    def __init__(
        self,
        found: Solution,
        path: Path,
        options: CompressOptions,
        where: Where,
        executor: Executor,
        watcher: Watcher,
        trust_code: bool = False,
    ) -> None:
        assert found.recipe is not None
        self.found, self.path, self.codebook, self.epochs = found, path, options.codebook, options.epochs
        self.recipe, self.where, self.executor, self.watcher = found.recipe, where, executor, watcher
        self.out, self.trust_code = results_folder(path), trust_code
        self.task = tasks.build(self.recipe.task)
        # Data are loaded before the first trial: without them none can be scored.
        self.device = pick_device(where.device or self.recipe.device)
        self.data = load_data(self.recipe, where, self.device)
        refuse_changed(found, changed_data(found, self.data))
        self.made: list[Trial] = []
        self.asked: list[Run] = []

    def own(self) -> Trial:
        """The unchanged checkpoint."""
        return self._scored(self.found, "trained" if self.found.stored.levels else "exact")

    def rounded(self, levels: int) -> Trial:
        """The checkpoint's coordinates rounded to so many values."""
        return self._scored(self._few(levels), "rounded")

    def _few(self, levels: int) -> Solution:
        # Metrics of the checkpoint do not apply to rounded coordinates.
        quantiser, coords = Quantiser(levels, self.codebook), self.found.coords
        quantiser.fit(coords)
        return replace(self.found, stored=from_checkpoint.quantised(quantiser, coords), metrics={})

    @property
    def run_epochs(self) -> int:
        """Passes over the training examples that the run's own budget is, the last one perhaps in part."""
        training, n = self.recipe.training, len(self.data.train)
        return training.epochs or math.ceil((training.steps or 0) * training.batch_size / n)

    @functools.cached_property
    def frame(self) -> int:
        """Bytes of a file of few values without the coordinates and their codebook."""
        parts = container.sizes(write.content(self._few(2)))
        return sum(parts.values()) - parts["coords"] - parts["book"]

    def expect(self, sizes: Sequence[Size], most: int | None = None) -> None:
        """Announce how many trainings there will be at most: all of these sizes, or `most`."""
        todo = len(self._todo([self.run(size) for size in sizes]))
        if most := todo if most is None else min(todo, most):
            self.watcher.say(f"at most {most} training{'s' if most > 1 else ''}")

    def _todo(self, runs: Sequence[Run]) -> list[Run]:
        return [run for run in merged(runs) if done(run, run_folder(self.out, run)) is None]

    def finished(self, sizes: Sequence[Size]) -> list[Size]:
        """The sizes that have been trained already."""
        return [size for size in sizes if not self._todo([self.run(size)])]

    def trained(self, sizes: Sequence[Size]) -> dict[Size, Trial]:
        """Trainings of these sizes, without those that failed; none is made twice."""
        runs = {size: self.run(size) for size in sizes}
        todo = self._todo([*runs.values()])
        # The plan of progress includes earlier trainings, of which some may be done.
        self.asked += merged(runs.values())
        for run in todo:
            discard_invalid(run, run_folder(self.out, run))
        if todo:
            # All of them, so that a model that cannot be trained is an error before the first training.
            preflight(todo, self.where, SourceMap(self.recipe.name), "d")
            self.watcher.planned(self.asked, len(todo))
        for run, result in self.executor.map(todo, self.out, self.where, self.watcher):
            self.watcher.finished(run, result)
        return {size: self._trained(run) for size, run in runs.items() if self._succeeded(run)}

    def _succeeded(self, run: Run) -> bool:
        result = done(run, run_folder(self.out, run))
        return result is not None and result["status"] == results.OK

    def _trained(self, run: Run) -> Trial:
        # Scoring takes a forward pass over the split, so each training is scored once.
        if known := next((trial for trial in self.made if trial.run_id == run.run_id), None):
            return known
        found = from_checkpoint.read(run_folder(self.out, run) / results.CHECKPOINT)
        found = guard.permit(found, self.trust_code)
        return self._scored(found, "trained", run.run_id)

    def run(self, size: Size) -> Run:
        """A training with few values: it starts at the checkpoint if that has the same d, else at zero.

        Coordinates are rounded in the order of the run, if it rounded its own.
        """
        fine = size.d == self.found.d
        training = self.recipe.training
        if self.epochs is not None:
            training = training.model_copy(update={"epochs": self.epochs, "steps": None})
        changes = {
            # A folder of their own, so that they are never read as runs of the sweep.
            "name": results.TRAININGS,
            "d": size.d,
            "quantise": Quantise(
                levels=size.levels,
                codebook=self.codebook,
                after=0.0 if fine else _USUAL.after,  # a trained start needs no epochs without rounding
                order=(self.recipe.quantise or _USUAL).order,
            ),
            "start": str(self.path.absolute()) if fine else None,
            "training": training,
            "sweep": None,
        }
        return single(self.recipe.model_copy(update=changes))

    def _scored(self, found: Solution, how: str, run_id: str = "") -> Trial:
        """Pack, decode, and score what was decoded."""
        content = write.content(found)
        data = container.pack(content)
        # The decoded bytes are scored, so that all losses of the format count.
        metrics, n, metric = self.score(data), len(self._scored_on), self.task.metric
        recorded_scores.refuse_other(found, self.task.score_on, metrics, lambda: self.score(data), metric, n)
        trial = Trial(found, content, len(data), metrics[metric], how, run_id, metrics)
        self.made.append(trial)
        return trial

    def bound(self, trial: Trial) -> Bound | None:
        """What the size of a trial's file proves; None where performance is not accuracy."""
        if self.task.metric != "accuracy":
            return None
        data, n = container.pack(trial.content), len(self.data.train)
        # The accuracy is a mean of whole numbers; rounding undoes the division.
        wrong = round((1 - self.score(data, self.data.train)["accuracy"]) * n)
        return bounds.bound(wrong, n, bounds.prefix_free_bits(container.naming_bytes(trial.content)))

    def score(self, data: bytes, split: Split | None = None) -> dict[str, float]:
        """All metrics of what a file decodes to; by default on the split that the task scores."""
        decoded = replace(solution.of(container.unpack(data)), trusted=True)  # as the one it was packed from
        return self.metrics(rebuild(decoded).module, split)

    def metrics(self, module: nn.Module, split: Split | None = None) -> dict[str, float]:
        """All metrics of a network."""
        split = self._scored_on if split is None else split
        return self.task.evaluate(module.to(self.device), split)

    @property
    def _scored_on(self) -> Split:
        return self.data.train if self.task.score_on == "train" else self.data.validation
