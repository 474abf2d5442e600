"""Optimizers of the d coordinates, or of the displacement from theta0 in direct training."""

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
    """The optimizer that a recipe names: a built-in one, ``torch:NAME`` or the user's own.

    Raises:
        ComponentError: unknown name, invalid settings, or a step that needs more than one gradient.
    """
    name = component.name
    try:
        if OPTIMIZERS.library(name):  # of torch: without its compile wrappers, as the built-in ones
            settings = OPTIMIZERS.filled(name, component.params)
            made = eager(OPTIMIZERS.open(name))([coords], **settings)
        else:
            made = OPTIMIZERS.make(name, component.params, [coords])
    except (ValueError, TypeError) as error:
        raise ComponentError(f"optimizer {name!r}: {error}") from error
    if not isinstance(made, Optimizer):
        kind = type(made).__name__
        raise ComponentError(f"{name} returned a {kind}, not a torch.optim.Optimizer", _CONTRACT)
    # A required first argument of `step` is the closure; an optional one is left out, as PyTorch allows.
    first = [*inspect.signature(made.step).parameters.values()][:1]
    if first and first[0].default is inspect.Parameter.empty and first[0].kind in _POSITIONAL:
        message = f"optimizer {name!r} needs a closure that evaluates the loss several times a step"
        raise ComponentError(message, "choose one whose step uses the gradient alone")
    return made


def try_step(component: Component) -> None:
    """Make a step with two coordinates; ComponentError if the optimizer cannot."""
    coords = nn.Parameter(torch.zeros(2))  # two: the optimizer must accept a vector, not a scalar only
    optimizer = build(component, coords)
    coords.grad = torch.ones(2)
    try:
        optimizer.step()
    except Exception as error:
        message = f"optimizer {component.name!r} cannot make a step: {described(error)}"
        raise ComponentError(message) from error
    # Schedules and packs set the rate of the first group.
    if len(optimizer.param_groups) != 1 or "lr" not in optimizer.param_groups[0]:
        message = f"optimizer {component.name!r} must have exactly one parameter group, with an 'lr'"
        raise ComponentError(message, _CONTRACT)


def joinable(optimizer: Optimizer) -> bool:
    """Whether `joined` may merge this optimizer."""
    # torch's keep all of their state per parameter; nothing is known of any other.
    return type(optimizer).__module__.partition(".")[0] == "torch"


def joined(optimizers: Sequence[Optimizer]) -> Optimizer:
    """One optimizer that makes the steps of several with the same settings, on the state of each."""
    params = [group["params"][0] for one in optimizers for group in one.param_groups]
    # A shallow copy shares the state: each optimizer can still be saved, or step by itself later.
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
    """Stochastic gradient descent with momentum; the defaults are the authors' for MNIST.

    Args:
        lr: learning rate.
        momentum: momentum factor.
        nesterov: use Nesterov momentum.
        dampening: dampening of the momentum.
        weight_decay: factor of the coordinates that is added to their gradient (L2 penalty).
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
        eps: added to the denominator.
        weight_decay: factor of the coordinates that is added to their gradient (L2 penalty).
        decoupled: decouple the weight decay from the gradient (AdamW).
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
        eps: added to the denominator.
        momentum: momentum factor.
        centered: divide by the estimated variance of the gradient instead of its mean square.
        weight_decay: factor of the coordinates that is added to their gradient (L2 penalty).
    """
    # No fused=: torch has no fused RMSprop.
    return eager(torch.optim.RMSprop)(params, lr, alpha, eps, weight_decay, momentum, centered)


def _fused(params: Sequence[nn.Parameter]) -> bool:
    # One pass over memory instead of a dozen, which matters in direct training, where d = D.
    return params[0].device.type in ("cpu", "cuda")
