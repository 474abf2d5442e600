"""How many runs of a kind are best trained side by side: found by trying."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from idim_cli.core.machine import free_bytes, pick_device
from idim_cli.runs.plan import Run
from idim_cli.training.batched.pack import Pack, obstacle
from idim_cli.training.loop import Loop, PendingStep, State, TrainingSteps
from idim_cli.training.prepare import Where, problem
from idim_cli.training.probe import STEPS, Probe, fastest, probe

#: Sizes of a pack that are tried. One is better than another if a run's step takes less than this share of
#: its time; none is tried beyond so many times the best one (batching as such costs something at first).
SIZES = (1, 2, 4, 8, 16, 32, 64)
GAIN, PATIENCE = 0.9, 4
#: Share of the free memory that a pack may take, and of the time of the runs that may go into trying.
MEMORY_SHARE, TIME_SHARE = 0.5, 0.02
_TRY_SECONDS = 0.5  # that are given in any case


class Packing(NamedTuple):
    """What trying has found.

    Attributes:
        size: runs side by side; 1 is one by one.
        seconds: that one whole run takes then, as its share of the time of its pack.
        probe: of one run alone.
    """

    size: int
    seconds: float
    probe: Probe


_log = logging.getLogger(__name__)
_found: dict[object, Packing] = {}


def packing(run: Run, where: Where, most: int, share: float = 1.0) -> Packing:
    """Try packs of runs like `run`, in growing sizes; each kind, by d in powers of two, once in a process.

    Args:
        run: the largest of its kind.
        where: device and data.
        most: runs of this kind that there are.
        share: of the free memory that this process may count on.

    Raises:
        IdimError: the run cannot be had here.
    """
    most = max(size for size in SIZES if size <= max(most, 1))
    key = run.config, (run.recipe.d or 0).bit_length(), where, most, share, torch.get_num_threads()
    if key not in _found:
        began = time.perf_counter()
        found = _found[key] = _tried(run, where, most, share)
        _log.debug(
            "%s of %d: packs of %d, %.2g s a run; tried for %.1f s",
            run.run_id, most, found.size, found.seconds, time.perf_counter() - began,
        )  # fmt: skip
    return _found[key]


def _tried(run: Run, where: Where, most: int, share: float) -> Packing:
    alone = probe(run, where)
    best = Packing(1, alone.seconds, alone)
    free = free_bytes(pick_device(where.device or run.recipe.device)) * MEMORY_SHARE * share
    until = time.perf_counter() + max(_TRY_SECONDS, TIME_SHARE * most * alone.seconds)
    per_step, loops = alone.seconds_per_step, list[Loop]()
    for size in SIZES[1:]:
        needed = (size - len(loops)) * alone.prepare_seconds + size * STEPS * alone.seconds_per_step
        late = time.perf_counter() + needed > until
        if size > most or size * alone.memory_bytes > free or late:
            break
        while len(loops) < size:
            loops.append(Loop(problem(run, where), run.recipe.training, run.recipe.seeds.data))
        seconds = _seconds(loops)
        if seconds is not None and seconds < GAIN * per_step:
            saved = alone.steps * (alone.seconds_per_step - seconds)
            best, per_step = Packing(size, alone.seconds - saved, alone), seconds
        elif seconds is None or size >= PATIENCE * best.size:
            break
    return best


def _seconds(loops: Sequence[Loop]) -> float | None:
    """Of a step of one of several trainings side by side, at their start; None if it cannot be batched."""
    device = loops[0].device
    courses = []
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            for loop in loops:
                loop.state = State()
                courses.append(loop.course(lambda: None, lambda row: None))
            if len(loops) == SIZES[1] and obstacle(_first(loops[0])):
                return None
            return fastest(_stepper(loops, courses)) / len(loops)
        except RuntimeError:  # memory has run out
            return None
        finally:
            for course in courses:
                course.close()


def _first(loop: Loop) -> PendingStep:
    return next(loop.course(lambda: None, lambda row: None))


def _stepper(loops: Sequence[Loop], courses: Sequence[TrainingSteps[None]]) -> Callable[[], float]:
    """Each call makes one step of all, and returns its seconds."""
    pack, batches = Pack(loops), [next(course) for course in courses]

    def step() -> float:
        began = time.perf_counter()
        losses = pack.step(batches)
        batches[:] = [course.send(loss) for course, loss in zip(courses, losses.unbind(), strict=True)]
        if losses.device.type == "cuda":
            torch.cuda.synchronize(losses.device)
        return time.perf_counter() - began

    return step
