"""The best number of runs in a pack, found by timing a few sizes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from idim_cli.core.machine import free_bytes, pick_device
from idim_cli.runs.plan import Run
from idim_cli.training.batched.pack import Pack, unbatchable_reason
from idim_cli.training.loop import Loop, State, TrainingSteps
from idim_cli.training.prepare import Where, problem
from idim_cli.training.probe import STEPS, Probe, fastest, probe

#: Sizes that are timed. One is better than another if a step of a run takes less than `GAIN` of its time: a
#: smaller gain may be noise. Sizes above `PATIENCE` times the best one are not timed; small packs may gain
#: nothing, as batching has a fixed cost.
SIZES = (1, 2, 4, 8, 16, 32, 64)
GAIN, PATIENCE = 0.9, 4
#: Share of the free memory that a pack may use, as a probe of a few steps may underestimate it, and share of
#: the time of the runs that may be spent on timing.
MEMORY_SHARE, TIME_SHARE = 0.5, 0.02
_MIN_SECONDS = 0.5  # for timing in any case: of short runs, 2 % of the time is too little


class Packing(NamedTuple):
    """The best size of a pack.

    Attributes:
        size: runs in a pack; 1 is one run at a time.
        seconds: of one whole run, its share of the time of its pack.
        probe: of one run by itself.
    """

    size: int
    seconds: float
    probe: Probe


_log = logging.getLogger(__name__)
_cache: dict[object, Packing] = {}


def packing(run: Run, where: Where, most: int, share: float = 1.0) -> Packing:
    """Time packs of runs like `run` in increasing sizes.

    Args:
        run: the largest of its kind.
        where: device and data.
        most: number of runs of this kind.
        share: of the free memory that this process may use.

    Raises:
        IdimError: the run cannot be prepared on this machine.
    """
    most = max(size for size in SIZES if size <= max(most, 1))
    # d in powers of two: the best size changes slowly with d, and a search asks for a new d in each batch.
    key = run.config, (run.recipe.d or 0).bit_length(), where, most, share, torch.get_num_threads()
    if key not in _cache:
        began = time.perf_counter()
        best = _cache[key] = _best(run, where, most, share)
        _log.debug(
            "%s of %d: packs of %d, %.2g s per run; timed for %.1f s",
            run.run_id, most, best.size, best.seconds, time.perf_counter() - began,
        )  # fmt: skip
    return _cache[key]


def _best(run: Run, where: Where, most: int, share: float) -> Packing:
    single = probe(run, where)
    best = Packing(1, single.seconds, single)
    free = free_bytes(pick_device(where.device or run.recipe.device)) * MEMORY_SHARE * share
    until = time.perf_counter() + max(_MIN_SECONDS, TIME_SHARE * most * single.seconds)
    per_step, loops = single.seconds_per_step, list[Loop]()
    for size in SIZES[1:]:
        needed = (size - len(loops)) * single.prepare_seconds + size * STEPS * single.seconds_per_step
        late = time.perf_counter() + needed > until
        if size > most or size * single.memory_bytes > free or late:
            break
        while len(loops) < size:  # those of the smaller size are used again
            loops.append(Loop(problem(run, where), run.recipe.training, run.recipe.seeds.data))
        seconds = _step_seconds(loops)
        if seconds is not None and seconds < GAIN * per_step:
            saved = single.steps * (single.seconds_per_step - seconds)
            best, per_step = Packing(size, single.seconds - saved, single), seconds
        elif seconds is None or size >= PATIENCE * best.size:
            break
    return best


def _step_seconds(loops: Sequence[Loop]) -> float | None:
    """Seconds of a step of these trainings in a pack, divided by their number; None if it fails."""
    trainings: list[TrainingSteps[None]] = []
    with loops[0].forked_rng():
        try:
            for loop in loops:
                loop.state = State()  # the smaller pack has advanced it
                trainings.append(loop.stepwise())
            # Once, at the smallest pack: the runs have the same code.
            if len(loops) == SIZES[1] and unbatchable_reason(next(loops[0].stepwise())):
                return None
            return fastest(_stepper(loops, trainings)) / len(loops)
        except RuntimeError:  # out of memory
            return None
        finally:
            for training in trainings:  # at once, as each holds a forked generator state
                training.close()


def _stepper(loops: Sequence[Loop], trainings: Sequence[TrainingSteps[None]]) -> Callable[[], float]:
    """A function that makes one step of all, and returns its seconds."""
    pack, batches = Pack(loops), [next(training) for training in trainings]

    def step() -> float:
        began = time.perf_counter()
        losses = pack.step(batches)
        batches[:] = [training.send(loss) for training, loss in zip(trainings, losses.unbind(), strict=True)]
        if losses.device.type == "cuda":
            torch.cuda.synchronize(losses.device)  # kernels run asynchronously
        return time.perf_counter() - began

    return step
