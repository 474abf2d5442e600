"""A forward pass at other parameters than the module's own, including parts rerun in the backward pass.

Activation checkpointing discards activations and reruns that part of the network in the backward pass, when
the module has its own parameters again. Within a pass, `torch.utils.checkpoint` therefore gets functions that
carry the parameters of that pass.
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
    """What `module` returns with the tensors `theta` in the named places, for this call only.

    Each place has one name, see `native.places`. A parameter that the pass replaces is replaced in `theta`.
    """
    if torch.compiler.is_compiling():  # the compiler supports checkpointing itself
        return functional_call(module, theta, args, kwargs, tie_weights=False)
    return _within(module, theta, lambda: functional_call(module, theta, args, kwargs, tie_weights=False))


class _Part(nn.Module):
    """A function as a module's `forward`: `functional_call` replaces tensors of submodules only."""

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
        # Recurrent layers keep a list of the weights of this pass, and non-leaf tensors cannot be copied.
        for layer in module.modules():
            if isinstance(layer, nn.RNNBase):
                layer._init_flat_weights()


def _checkpointed(function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
    """Reentrant checkpointing, with theta among the inputs: gradients flow to inputs only."""
    if (present := getattr(_local, "present", None)) is None:
        return _apply(function, preserve, *args)
    module, theta = present

    def run(*given: Any) -> Any:
        there = dict(zip(theta, given[len(args) :], strict=True))
        return _again(function, module, there, *given[: len(args)])

    return _apply(run, preserve, *args, *theta.values())


def _framed(frame: Any, recompute: Callable[..., Any], *rest: Any, **named: Any) -> None:
    """Checkpointing by saved tensors: values are recomputed with the tensors of the first pass."""
    present = getattr(_local, "present", None)
    _frame(
        frame,
        recompute if present is None else functools.partial(_again, recompute, *present),
        *rest,
        **named,
    )


# torch has no hook for this. Since version 2.1 both forms of checkpointing go through these two functions.
_apply, _frame = checkpoint.CheckpointFunction.apply, checkpoint._CheckpointFrame.__init__
setattr(checkpoint.CheckpointFunction, "apply", staticmethod(_checkpointed))  # noqa: B010
setattr(checkpoint._CheckpointFrame, "__init__", _framed)  # noqa: B010
