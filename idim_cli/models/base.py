"""How a model is made from a recipe: shipped by name, from torchvision, or the user's own code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from idim_cli.core import user_code
from idim_cli.core.errors import CapacityError, ComponentError
from idim_cli.core.machine import refuse_size
from idim_cli.models import REGISTRY, is_portable
from idim_cli.models.init import initialise
from idim_cli.models.pretrained import torchvision_model
from idim_cli.recipe.components import TORCHVISION
from idim_cli.recipe.schema import Component

#: See `Task.outputs`; a number is that of the outputs alone.
Outputs = int | Mapping[str, Any]
# How torch says, in errors that have no type of their own, that tensors are too large.
_TOO_LARGE = (
    "can't allocate memory",
    "not enough memory",
    "Storage size calculation overflowed",
    "Overflow when unpacking long",
)


def build(component: Component, shape: Any, outputs: Outputs, seed: int, download: bool = False) -> nn.Module:
    """The model that a recipe names, at theta0 of `seed`, as float32 on the CPU, in training mode.

    Whole and complex numbers keep their kind. Names are those of the registry, ``torchvision:NAME``,
    ``module:callable`` or ``./file.py:callable``. A callable gets the recipe's parameters and, if its
    signature names them, `shape`, `outputs` and what else the task says, such as `classes`.
    torch's own generator is left as it was.

    Args:
        component: name and parameters.
        shape: of one example's inputs, see `datasets.batch.shape`.
        outputs: what a model must know (`Task.outputs`), or only how many numbers it returns.
        seed: of theta0; where `portable` is false it seeds the global generators of torch, numpy and random
            while the model is made.
        download: whether absent pretrained weights may be fetched.

    Raises:
        ComponentError: the name is unknown, the parameters do not fit, or the result is no nn.Module.
        CapacityError: the model does not fit the main memory.
    """
    with _allocating(component.name):
        return _build(component, shape, outputs, seed, download)


def refuse_large(component: Component, shape: Any, outputs: Outputs) -> None:
    """CapacityError for a shipped model that this machine's memory cannot hold, before it takes any."""
    if component.name in REGISTRY:
        bare = skeleton(component, shape, outputs)
        refuse_size(0 if bare is None else sum(parameter.numel() for parameter in bare.parameters()))


def skeleton(component: Component, shape: Any, outputs: Outputs) -> nn.Module | None:
    """The model without its numbers, on torch's meta device, where nothing takes memory.

    Arguments and errors are those of `build`. None for a model that needs numbers to be made.
    """
    with _allocating(component.name):
        try:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                return _module(component, shape, outputs)
        except (NotImplementedError, ComponentError) as error:
            if isinstance(error.__cause__ or error, NotImplementedError):
                return None
            raise


def _build(component: Component, shape: Any, outputs: Outputs, seed: int, download: bool) -> nn.Module:
    with user_code.seeded(seed):
        module = _module(component, shape, outputs, download)
    module = module.to("cpu").train()
    return initialise(module, seed) if portable(component) else module


def _module(component: Component, shape: Any, outputs: Outputs, download: bool = False) -> nn.Module:
    module = _make(component, _tuples(shape), outputs, download)
    if not isinstance(module, nn.Module):
        raise ComponentError(f"{component.name} returned a {type(module).__name__}, not a torch.nn.Module")
    return module.float()  # and no complex numbers: `to` would take their real parts


def compact(outputs: Mapping[str, Any]) -> Outputs:
    """`outputs` as files hold them: one number where that says all."""
    names, count = {"outputs", "classes", "vocabulary"}, outputs["outputs"]
    return count if outputs.keys() <= names and {*outputs.values()} == {count} else dict(outputs)  # type: ignore[no-any-return]


def portable(component: Component) -> bool:
    """Whether theta0 comes from `idim_cli.core.rng`: the same bits on every machine, from the seed alone.

    True for the shipped models. Others start as torch's generator makes them, which another version of
    torch may do in another way, so their theta0 is known for certain only on the machine of the run.
    """
    return is_portable(component.name)


@contextmanager
def _allocating(name: str) -> Iterator[None]:
    """Turn a failure to get memory, here or in the user's own code, into a CapacityError."""
    try:
        yield
    except Exception as error:
        if too_large(error) or too_large(error.__cause__):
            message = f"model {name!r} does not fit the main memory"
            raise CapacityError(message, "make it smaller: look at its widths") from error
        raise


def too_large(error: BaseException | None) -> bool:
    """Whether an error says that memory has run out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | TypeError) and any(words in str(error) for words in _TOO_LARGE)


def _make(component: Component, shape: Any, outputs: Outputs, download: bool) -> Any:
    name, params = component.name, component.params
    if name.startswith(TORCHVISION):
        return torchvision_model(name, params, _count(outputs), download)
    if ":" in name and name not in REGISTRY:
        return user_code.call(name, user_code.find(name), params, _context(shape, outputs))
    return REGISTRY.open(name)(shape, _count(outputs), **REGISTRY.filled(name, params))


def _tuples(shape: Any) -> Any:
    """A shape with tuples for the lists that files hold."""
    if isinstance(shape, Mapping):
        return {name: _tuples(size) for name, size in shape.items()}
    return tuple(map(_tuples, shape)) if isinstance(shape, list | tuple) else shape


def _count(outputs: Outputs) -> int:
    """How many numbers a model returns for an example, or for each of its places."""
    return outputs if isinstance(outputs, int) else int(outputs["outputs"])


def _context(shape: Any, outputs: Outputs) -> dict[str, Any]:
    """What a user's model may ask for by the names in its signature."""
    count = _count(outputs)
    known = {} if isinstance(outputs, int) else dict(outputs)
    return {"classes": count, "vocabulary": count, **known, "outputs": count, "shape": shape}
