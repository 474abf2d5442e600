"""Building a recipe's model: shipped by name, from torchvision, or the user's own code."""

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

#: See `Task.outputs`; a number is the number of outputs.
Outputs = int | Mapping[str, Any]
# torch has no error type for main memory: these are its messages.
_TOO_LARGE = (
    "can't allocate memory",
    "not enough memory",
    "Storage size calculation overflowed",
    "Overflow when unpacking long",
)


def build(component: Component, shape: Any, outputs: Outputs, seed: int, download: bool = False) -> nn.Module:
    """The model of a recipe, at theta0 of `seed`, as float32 on the CPU, in training mode.

    Integer and complex parameters keep their type. A name is one of the registry, ``torchvision:NAME``,
    ``module:callable`` or ``./file.py:callable``. A callable gets the recipe's parameters and, if its
    signature names them, `shape`, `outputs` and other keys of `Task.outputs`, such as `classes`.
    The state of torch's own generator does not change.

    Args:
        component: name and parameters.
        shape: of one example's inputs, see `datasets.batch.shape`.
        outputs: what a model must know (`Task.outputs`), or the number of outputs.
        seed: of theta0; where `portable` is false it seeds the global generators of torch, numpy and random
            while the model is built.
        download: whether absent pretrained weights may be downloaded.

    Raises:
        ComponentError: the name is unknown, the parameters do not fit, or the result is no nn.Module.
        CapacityError: the model does not fit the main memory.
    """
    with _allocating(component.name):
        with user_code.seeded(seed):
            module = _module(component, shape, outputs, download)
        module = module.to("cpu").train()
        return initialise(module, seed) if portable(component) else module


def refuse_large(component: Component, shape: Any, outputs: Outputs) -> None:
    """CapacityError for a shipped model that does not fit the free memory, before it is allocated."""
    # Not for user code, which would run twice.
    if component.name in REGISTRY:
        bare = skeleton(component, shape, outputs)
        refuse_size(0 if bare is None else sum(parameter.numel() for parameter in bare.parameters()))


def skeleton(component: Component, shape: Any, outputs: Outputs) -> nn.Module | None:
    """The model on torch's meta device, where tensors have shapes but take no memory.

    Arguments and errors are those of `build`. None for a model whose code needs the values of tensors.
    """
    with _allocating(component.name):
        try:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                return _module(component, shape, outputs)
        except (NotImplementedError, ComponentError) as error:
            # torch's error for values on the meta device, which user_code wraps.
            if isinstance(error.__cause__ or error, NotImplementedError):
                return None
            raise


def _module(component: Component, shape: Any, outputs: Outputs, download: bool = False) -> nn.Module:
    module = _make(component, _tuples(shape), outputs, download)
    if not isinstance(module, nn.Module):
        raise ComponentError(f"{component.name} returned a {type(module).__name__}, not a torch.nn.Module")
    return module.float()  # not `to(torch.float32)`, which would drop imaginary parts


def compact(outputs: Mapping[str, Any]) -> Outputs:
    """`outputs` as files store them: the number of outputs alone where all values are that number."""
    # Files of version 0.1 have one number there, and new ones of the same content have the same bytes.
    names, count = {"outputs", "classes", "vocabulary"}, outputs["outputs"]
    return count if outputs.keys() <= names and {*outputs.values()} == {count} else dict(outputs)  # type: ignore[no-any-return]


def portable(component: Component) -> bool:
    """Whether theta0 of a component is portable, see `models.is_portable`."""
    return is_portable(component.name)


@contextmanager
def _allocating(name: str) -> Iterator[None]:
    """Turn an allocation failure, here or in user code, into a CapacityError."""
    try:
        yield
    except Exception as error:
        if too_large(error) or too_large(error.__cause__):
            message = f"model {name!r} does not fit the main memory"
            raise CapacityError(message, "use smaller widths") from error
        raise


def too_large(error: BaseException | None) -> bool:
    """Whether an error means that an allocation failed."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # TypeError: torch's "Overflow when unpacking long" for a size beyond 64 bits.
    return isinstance(error, RuntimeError | TypeError) and any(words in str(error) for words in _TOO_LARGE)


def _make(component: Component, shape: Any, outputs: Outputs, download: bool) -> Any:
    name, params = component.name, component.params
    count = outputs if isinstance(outputs, int) else int(outputs["outputs"])
    if name.startswith(TORCHVISION):
        return torchvision_model(name, params, count, download)
    if ":" in name and name not in REGISTRY:
        known = {} if isinstance(outputs, int) else dict(outputs)
        # A file that stores one number had a task of classes or a vocabulary of that size, see `compact`.
        context = {"classes": count, "vocabulary": count, **known, "outputs": count, "shape": shape}
        return user_code.call(name, user_code.find(name), params, context)
    return REGISTRY.open(name)(shape, count, **REGISTRY.filled(name, params))


def _tuples(shape: Any) -> Any:
    """A shape with tuples in place of lists, which is what JSON has."""
    if isinstance(shape, Mapping):  # a batch of named tensors
        return {name: _tuples(size) for name, size in shape.items()}
    return tuple(map(_tuples, shape)) if isinstance(shape, list | tuple) else shape
