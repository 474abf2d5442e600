"""Interleaved timing of several calls, so that a drift of the machine affects all of them alike."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

Call = Callable[[], Any]
K = TypeVar("K", bound=Hashable)

#: A round takes a sample of every call: the mean over as many repeats as fill this time, at least one. It is
#: long against the resolution of the clock and short against drifts of the machine.
BURST_SECONDS = 0.02
LEAST_ROUNDS = 3  # for quartiles
_WARM_UPS = 5  # repeats after which allocators, libraries and CUDA graphs are in their final state


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, one sample for each round."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The time of the call that is reported."""
        return statistics.median(self.samples)

    @property
    def least(self) -> float:
        """The fastest round: the time on an undisturbed machine."""
        return min(self.samples)

    @property
    def spread(self) -> float:
        """Interquartile range as a share of the median."""
        # inclusive: the other method would take the extremes of three rounds for quartiles.
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return (high - low) / self.median if self.median else 0.0

    def columns(self, name: str) -> dict[str, float]:
        """Its columns in a row: ``NAME_s``, ``NAME_min_s`` and ``NAME_spread``."""
        return {f"{name}_s": self.median, f"{name}_min_s": self.least, f"{name}_spread": self.spread}


def interleaved(calls: Mapping[K, Call], seconds: float, device: torch.device) -> dict[K, Timing]:
    """Time all `calls` in rounds, A B C A B C, after a warm-up of each.

    Args:
        calls: by name.
        seconds: of rounds for each call; `LEAST_ROUNDS` are always completed.
        device: that the calls compute on.
    """
    burst = min(BURST_SECONDS, seconds / LEAST_ROUNDS)
    repeats = {name: _repeats(call, burst, device) for name, call in calls.items()}
    samples: dict[K, list[float]] = {name: [] for name in calls}
    until = time.perf_counter() + seconds * len(calls)
    for done in itertools.count():
        # Only between rounds, so that all calls have the same number of samples.
        if done >= LEAST_ROUNDS and time.perf_counter() >= until:
            return {name: Timing(tuple(some)) for name, some in samples.items()}
        for name, call in calls.items():
            samples[name].append(elapsed(call, repeats[name], device))
    raise AssertionError("rounds end")  # pragma: no cover


def elapsed(call: Call, repeats: int, device: torch.device) -> float:
    """Seconds of one call, the mean of `repeats`; on CUDA between two events on an idle device."""
    if device.type == "cuda":
        return _between_events(call, repeats, device)
    _wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    _wait(device)
    return (time.perf_counter() - began) / repeats


def _between_events(call: Call, repeats: int, device: torch.device) -> float:
    with torch.cuda.device(device):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        # Kernels are launched asynchronously: without this, their launch would be timed.
        torch.cuda.synchronize()
        start.record()
        for _ in range(repeats):
            call()
        end.record()
        torch.cuda.synchronize()
        return float(start.elapsed_time(end)) / 1000 / repeats


def _wait(device: torch.device) -> None:
    if device.type == "mps":
        torch.mps.synchronize()


def _repeats(call: Call, burst: float, device: torch.device) -> int:
    """How often a call fits into a burst, by its time after warm-up."""
    # The first call, which includes all set-up, decides only whether one call fills a burst.
    if elapsed(call, 1, device) >= burst:
        return 1
    # 1e-9, because the clock may not resolve a trivial call.
    return max(1, int(burst / max(elapsed(call, _WARM_UPS, device), 1e-9)))
