"""Steps on CUDA without their launches: a function of tensors captured as a graph and replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: Calls that are carried out as they are before a graph is captured: they warm up libraries and autograd, and
#: short-lived combinations are not worth a graph.
WARM_UP = 3

Step = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True)
class _Captured:
    """A graph with the tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        for static, given in zip(self.inputs, inputs, strict=True):
            static.copy_(given)
        self.graph.replay()
        return self.outputs


def replayed(function: Step, say: Callable[[str], None]) -> Step:
    """`function` of CUDA tensors, replayed as a graph after a few calls with inputs of the same shapes.

    It reads nothing but its arguments and tensors that stay where they are, and leaves no effect but its
    results. The next call overwrites the results. A function that cannot be captured goes on as it is, and
    `say` is told why.
    """
    calls: dict[tuple[torch.Size, ...], int | _Captured] = {}

    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        key = tuple(given.shape for given in inputs)
        known = calls.get(key, 0)
        with torch.cuda.device(inputs[0].device):
            if isinstance(known, int):
                known = calls[key] = _capture(function, inputs, say) if known == WARM_UP else known + 1
            return _aside(function, inputs) if isinstance(known, int) else known(inputs)

    return call


def _aside(function: Step, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """One call on a stream of its own, as capturing wants it to have been done before."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        outputs = function(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    return outputs


def _capture(function: Step, inputs: tuple[Tensor, ...], say: Callable[[str], None]) -> int | _Captured:
    """The graph of one call; where it cannot be had, a number of calls that never comes to `WARM_UP`."""
    static = tuple(given.clone() for given in inputs)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            outputs = function(*static)
    except Exception as error:
        torch.cuda.synchronize()
        say(f"steps cannot be captured as a CUDA graph: {str(error).strip().partition(chr(10))[0]}")
        return WARM_UP + 1
    return _Captured(graph, static, outputs)
