"""Optimizers of torch without what prepares them for torch.compile, which takes a second to import."""

from __future__ import annotations

import functools
import inspect
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer

Kind = TypeVar("Kind", bound=type[Optimizer])

# What torch wraps: adding a group, which every constructor does, is enough to import torch._dynamo.
_WRAPPED = ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")


@functools.cache
def eager(kind: Kind) -> Kind:
    """The same class of optimizer, the same bits, for steps outside of compiled code.

    torch documents its wrappers by `__wrapped__`. A method without one, of another torch version, say, stays
    as it is.
    """
    plain = {name: _plain(getattr(kind, name)) for name in _WRAPPED}
    return type(kind.__name__, (kind,), {"__module__": kind.__module__, "__doc__": kind.__doc__, **plain})  # type: ignore[return-value]


def _plain(method: Any) -> Any:
    inner = inspect.unwrap(method)
    if inner is method:
        return method

    @functools.wraps(inner)
    def call(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        # The one thing that the wrapper of `step` does outside of compiled code.
        with torch.set_grad_enabled(self.defaults.get("differentiable", False)):
            return inner(self, *args, **kwargs)

    return call
