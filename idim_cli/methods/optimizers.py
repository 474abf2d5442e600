"""Optimisers of what is trained: the d coordinates, or the displacement from theta0 in direct training."""

from __future__ import annotations

import copy
import inspect
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.optim import Optimizer

from idim_cli.core.errors import ComponentError, described
from idim_cli.methods import OPTIMIZERS
from idim_cli.methods.eager import eager
from idim_cli.recipe.schema import Component

_CONTRACT = "an optimizer is a callable (params, ...) -> torch.optim.Optimizer"
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def build(component: Component, coords: nn.Parameter) -> Optimizer:
    """The optimiser that a recipe names: a shipped one, ``torch:NAME`` or the user's own.

    Raises:
        ComponentError: unknown; settings that do not fit; or it cannot make a step from one gradient.
    """
    name = component.name
    try:
        made = OPTIMIZERS.make(name, component.params, [coords])
    except (ValueError, TypeError) as error:
        raise ComponentError(f"optimizer {name!r}: {error}") from error
    if not isinstance(made, Optimizer):
        kind = type(made).__name__
        raise ComponentError(f"{name} returned a {kind}, not a torch.optim.Optimizer", _CONTRACT)
    first = [*inspect.signature(made.step).parameters.values()][:1]
    if first and first[0].default is inspect.Parameter.empty and first[0].kind in _POSITIONAL:
        message = f"optimizer {name!r} needs a closure that evaluates the loss several times a step"
        raise ComponentError(message, "choose one whose step uses the gradient alone")
    return made


def try_step(component: Component) -> None:
    """Make a step of two coordinates; ComponentError if the optimiser cannot."""
    coords = nn.Parameter(torch.zeros(2))
    optimizer = build(component, coords)
    coords.grad = torch.ones(2)
    try:
        optimizer.step()
    except Exception as error:
        message = f"optimizer {component.name!r} cannot make a step: {described(error)}"
        raise ComponentError(message) from error
    if len(optimizer.param_groups) != 1 or "lr" not in optimizer.param_groups[0]:
        message = f"optimizer {component.name!r} does not have one group of parameters with an 'lr'"
        raise ComponentError(message, _CONTRACT)


def joinable(optimizer: Optimizer) -> bool:
    """Whether an optimizer keeps all its state by parameter, as torch's do, so that `joined` may merge it."""
    return type(optimizer).__module__.partition(".")[0] == "torch"


def joined(optimizers: Sequence[Optimizer]) -> Optimizer:
    """One optimiser that makes the steps of several of the same settings, on the state of each."""
    params = [group["params"][0] for one in optimizers for group in one.param_groups]
    whole: Optimizer = copy.copy(optimizers[0])
    whole.param_groups = [{**optimizers[0].param_groups[0], "params": params}]
    whole.state = defaultdict(dict, {p: one.state[p] for p, one in zip(params, optimizers, strict=True)})
    return whole


def sgd(
    params: Sequence[nn.Parameter],
    *,
    lr: Annotated[float, Field(gt=0)] = 0.1,
    momentum: Annotated[float, Field(ge=0)] = 0.9,
    nesterov: bool = False,
    dampening: float = 0.0,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
) -> Optimizer:
    """Gradient descent with momentum; its defaults are the authors' for MNIST.

    Args:
        lr: learning rate.
        momentum: share of the last step that goes on.
        nesterov: take the gradient where the momentum leads.
        dampening: share of the gradient that the momentum leaves out.
        weight_decay: pull of what is trained towards zero, as a factor on it in its gradient.
    """
    fused = _fused(params)
    return eager(torch.optim.SGD)(params, lr, momentum, dampening, weight_decay, nesterov, fused=fused)


def adam(
    params: Sequence[nn.Parameter],
    *,
    lr: Annotated[float, Field(gt=0)] = 0.001,
    betas: Annotated[Sequence[float], Field(min_length=2, max_length=2)] = (0.9, 0.99),
    eps: Annotated[float, Field(ge=0)] = 1e-8,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
    decoupled: bool = False,
    amsgrad: bool = False,
) -> Optimizer:
    """Adam, with the authors' beta2 of 0.99.

    Args:
        lr: learning rate.
        betas: decay of the running means of the gradient and of its square.
        eps: added to the root of the mean square.
        weight_decay: pull of what is trained towards zero, as a factor on it in its gradient.
        decoupled: weight decay apart from the gradient's moments (AdamW).
        amsgrad: divide by the largest mean square so far.
    """
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    return eager(kind)(params, lr, (betas[0], betas[1]), eps, weight_decay, amsgrad, fused=_fused(params))


def rmsprop(
    params: Sequence[nn.Parameter],
    *,
    lr: Annotated[float, Field(gt=0)] = 0.001,
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.99,
    eps: Annotated[float, Field(ge=0)] = 1e-8,
    momentum: Annotated[float, Field(ge=0)] = 0.0,
    centered: bool = False,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
) -> Optimizer:
    """RMSProp, optionally with momentum and a centred second moment.

    Args:
        lr: learning rate.
        alpha: decay of the running mean of the squared gradient.
        eps: added to the root of the mean square.
        momentum: share of the last step that goes on.
        centered: take the square of the mean gradient off the mean square.
        weight_decay: pull of what is trained towards zero, as a factor on it in its gradient.
    """
    return eager(torch.optim.RMSprop)(params, lr, alpha, eps, weight_decay, momentum, centered)


def _fused(params: Sequence[nn.Parameter]) -> bool:
    """One pass over memory instead of a dozen, where torch has it: it matters when d is D."""
    return params[0].device.type in ("cpu", "cuda")
