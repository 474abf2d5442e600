"""The cost of a run: time and memory, measured over a few steps, and FLOPs."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from idim_cli.core.machine import peak_bytes, pick_device, reset_peak, resident_bytes
from idim_cli.datasets.split import Split, Tensors
from idim_cli.methods.gradient import Gradient
from idim_cli.runs.plan import Run
from idim_cli.training.loop import Loop
from idim_cli.training.prepare import Where, load_data, problem

STEPS = 8  # timed: the minimum of a few is stable, as other load only ever adds time
SECONDS = 0.5  # after which no further step is timed: a dry run probes every kind of run
# Examples of each split on which an evaluation is timed: in memory, or read from disk, which is slow.
_EXAMPLES, _READ = 4096, 256


@dataclass(frozen=True)
class Probe:
    """The cost of one run on this machine.

    Attributes:
        sizes: of the native parameter tensors.
        steps, evaluations: in the whole run.
        seconds_per_step, seconds_per_evaluation: the fastest of a few; the mean for steps that read data.
        prepare_seconds: to build the model and P and to check P's columns, without loading data.
        memory_bytes: peak of the training above what the process used before, without the data.
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
    """FLOPs of one run.

    Attributes:
        per_step: matrix products and convolutions of the network, forward and backward, without P.
        per_evaluation: the same, forward, on all scored examples.
    """

    per_step: int
    per_evaluation: int


def probe(run: Run, where: Where, *, steps: int = STEPS, seconds: float = SECONDS) -> Probe:
    """Train a run for a few steps, and measure; writes nothing.

    Args:
        run: the run.
        where: device and data.
        steps: to be timed, after a warm-up step.
        seconds: after which no further step is timed.

    Raises:
        IdimError: the run cannot be prepared on this machine.
    """
    device = pick_device(where.device or run.recipe.device)
    load_data(run.recipe, where, device)  # before the clock starts: all runs of a sweep share the data
    with _peak(device) as peak:
        began = time.perf_counter()
        prepared = problem(run, where)
        prepare_seconds = time.perf_counter() - began
        loop = Loop(prepared, run.recipe.training, run.recipe.seeds.data)
        # Workers read ahead, so some batches come without waiting: only the mean is the rate of reading.
        typical = min if isinstance(prepared.data.train, Tensors) else statistics.fmean
        per_step = fastest(_stepper(loop), steps, seconds, typical)
    return Probe(
        sizes=tuple(size for _, size in prepared.subspace.sizes),
        steps=loop.steps,
        evaluations=math.ceil(loop.epochs / run.recipe.training.evaluate_every),
        seconds_per_step=per_step,
        seconds_per_evaluation=_evaluation(loop),
        prepare_seconds=prepare_seconds,
        memory_bytes=peak[0],
    )


def network_flops(run: Run, where: Where) -> Flops:
    """Count the FLOPs of the network of a run.

    Raises:
        IdimError: the run cannot be prepared on this machine.
    """
    # Not a part of `probe`: torch's counter imports torch._dynamo, which takes a second.
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
    """Least, or `typical`, seconds of up to `steps` steps after a warm-up step; 0 if there is none."""
    until, times = time.perf_counter() + seconds, []
    with contextlib.suppress(StopIteration):  # a training of fewer steps
        for _ in range(steps + 1):
            times.append(step())
            if len(times) > 1 and time.perf_counter() > until:
                break
    return typical(times[1:] or times) if times else 0.0


def _stepper(loop: Loop) -> Callable[[], float]:
    """A function that trains one step and returns its seconds."""
    # The end is taken in the callback, so that an evaluation after the step is not timed with it.
    ends: list[float] = []

    def on_step() -> None:
        if loop.device.type == "cuda":
            torch.cuda.synchronize(loop.device)
        ends.append(time.perf_counter())

    steps = loop.stepwise(on_step)
    next(steps)

    def step() -> float:
        began, before = time.perf_counter(), len(ends)
        try:
            next(steps)
        except StopIteration:
            if len(ends) == before:
                raise
        return ends[-1] - began

    return step


def _batch_flops(loop: Loop) -> tuple[int, int]:
    """FLOPs of the network on one batch, forward and backward, without P."""
    subspace, method = loop.subspace, loop.method
    if not isinstance(method, Gradient):  # what the user's own method computes is unknown
        return 0, 0
    batch = method.batch(next(method.steps(0, 0, 1)))
    # Leaves of the graph, so that the backward pass ends here and P is not counted.
    theta = {name: tensor.detach().requires_grad_() for name, tensor in subspace.native().items()}
    from torch.utils.flop_counter import FlopCounterMode

    with loop.forked_rng(), FlopCounterMode(display=False) as counter:
        loss = method.loss(theta, batch)
        forward = counter.get_total_flops()
        loss.backward()  # type: ignore[no-untyped-call]
    return forward, counter.get_total_flops() - forward


def _scored(loop: Loop) -> list[Split]:
    """The splits that an evaluation scores."""
    data = loop.problem.data
    scored = {"validation": data.validation, "train": data.train}
    return [scored[name] for name in {"validation", loop.task.score_on} if len(scored[name])]


def _evaluation(loop: Loop) -> float:
    """Seconds of one evaluation, extrapolated from some examples of each split."""
    seconds = 0.0
    with loop.subspace.held():
        for split in _scored(loop):
            some = split.take(slice(_EXAMPLES if isinstance(split, Tensors) else _READ))
            share = len(some) / len(split)
            loop.task.evaluate(loop.subspace, some)  # warm-up: the first call selects kernels
            began = time.perf_counter()
            loop.task.evaluate(loop.subspace, some)
            seconds += (time.perf_counter() - began) / share
    return seconds


@contextlib.contextmanager
def _peak(device: torch.device) -> Iterator[list[int]]:
    """Appends the peak memory of the block, in bytes above what was used before, to the list at its end."""
    cuda, most = device.type == "cuda", list[int]()
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    else:
        reset_peak()
        before = resident_bytes()
    yield most
    peak = torch.cuda.max_memory_allocated(device) if cuda else peak_bytes()
    most.append(max(peak - before, 0))
