"""What keeps a file from running code, filling the memory or ending in a traceback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from idim_cli.compression.format.solution import Solution
from idim_cli.core.errors import (
    FOREIGN,
    CapacityError,
    DataError,
    FileError,
    IdimError,
    MissingExtraError,
    described,
)
from idim_cli.projectors.base import Cost
from idim_cli.recipe import trust
from idim_cli.recipe.schema import Component

_TENSORS = 100_000  # parameters of one model, at most, ...
_WORK, _DRAW = 5 * 10**12, 500  # operations of making P, at most: some minutes; of drawing a number of it
_PLACES = 1000  # ... and so many more than it has numbers, such as places for a bias that there is none


def runs_code(component: Component) -> bool:
    """Whether a model is named by its code, or fetches weights from the network."""
    return bool(trust.of_components({"model": component}))


def permit(found: Solution, trust_code: bool, kinds: Sequence[str] = ("model", "projector")) -> Solution:
    """The same solution, trusted; a stranger's code that it names for components of these kinds is shown.

    Raises:
        FileError: it names code, and neither did this user make it, nor is it trusted.
    """
    named = trust.of_components({kind: getattr(found.spec, kind) for kind in kinds})
    if named and not found.trusted:
        if not trust_code:
            trust.refuse(found.source, named)
        trust.announce(found.source, named)
        return replace(found, trusted=True)
    return found


def refuse_work(cost: Cost) -> None:
    """CapacityError for a P that takes so long to make that growing the file would seem to hang."""
    work = cost.build_flops + _DRAW * cost.state_bytes // 4
    if work > _WORK:
        raise CapacityError(
            f"the file's P takes some {work:.0e} operations to make, and a file may ask for {_WORK:.0e}",
            "fewer dimensions, or a P that is not dense: tied, fastfood or sparse",
        )


def refuse_numbers(component: Component, parameters: int) -> None:
    """FileError for a model's parameter that is larger than its file can mean.

    Depths, widths and the like never exceed the number of parameters, unless someone wants the memory filled
    with something else than parameters.
    """
    limit = max(parameters, 2**20)
    for value in _numbers(component.params):
        if abs(value) > limit:
            raise FileError(f"{value} in the file's model {component.name!r} is larger than the model itself")


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


@contextmanager
def bounded(parameters: int) -> Iterator[None]:
    """Stop the building of a model of many more `parameters` than this, before it fills the memory."""
    tensors, total = 0, 0

    def grow(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal tensors, total
        tensors, total = tensors + 1, total + (0 if parameter is None else parameter.numel())
        # Some modules register a parameter more than once; the exact number is compared afterwards.
        if tensors > min(_TENSORS, 4 * parameters + _PLACES) or total > 4 * parameters + 2**20:
            raise FileError(f"the model is larger than the file states ({parameters:,} parameters)")

    handle = register_module_parameter_registration_hook(grow)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def as_file_error(kind: str, component: Component, source: str) -> Iterator[None]:
    """Components check their parameters in ways of their own; here every refusal is the `source`'s fault."""
    try:
        yield
    except (FileError, CapacityError, DataError, MissingExtraError):
        raise
    except IdimError as error:
        raise FileError(
            f"{source}'s {kind} {component.name!r} does not work: {error.message}", error.hint
        ) from error
    except FOREIGN as error:
        what = described(error)
        raise FileError(f"{source}'s {kind} {component.name!r} does not work: {what}") from error
