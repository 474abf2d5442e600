"""The cost of a training step in a subspace, compared with direct training (paper, Fig. S12)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from idim_cli.bench.base import BenchRow, How, complete
from idim_cli.bench.limits import Pace
from idim_cli.bench.timing import Call, Timing, interleaved
from idim_cli.core.errors import IdimError
from idim_cli.methods import optimizers
from idim_cli.methods.gradient import Gradient
from idim_cli.projectors.check import expected
from idim_cli.projectors.native import native_parameters
from idim_cli.recipe.load import Loaded, loads, with_values
from idim_cli.recipe.schema import Component, Recipe
from idim_cli.runs.plan import Run, single
from idim_cli.training.loop import Loop
from idim_cli.training.prepare import Where, problem

COLUMNS = (
    "projector", "D", "d", "build_s", "rounds", "step_s", "step_min_s", "step_spread",
    "direct_s", "direct_spread", "module_s", "module_spread", "to_direct", "to_module", "skipped",
)  # fmt: skip
RECIPE = """
dataset: "idim_cli.bench.synthetic:images"
model: {name: fc, depth: 2, width: 200}
training: {optimizer: {name: adam, lr: 0.001}, batch_size: 128, epochs: 1}
"""
_FOREVER = 10**6  # epochs: the steps are only timed, never completed
_MODULE, _DIRECT = "module", "direct"


def default_recipe(overrides: Sequence[str] = ()) -> Loaded:
    """The paper's fully connected network on noise of MNIST's shape: D = 199,210, and no data are needed."""
    return loads(RECIPE, "bench-step", overrides)


def measure(
    recipe: Recipe,
    dims: Sequence[int],
    names: Sequence[str],
    how: How,
    where: Where,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[BenchRow]:
    """A row of `COLUMNS` for each projector at each d.

    A step is everything that training does from one batch to the next, in `training.loop.Loop` itself: it
    gathers the batch, projects, runs the network forward and backward, applies the adjoint and the optimizer.
    The same step of direct training is timed in the same rounds, and that of the bare module in a loop of
    four lines.

    Args:
        recipe: what is trained; the baseline of its sweep states how direct training differs.
        dims: the values of d.
        names: of the projectors.
        how: device and time.
        where: device and data.
        say: receives messages on progress.

    Raises:
        IdimError: direct training is not possible here.
    """
    run, pace = direct(recipe), Pace(how.limit)
    loop = endless(run, where)
    # Networks of their own: both are trained, and would otherwise disturb each other.
    always = {_MODULE: _module_steps(endless(run, where)), _DIRECT: steps(loop)}
    for d in dims:
        calls, rows = dict(always), [_Row(name, d, loop) for name in names]
        for row in rows:
            row.prepare(calls, recipe, where, pace)
        say(f"d = {d:,}: timing {', '.join(calls)}")
        timings = interleaved(calls, how.seconds, how.device)
        yield from (complete(row.filled(timings), COLUMNS) for row in rows)


def direct(recipe: Recipe) -> Run:
    """The direct training of `recipe`, as its baseline is trained."""
    baseline = recipe.sweep.baseline if recipe.sweep else None
    # Direct training may need other settings, such as a lower learning rate.
    values = {**(baseline.set if baseline else {}), "projector": "identity"}
    return single(with_values(recipe.model_copy(update={"sweep": None, "d": None}), values))


def in_subspace(recipe: Recipe, **values: object) -> Run:
    """The one run of `recipe` with other values of `projector` or `d`."""
    return single(with_values(recipe.model_copy(update={"sweep": None}), values))


def endless(run: Run, where: Where) -> Loop:
    """The training of a run, without evaluations and without an end."""
    changed = {"epochs": _FOREVER, "steps": None, "evaluate_every": _FOREVER}
    return Loop(problem(run, where), run.recipe.training.model_copy(update=changed), run.recipe.seeds.data)


def steps(loop: Loop) -> Call:
    """A call that trains one step."""
    training = loop.stepwise()
    # Up to the first step, so that the set-up is not timed.
    next(training)
    return partial(next, training)


class _Row:
    """One projector at one d: its steps, then its figures."""

    def __init__(self, name: str, d: int, direct: Loop) -> None:
        self.name, self.sizes = name, [size for _, size in direct.subspace.sizes]
        self.cells: BenchRow = {"projector": name, "D": direct.subspace.D, "d": d}

    def prepare(self, calls: dict[str, Call], recipe: Recipe, where: Where, pace: Pace) -> None:
        """Add its steps to `calls`, or record why they are not measured."""
        try:
            calls[self.name] = self._steps(recipe, where, pace)
        except (IdimError, RuntimeError, MemoryError) as error:
            # The first line only: errors of CUDA have many.
            self.cells["skipped"] = str(error).partition("\n")[0]

    def _steps(self, recipe: Recipe, where: Where, pace: Pace) -> Call:
        run = in_subspace(recipe, projector=self.name, d=self.cells["d"])
        cost = expected(Component(name=self.name), self.sizes, min(self.cells["d"], sum(self.sizes)))
        if excess := pace.excess(self.name, cost):
            raise IdimError(excess)
        began = time.perf_counter()
        # With the data and the model, as in a real run; they are small next to a costly P.
        loop = endless(run, where)
        self.cells["build_s"] = time.perf_counter() - began
        pace.learn(self.name, cost, self.cells["build_s"])
        return steps(loop)

    def filled(self, timings: Mapping[str, Timing]) -> BenchRow:
        """All its cells."""
        if "skipped" in self.cells:
            return self.cells
        own, direct, module = (timings[name] for name in (self.name, _DIRECT, _MODULE))
        return self.cells | {
            "rounds": len(own.samples),
            **own.columns("step"),
            "direct_s": direct.median,
            "direct_spread": direct.spread,
            "module_s": module.median,
            "module_spread": module.spread,
            "to_direct": own.median / direct.median,
            "to_module": own.median / module.median,
        }


def _module_steps(loop: Loop) -> Call:
    """A call that trains the module itself for one step, as one would without this package.

    The recipe's l2 penalty is left out.
    """
    module, half = loop.subspace.module.requires_grad_(True), loop.training.precision == "bf16"
    first, *others = [parameter for _, parameter in native_parameters(module)]
    # `build` takes one tensor, as a subspace has one; the others join its group.
    optimizer = optimizers.build(loop.training.optimizer, first)
    if others:
        optimizer.add_param_group({"params": others})
    batches = _batches(loop)

    def step() -> None:
        batch = next(batches)
        optimizer.zero_grad()
        with torch.autocast(loop.device.type, torch.bfloat16, enabled=half):
            loss = loop.task.loss(module, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _batches(loop: Loop) -> Iterator[Any]:
    """Batches in the order of the training, without an end."""
    method = loop.method
    assert isinstance(method, Gradient)
    for epoch in itertools.count():
        for step in method.steps(epoch, 0, loop.per_epoch):
            yield method.batch(step)
