"""A forward pass at other parameters than the module's own, also of what is run again in the backward pass.

Activation checkpointing forgets what a part of the network computed, and runs that part once more in the
backward pass, when the module has its own parameters again. Inside a pass, `torch.utils.checkpoint` is
therefore handed functions that bring the parameters of that pass along.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils import checkpoint

_local = threading.local()


def call(module: nn.Module, theta: dict[str, Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `module` returns with the tensors `theta` in the named places; they leave the places afterwards.

    A place is named once, see `native.places`. A parameter that the pass replaces is replaced in `theta`.
    """
    if torch.compiler.is_compiling():  # the compiler knows checkpointing by itself
        return functional_call(module, theta, args, kwargs, tie_weights=False)
    return _within(module, theta, lambda: functional_call(module, theta, args, kwargs, tie_weights=False))


class _Part(nn.Module):
    """Anything that a module's code calls, with the module in reach of `functional_call`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)


def _again(
    function: Callable[..., Any], module: nn.Module, theta: Mapping[str, Tensor], *args: Any, **kwargs: Any
) -> Any:
    """Run `function` with `theta` in the places of `module`."""
    part, named = _Part(module), {f"module.{name}": tensor for name, tensor in theta.items()}
    return _within(
        module, theta, lambda: functional_call(part, named, (function, *args), kwargs, tie_weights=False)
    )


def _within(module: nn.Module, theta: Mapping[str, Tensor], run: Callable[[], Any]) -> Any:
    outer, _local.present = getattr(_local, "present", None), (module, dict(theta))
    try:
        return run()
    finally:
        _local.present = outer
        # Recurrent layers keep a list of the weights, which could not be copied.
        for layer in module.modules():
            if isinstance(layer, nn.RNNBase):
                layer._init_flat_weights()


def _checkpointed(function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
    """Reentrant checkpointing: theta is one more input, so that gradients flow back to it as to any other."""
    if (present := getattr(_local, "present", None)) is None:
        return _apply(function, preserve, *args)
    module, theta = present

    def run(*given: Any) -> Any:
        there = dict(zip(theta, given[len(args) :], strict=True))
        return _again(function, module, there, *given[: len(args)])

    return _apply(run, preserve, *args, *theta.values())


def _framed(frame: Any, recompute: Callable[..., Any], *rest: Any, **named: Any) -> None:
    """Checkpointing by saved tensors: only values are computed again, with the tensors of the first time."""
    present = getattr(_local, "present", None)
    _frame(
        frame,
        recompute if present is None else functools.partial(_again, recompute, *present),
        *rest,
        **named,
    )


# torch offers no hook for this. Since version 2.1 its two forms of checkpointing pass through these two.
_apply, _frame = checkpoint.CheckpointFunction.apply, checkpoint._CheckpointFrame.__init__
setattr(checkpoint.CheckpointFunction, "apply", staticmethod(_checkpointed))  # noqa: B010
setattr(checkpoint._CheckpointFrame, "__init__", _framed)  # noqa: B010
