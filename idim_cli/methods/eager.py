"""Optimizers of torch without their torch.compile wrappers, which take a second to import."""

from __future__ import annotations

import functools
import inspect
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer

Kind = TypeVar("Kind", bound=type[Optimizer])

# The methods that torch wraps; add_param_group, which every constructor calls, already imports torch._dynamo.
_WRAPPED = ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")


@functools.cache
def eager(kind: Kind) -> Kind:
    """The same optimizer class with the same results, for steps outside of compiled code."""
    plain = {name: _plain(getattr(kind, name)) for name in _WRAPPED}
    # Name and module are kept: checkpoints, messages and `optimizers.joinable` identify the class by them.
    return type(kind.__name__, (kind,), {"__module__": kind.__module__, "__doc__": kind.__doc__, **plain})  # type: ignore[return-value]


def _plain(method: Any) -> Any:
    inner = inspect.unwrap(method)  # torch's wrappers set __wrapped__
    if inner is method:  # not wrapped in this version of torch
        return method

    @functools.wraps(inner)
    def call(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        # The only effect of the wrapper of `step` outside of compiled code.
        with torch.set_grad_enabled(self.defaults.get("differentiable", False)):
            return inner(self, *args, **kwargs)

    return call
