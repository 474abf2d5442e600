"""The speed-up by packs: steps of R runs in a batch, compared with the same runs one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from idim_cli.bench.base import BenchRow, How, complete
from idim_cli.bench.step import endless, in_subspace, steps
from idim_cli.bench.timing import Call, Timing, interleaved
from idim_cli.core.errors import ComponentError
from idim_cli.recipe.schema import Recipe, Seeds
from idim_cli.training.batched.pack import Pack, unbatchable_reason
from idim_cli.training.loop import Loop
from idim_cli.training.prepare import Where

COLUMNS = (
    "projector", "D", "d", "runs", "rounds", "pack_s", "pack_min_s", "pack_spread", "single_s",
    "single_min_s", "single_spread", "runs_x_steps_per_s", "single_steps_per_s", "times_faster",
)  # fmt: skip


def measure(
    recipe: Recipe,
    sizes: Sequence[int],
    how: How,
    where: Where,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[BenchRow]:
    """A row of `COLUMNS` for each number of runs in a pack.

    A step of a pack trains each of its runs for one step. A step of a single run (`training.loop.Loop`) is
    timed in the same rounds. `times_faster` compares their throughput.

    Args:
        recipe: of all runs, which differ in their seeds; projector and d are the recipe's.
        sizes: numbers of runs.
        how: device and time.
        where: device and data.
        say: receives messages on progress.

    Raises:
        ComponentError: these runs cannot be batched.
        IdimError: the recipe cannot be run here.
    """
    # The same single run is timed again next to each pack, so that a drift of the machine cancels.
    single = _loop(recipe, 0, where)
    alone = steps(single)
    for size in sizes:
        calls = {"single": alone, "pack": pack_steps([_loop(recipe, seed, where) for seed in range(size)])}
        say(f"timing a pack of {size}")
        row = _row(single, size, interleaved(calls, how.seconds, how.device))
        yield complete({"projector": recipe.projector.name, **row}, COLUMNS)


def pack_steps(loops: Sequence[Loop]) -> Call:
    """A call that trains each of these runs for one step, as `training.pack.train_many` does."""
    trainings = [loop.stepwise() for loop in loops]
    batches = [next(training) for training in trainings]
    if why := unbatchable_reason(batches[0]):
        # `train_many` would train them one by one, so there is no pack to time.
        raise ComponentError(f"these runs cannot be batched: {why}")
    pack = Pack(loops)

    def step() -> None:
        losses = pack.step(batches).unbind()
        # Each run takes its next batch with its own loss, as in training.
        batches[:] = [training.send(loss) for training, loss in zip(trainings, losses, strict=True)]

    return step


def _loop(recipe: Recipe, seed: int, where: Where) -> Loop:
    # All three differ between runs, as in a sweep of several seeds.
    seeds = Seeds(theta0=seed, projector=seed, data=seed)
    return endless(in_subspace(recipe.model_copy(update={"seeds": seeds})), where)


def _row(loop: Loop, size: int, timings: dict[str, Timing]) -> BenchRow:
    pack, single = timings["pack"], timings["single"]
    return {
        "D": loop.subspace.D,
        "d": loop.subspace.d,
        "runs": size,
        "rounds": len(pack.samples),
        **pack.columns("pack"),
        **single.columns("single"),
        "runs_x_steps_per_s": size / pack.median,
        "single_steps_per_s": 1 / single.median,
        "times_faster": size * single.median / pack.median,
    }
