"""Learning-rate schedules: a factor of the optimizer's rate for each step, counted from 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated

from pydantic import Field

from idim_cli.core.errors import ComponentError, described
from idim_cli.methods import SCHEDULES
from idim_cli.recipe.schema import Component

#: step -> factor of the learning rate.
Schedule = Callable[[int], float]
_CONTRACT = "a schedule is a function (steps, per_epoch, ...) -> (step -> factor of the learning rate)"


def build(component: Component, steps: int, per_epoch: int) -> Schedule:
    """The schedule that a recipe names, for a training of `steps` in total, `per_epoch` in each epoch.

    Raises:
        ComponentError: unknown name, invalid parameters, or a factor that is negative or not finite.
    """
    made: Schedule = SCHEDULES.make(component.name, component.params, steps, per_epoch)
    if not callable(made):
        kind = type(made).__name__
        raise ComponentError(f"{component.name} returned a {kind}, not a function of the step", _CONTRACT)
    # Only the user's code is checked at each step: the built-in schedules are tested.
    return partial(_factor, component.name, made) if SCHEDULES.is_code(component.name) else made


def _factor(name: str, made: Schedule, at: int) -> float:
    """The factor of the user's own schedule; ComponentError if it is invalid."""
    try:
        factor = float(made(at))
    except Exception as error:
        raise ComponentError(f"{name} failed at step {at}: {described(error)}", _CONTRACT) from error
    if not 0 <= factor < math.inf:
        hint = "return a finite factor >= 0"
        raise ComponentError(f"{name} returned the factor {factor} at step {at}", hint)
    return factor


def constant(steps: int, per_epoch: int) -> Schedule:
    """A constant rate, as in the paper."""
    return lambda at: 1.0


def linear(steps: int, per_epoch: int, *, end: Annotated[float, Field(ge=0)] = 0.0) -> Schedule:
    """Linear decay from 1 at the first step to `end` just after the last.

    Args:
        end: factor of the learning rate at the end.
    """
    return lambda at: 1.0 + (end - 1.0) * at / steps


def cosine(steps: int, per_epoch: int, *, end: Annotated[float, Field(ge=0)] = 0.0) -> Schedule:
    """Half a cosine from 1 at the first step to `end` just after the last.

    Args:
        end: factor of the learning rate at the end.
    """
    # Just after the last step, not at it: with the default end of 0 the last step would have no effect.
    return lambda at: end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * at / steps))


def step(
    steps: int,
    per_epoch: int,
    *,
    every: Annotated[float, Field(gt=0)],
    factor: Annotated[float, Field(ge=0)] = 0.5,
) -> Schedule:
    """Multiplied by `factor` after each `every` epochs (the authors' SqueezeNet: 0.5 every 7).

    Args:
        every: epochs between two changes; may be a fraction.
        factor: of the learning rate at each change.
    """
    return lambda at: factor ** math.floor(at / (every * per_epoch))
