"""What a run takes: time and memory, measured by a few of its steps; and its arithmetic."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from idim_cli.core.machine import peak_bytes, pick_device, reset_peak, resident_bytes
from idim_cli.datasets.split import Split, Tensors
from idim_cli.methods.gradient import Gradient
from idim_cli.runs.plan import Run
from idim_cli.training.loop import Loop
from idim_cli.training.prepare import Where, load_data, problem

STEPS = 8
#: A measurement takes no further steps after this time.
SECONDS = 0.5
#: Of a split that an evaluation is timed on: in memory, or read from disk.
_EXAMPLES, _READ = 4096, 256


@dataclass(frozen=True)
class Probe:
    """What one run takes on this machine.

    Attributes:
        sizes: of the native parameter tensors.
        steps, evaluations: in the whole run.
        seconds_per_step, seconds_per_evaluation: the fastest of a few; the mean of steps whose data are read.
        prepare_seconds: spent on the model, P, and the look at P's columns; data not included.
        memory_bytes: most that training held beyond what the process held before; data not included.
    """

    sizes: tuple[int, ...]
    steps: int
    evaluations: int
    seconds_per_step: float
    seconds_per_evaluation: float
    prepare_seconds: float
    memory_bytes: int

    @property
    def D(self) -> int:
        """Number of native parameters."""
        return sum(self.sizes)

    @property
    def seconds(self) -> float:
        """Of the whole run."""
        training = self.steps * self.seconds_per_step + self.evaluations * self.seconds_per_evaluation
        return self.prepare_seconds + training


@dataclass(frozen=True)
class Flops:
    """Arithmetic of one run.

    Attributes:
        per_step: matrix products and convolutions of the network, forward and backward; P not included.
        per_evaluation: the same, forward, on all examples that are scored.
    """

    per_step: int
    per_evaluation: int


def probe(run: Run, where: Where, *, steps: int = STEPS, seconds: float = SECONDS) -> Probe:
    """Train a run for a few steps from its start, and measure. Writes nothing and leaves no trace.

    Args:
        run: of which kind.
        where: device and data.
        steps: to be timed, after a first one that is not.
        seconds: no further step is begun after this time.

    Raises:
        IdimError: the run cannot be had here.
    """
    device = pick_device(where.device or run.recipe.device)
    load_data(run.recipe, where, device)
    with _peak(device) as held:
        began = time.perf_counter()
        here = problem(run, where)
        prepared = time.perf_counter() - began
        loop = Loop(here, run.recipe.training, run.recipe.seeds.data)
        # Of batches that workers have read ahead some come at once: what counts is how fast they come in all.
        typical = min if isinstance(here.data.train, Tensors) else statistics.fmean
        per_step = fastest(_stepper(loop), steps, seconds, typical)
    return Probe(
        sizes=tuple(size for _, size in here.subspace.sizes),
        steps=loop.steps,
        evaluations=math.ceil(loop.epochs / run.recipe.training.evaluate_every),
        seconds_per_step=per_step,
        seconds_per_evaluation=_evaluation(loop),
        prepare_seconds=prepared,
        memory_bytes=held[0],
    )


def network_flops(run: Run, where: Where) -> Flops:
    """Count the arithmetic of the network of a run.

    No part of `probe`: torch's counter imports torch._dynamo, which takes a second.

    Raises:
        IdimError: the run cannot be had here.
    """
    loop = Loop(problem(run, where), run.recipe.training, run.recipe.seeds.data)
    forward, backward = _batch_flops(loop)
    examples = sum(len(split) for split in _scored(loop))
    batch = min(run.recipe.training.batch_size, len(loop.problem.data.train))
    return Flops(forward + backward, forward * examples // batch)


def fastest(
    step: Callable[[], float],
    steps: int = STEPS,
    seconds: float = SECONDS,
    typical: Callable[[Sequence[float]], float] = min,
) -> float:
    """Least, or `typical`, seconds of one of up to `steps` steps, after a first one; 0 when there is none."""
    until, times = time.perf_counter() + seconds, []
    try:
        for _ in range(steps + 1):
            times.append(step())
            if len(times) > 1 and time.perf_counter() > until:
                break
    except StopIteration:
        pass
    return typical(times[1:] or times) if times else 0.0


def _stepper(loop: Loop) -> Callable[[], float]:
    """Each call trains one step and returns its seconds, without an evaluation that may follow it."""
    ticks: list[float] = []

    def tick() -> None:
        if loop.device.type == "cuda":
            torch.cuda.synchronize(loop.device)
        ticks.append(time.perf_counter())

    course = loop.course(tick, lambda row: None)
    next(course)

    def step() -> float:
        began, before = time.perf_counter(), len(ticks)
        try:
            next(course)
        except StopIteration:
            if len(ticks) == before:
                raise
        return ticks[-1] - began

    return step


def _batch_flops(loop: Loop) -> tuple[int, int]:
    """Of the network on one batch, forward and backward: matrix products and convolutions, P left out."""
    subspace, method = loop.subspace, loop.method
    if not isinstance(method, Gradient):
        return 0, 0
    batch = method.batch(next(method.steps(0, 0, 1)))
    theta = {name: tensor.detach().requires_grad_() for name, tensor in subspace.native().items()}
    cuda = [loop.device] if loop.device.type == "cuda" else []
    from torch.utils.flop_counter import FlopCounterMode

    with torch.random.fork_rng(devices=cuda), FlopCounterMode(display=False) as counter:
        loss = method.loss(theta, batch)
        forward = counter.get_total_flops()
        loss.backward()  # type: ignore[no-untyped-call]
    return forward, counter.get_total_flops() - forward


def _scored(loop: Loop) -> list[Split]:
    """The splits that an evaluation goes through."""
    data = loop.problem.data
    scored = {"validation": data.validation, "train": data.train}
    return [scored[name] for name in {"validation", loop.task.score_on} if len(scored[name])]


def _evaluation(loop: Loop) -> float:
    """Seconds of one evaluation, by that of some examples of each split."""
    seconds = 0.0
    with loop.subspace.held():
        for split in _scored(loop):
            some = split.take(slice(_EXAMPLES if isinstance(split, Tensors) else _READ))
            share = len(some) / len(split)
            seconds += _timed(partial(loop.task.evaluate, loop.subspace, some)) / share
    return seconds


def _timed(call: Callable[[], object]) -> float:
    call()
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@contextlib.contextmanager
def _peak(device: torch.device) -> Iterator[list[int]]:
    """Afterwards, in the list: the most memory in bytes that the block held beyond what was held before."""
    cuda, most = device.type == "cuda", list[int]()
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    else:
        reset_peak()
        before = resident_bytes()
    yield most
    held = torch.cuda.max_memory_allocated(device) if cuda else peak_bytes()
    most.append(max(held - before, 0))
