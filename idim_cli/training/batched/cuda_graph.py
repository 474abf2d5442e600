"""CUDA graphs: a function of tensors is captured and replayed, which saves the launches of its kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: Calls without a graph before it is captured: they initialize libraries and autograd, and shapes that occur
#: only a few times, as the last batch of an epoch, are not worth a graph.
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

    Args:
        function: reads only its arguments and tensors at fixed addresses; has no effect but its results,
            which the next call overwrites.
        say: receives the reason if the function cannot be captured; it is then called without a graph.
    """
    calls: dict[tuple[torch.Size, ...], int | _Captured] = {}

    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        key = tuple(given.shape for given in inputs)
        known = calls.get(key, 0)
        with torch.cuda.device(inputs[0].device):
            if isinstance(known, int):
                known = calls[key] = _capture(function, inputs, say) if known == WARM_UP else known + 1
            return _on_side_stream(function, inputs) if isinstance(known, int) else known(inputs)

    return call


def _on_side_stream(function: Step, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """One call on a new stream."""
    # torch requires the warm-up before a capture to run on a side stream, ordered by these two waits.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        outputs = function(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    return outputs


def _capture(function: Step, inputs: tuple[Tensor, ...], say: Callable[[str], None]) -> int | _Captured:
    """The graph of one call; if it cannot be captured, a count that never equals `WARM_UP` again."""
    static = tuple(given.clone() for given in inputs)  # a graph always reads the same addresses
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            outputs = function(*static)
    except Exception as error:  # any: the user's model may do what a capture forbids, such as item()
        torch.cuda.synchronize()
        say(f"steps cannot be captured as a CUDA graph: {str(error).strip().partition(chr(10))[0]}")
        return WARM_UP + 1
    return _Captured(graph, static, outputs)
