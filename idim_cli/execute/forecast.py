"""Estimates of a sweep's runs, time and memory from a few measured steps; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from idim_cli.core.machine import pick_device
from idim_cli.execute.local.executor import START_SECONDS, kinds, widest, workers
from idim_cli.execute.local.worker_process import slots
from idim_cli.projectors.check import expected
from idim_cli.recipe import trust
from idim_cli.recipe.load import Loaded
from idim_cli.recipe.schema import Seeds
from idim_cli.runs.plan import Run, SweepGroup, merged, single
from idim_cli.search import REGISTRY
from idim_cli.search import base as searches
from idim_cli.search.base import Search
from idim_cli.training.batched.pack_size import packing
from idim_cli.training.finished import done, run_folder
from idim_cli.training.preflight import native, preflight
from idim_cli.training.prepare import Where
from idim_cli.training.probe import Flops, Probe, network_flops, probe

# The d at which the cost of a search's runs is measured, as a share of D: most runs have a smaller one.
_TYPICAL = 1 / 8
# A search to a precision of 10 % takes 19 to 25 full runs in the median (docs/adaptive.md), direct ones
# included: a bracket of four, then runs that narrow the interval by 1 / sqrt(their number).
_PRECISION, _BRACKET, _USUAL, _FEWEST = 0.1, 4, 14, 8
# Seconds of a command without its runs: imports, data and the reading at the end; and, in a search, of each
# decision after a batch of runs. Measured with the recipe quickstart.
_START, _DECISION = 4.0, 0.5


@dataclass(frozen=True)
class Kind:
    """Runs that differ only in d and seeds, and the cost of those that are still to be done.

    Attributes:
        projector: by name; ``identity`` for direct runs.
        over: the values of `sweep.over`.
        d: all of them, ascending; none for direct runs.
        runs: their number; for a search, the maximum.
        done: how many of them are finished.
        at_most: whether `runs` is a maximum.
        D: number of native parameters. This and the following are None if all runs are done.
        pack: how many are trained as one batched network.
        seconds, flops: of all that are to be done; seconds in one process.
        state_bytes, build_bytes: of P at the largest d, in use and during its construction.
        memory_bytes: of training in one process, without the data, measured.
    """

    projector: str
    over: Mapping[str, Any]
    d: Sequence[int]
    runs: int
    done: int
    at_most: bool = False
    D: int | None = None
    pack: int | None = None
    seconds: float | None = None
    flops: float | None = None
    state_bytes: int | None = None
    build_bytes: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Forecast:
    """The cost of a sweep, or of one run, on this machine.

    Attributes:
        folder: of the results.
        kinds: of runs, in the order of the plan.
        runs, done: numbers; for a search, `runs` is the maximum.
        at_most: whether a search decides how many runs there are.
        workers: processes that would train.
        seconds: until all runs are done, including the start of the command.
        flops: of what is to be done: matrix products and convolutions of networks, and projections.
        typical_runs, typical_seconds: of a search that is not stopped by its limits; None without a search.
    """

    folder: Path
    kinds: Sequence[Kind]
    runs: int
    done: int
    at_most: bool
    workers: int
    seconds: float
    flops: float
    typical_runs: int | None = None
    typical_seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**asdict(self), "folder": str(self.folder)}


def forecast(
    loaded: Loaded,
    out: Path,
    where: Where,
    jobs: int | None = None,
    pack: int | None = None,
    trust_code: bool = False,
) -> Forecast:
    """Find which runs of a recipe are done, and measure a few steps of each kind of the others.

    Args:
        loaded: from `recipe.load`; with or without a sweep.
        out: folder of all results.
        where: device and data.
        jobs, pack: as for `Local`.
        trust_code: as for `sweep`.

    Raises:
        RecipeError: the recipe cannot be run here.
    """
    trust.permit(loaded, trust_code)
    if loaded.recipe.sweep is not None:
        loaded.require_sweep()
    planned = _Planned(loaded, out, where)
    further, batch = planned.further(), planned.batch
    # Runs that a search has not chosen yet are estimated as typical ones, as many as its limits allow.
    number = workers([*planned.todo, *(one for one, more in further for _ in range(more))], where, jobs, pack)
    # A worker has fewer threads than this process, and makes slower steps.
    with _threads(number, planned.todo, where):
        found = [planned.kind(alike, pack) for alike in kinds(planned.runs).values()]
        found += [
            _measured(_named([one], more, 0, at_most=True), [one] * more, where, min(pack or more, batch))
            for one, more in further
        ]
    runs = sum(kind.runs for kind in found)
    # A finished sweep is only read, without torch and data.
    start = _START + (START_SECONDS if number > 1 else 0.0) if planned.todo else 0.0
    trained = sum(kind.seconds or 0.0 for kind in found) / number
    # A search decides once for each batch.
    decided = _DECISION / batch * sum(more for _, more in further)
    seconds = start + trained + decided
    flops = sum(kind.flops or 0.0 for kind in found)
    left = len(planned.todo)
    usual = [min(more, planned.usual) for _, more in further]
    saved = sum(
        (kind.seconds or 0.0) / number * (1 - few / kind.runs) + _DECISION / batch * (kind.runs - few)
        for few, kind in zip(usual, found[len(found) - len(usual) :], strict=True)
    )
    return Forecast(
        out / loaded.recipe.name, found, runs, len(planned.runs) - left, bool(further), number, seconds,
        flops,
        typical_runs=len(planned.runs) + sum(usual) if further else None,
        typical_seconds=seconds - saved if further else None,
    )  # fmt: skip


class _Planned:
    """The runs of a recipe that are known so far; those in `todo` are still to be done."""

    def __init__(self, loaded: Loaded, out: Path, where: Where) -> None:
        self.loaded, self.recipe, self.out, self.where = loaded, loaded.recipe, out, where
        self.runs: list[Run] = []
        self.todo: list[Run] = []
        self.search: Search | None = None
        for runs in self._batches():
            self.runs = merged([*self.runs, *runs])
        if self.todo:
            preflight(self.todo, where, loaded.source, "sweep.d" if self.recipe.sweep else "d")

    def _batches(self) -> Iterator[list[Run]]:
        """The runs of a search, until it would wait for results that do not exist yet."""
        if self.recipe.sweep is None:
            yield self._checked([single(self.recipe)], {})
            return
        self.search, known = searches.build(self.recipe, self._native), dict[str, Any]()
        while not self.todo and (ask := self.search.ask(known)) is not None:
            yield self._checked(ask.runs, known)

    def _checked(self, runs: list[Run], known: dict[str, Any]) -> list[Run]:
        found = {run.run_id: done(run, run_folder(self.out, run)) for run in runs}
        known.update({run_id: result for run_id, result in found.items() if result is not None})
        self.todo = [run for run in runs if found[run.run_id] is None]
        return runs

    def _native(self, group: SweepGroup) -> int:
        return native(group, self.where, self.loaded.source)

    def kind(self, alike: Sequence[Run], pack: int | None) -> Kind:
        """The cost of the runs of one kind."""
        ids = {run.run_id for run in self.todo}
        left = [run for run in alike if run.run_id in ids]
        return _measured(_named(alike, len(alike), len(alike) - len(left)), left, self.where, pack)

    @property
    def usual(self) -> int:
        """How many full runs in subspaces a group of a search typically takes."""
        precision = float(self._params.get("precision", _PRECISION))
        return round(_BRACKET + max(_FEWEST, _USUAL * (_PRECISION / precision) ** 2))

    @property
    def batch(self) -> int:
        """How many runs a search requests at a time, which is the most that can be packed."""
        return int(self._params.get("batch", 1))

    @property
    def _params(self) -> dict[str, Any]:
        """Of the search, defaults included; none without a sweep."""
        search = self.recipe.sweep.search if self.recipe.sweep else None
        return REGISTRY.filled(search.name, search.params) if search else {}

    def further(self) -> list[tuple[Run, int]]:
        """For each group of an unfinished search: a typical run, and how many more its limits allow."""
        most = self.search.most() if self.search is not None and self.todo else []
        return [
            # Any seeds: the cost is independent of them.
            (group.at([(max(1, int(self._native(group) * _TYPICAL)), Seeds())])[0], more)
            for group, more in most
            if more > 0
        ]


def _named(alike: Sequence[Run], runs: int, done: int, at_most: bool = False) -> Kind:
    d = sorted({run.recipe.d for run in alike if run.recipe.d})
    return Kind(alike[0].recipe.projector.name, dict(alike[0].group), d, runs, done, at_most)


def _measured(kind: Kind, left: Sequence[Run], where: Where, pack: int | None) -> Kind:
    """With the cost of the `left` runs: measured at both ends of d, linear in between."""
    if not left:
        return kind
    high, low = widest(left), min(left, key=lambda run: run.recipe.d or 0)
    packed = packing(high, where, min(pack or len(left), len(left)))
    # Two points are enough: the time for P grows about linearly with d, and the rest is constant.
    ends = [probe(low, where) if low.recipe.d != high.recipe.d else packed.probe, packed.probe]
    alone = [_between(run, (low, high), ends) for run in left]
    cost = expected(high.recipe.projector, packed.probe.sizes, high.recipe.d or packed.probe.D)
    return replace(
        kind,
        D=packed.probe.D,
        pack=packed.size,
        seconds=sum(alone) * packed.seconds / packed.probe.seconds,
        flops=float(_flops(left, packed.probe, network_flops(high, where))),
        state_bytes=cost.state_bytes,
        build_bytes=cost.build_bytes,
        memory_bytes=packed.size * packed.probe.memory_bytes,
    )


def _between(run: Run, ends: tuple[Run, Run], probes: Sequence[Probe]) -> float:
    """Seconds of a run, interpolated between two measured ones."""
    (d, low, high), (first, last) = ((one.recipe.d or 0 for one in (run, *ends)), (p.seconds for p in probes))
    return first if low == high else first + (last - first) * (d - low) / (high - low)


def _flops(runs: Sequence[Run], like: Probe, network: Flops) -> int:
    """Of whole runs, P included, from a probe of one of them."""
    steps = network.per_step * len(runs) + sum(
        expected(run.recipe.projector, like.sizes, run.recipe.d or like.D).flops for run in runs
    )
    return like.steps * steps + len(runs) * like.evaluations * network.per_evaluation


@contextmanager
def _threads(number: int, runs: Sequence[Run], where: Where) -> Iterator[None]:
    """Context with as many threads as one of `number` workers has."""
    if number == 1:
        yield
        return
    before, device = torch.get_num_threads(), pick_device(where.device or runs[0].recipe.device)
    torch.set_num_threads(slots(device, number)[0].threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
