"""Protection against files that would run code, exhaust the memory or end in a traceback."""

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

# A module registers at most this many parameters: 100,000, and 4 for each number plus some that stay empty
# (`bias=None`). Deeper models exist in nobody's files, and building them takes minutes.
_TENSORS, _PLACES = 100_000, 1000
# Operations for making P at most: some minutes on a laptop. One random number of P takes about 500.
_WORK, _DRAW = 5 * 10**12, 500


def runs_code(component: Component) -> bool:
    """Whether building a model runs code of others, or fetches weights from the network."""
    return bool(trust.of_components({"model": component}))


def permit(found: Solution, trust_code: bool, kinds: Sequence[str] = ("model", "projector")) -> Solution:
    """The same solution, trusted; code of others that it names for these kinds is announced.

    Raises:
        FileError: it names code, was made by somebody else, and `trust_code` is off.
    """
    named = trust.of_components({kind: getattr(found.spec, kind) for kind in kinds})
    if named and not found.trusted:
        if not trust_code:
            trust.refuse(found.source, named)
        trust.announce(found.source, named)
        return replace(found, trusted=True)
    return found


def refuse_work(cost: Cost) -> None:
    """CapacityError for a P that takes so long to make that the program would seem to hang."""
    work = cost.build_flops + _DRAW * cost.state_bytes // 4
    if work > _WORK:
        raise CapacityError(
            f"making the file's P takes about {work:.0e} operations, more than the limit of {_WORK:.0e}",
            "compress with fewer dimensions, or with the projector tied, fastfood or sparse",
        )


def refuse_numbers(component: Component, parameters: int) -> None:
    """FileError for a setting of a model that exceeds its number of parameters.

    Depths, widths and the like never do, except in a file made to fill the memory with something else.
    """
    # Settings such as seeds or vocabularies of small models may exceed D, but not this.
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
    """Context in which building a model of many more `parameters` fails before it fills the memory."""
    tensors, total = 0, 0

    def grow(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal tensors, total
        tensors, total = tensors + 1, total + (0 if parameter is None else parameter.numel())
        # Generous, as some modules register a parameter repeatedly; the exact number is checked afterwards.
        if tensors > min(_TENSORS, 4 * parameters + _PLACES) or total > 4 * parameters + 2**20:
            raise FileError(f"the model is larger than the file states ({parameters:,} parameters)")

    handle = register_module_parameter_registration_hook(grow)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def as_file_error(kind: str, component: Component, source: str) -> Iterator[None]:
    """Context that turns every error of a component into a FileError that names the `source`."""
    try:
        yield
    except (FileError, CapacityError, DataError, MissingExtraError):
        raise
    except IdimError as error:
        raise FileError(
            f"{source}'s {kind} {component.name!r} does not work: {error.message}", error.hint
        ) from error
    # Components raise anything for nonsensical parameters; a file must not end in a traceback.
    except FOREIGN as error:
        what = described(error)
        raise FileError(f"{source}'s {kind} {component.name!r} does not work: {what}") from error
