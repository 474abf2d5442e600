"""Which parameters of a network a subspace moves, and which networks it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from idim_cli.core import shared_memory
from idim_cli.core.errors import ComponentError

# Types that a real step can be added to; 8-bit floats have no addition.
_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


#: What to do about a parameter that a subspace cannot move.
FREEZE = "freeze it (requires_grad=False), or leave it out by `trainable`"


class Native(NamedTuple):
    """A parameter that a subspace moves.

    Attributes:
        name: its first name in the module's order.
        parameter: the tensor at theta_0.
        places: every other place of the same weight; a module used twice is one place.
    """

    name: str
    parameter: nn.Parameter
    places: tuple[str, ...] = ()


def native_parameters(
    module: nn.Module, trainable: Sequence[str] | None = None
) -> list[tuple[str, nn.Parameter]]:
    """The parameters that a subspace moves, in the module's order; a tied parameter counts once.

    Parameters with ``requires_grad=False`` stay as they are and do not count in D. Weights that are tied, by
    one Parameter in two places or by shared memory of two (``a.data = b.data``), stay tied.

    Args:
        module: the network.
        trainable: shell patterns of parameter names (``"head.*"``), any name of a tied one; None means all.

    Raises:
        ComponentError: the model is no module or has no parameters to move; `trainable` is empty or a pattern
            matches no parameter; the model contains a Subspace; a parameter is lazy, complex, sparse,
            expanded, of whole numbers, or shares part of its memory.
    """
    return [(one.name, one.parameter) for one in admit(module, trainable)]


def admit(module: nn.Module, trainable: Sequence[str] | None = None) -> list[Native]:
    """As `native_parameters`, with all places of each parameter."""
    if not isinstance(module, nn.Module):
        raise ComponentError(f"module is a {type(module).__name__}, not a Module", "give a torch.nn.Module")
    if any(getattr(type(part), "holds_native", False) for part in module.modules()):
        raise ComponentError("the model is in a subspace already", "give the network itself")
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        message = "the model is TorchScript, whose parameters cannot be replaced in a forward pass"
        raise ComponentError(message, "give the module that it was compiled from")
    # First: a lazy parameter has no memory and no number of elements, which the other checks need.
    for name, tensor in places(module):
        if is_lazy(tensor):
            message = f"{name!r} has no shape yet: its module is lazy"
            raise ComponentError(message, "run one batch through the network first")
    chosen = _chosen(module, trainable)
    for name, parameter, _ in chosen:
        _refuse_kind(name, parameter)
    _refuse_sparse(module, {id(one.parameter) for one in chosen})
    _refuse_shared(module, chosen)
    _refuse_hooks(module, chosen)
    if not sum(one.parameter.numel() for one in chosen):
        raise ComponentError("the parameters have no elements", "there is nothing to train")
    return chosen


def places(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every place of a parameter or buffer by name, once: a module used twice has its first name."""
    for prefix, part in module.named_modules():
        yield from part.named_parameters(prefix, recurse=False, remove_duplicate=False)
        yield from part.named_buffers(prefix, recurse=False, remove_duplicate=False)


def _chosen(module: nn.Module, trainable: Sequence[str] | None) -> list[Native]:
    # Each weight with all its names, in the module's order.
    names: dict[object, tuple[nn.Parameter, list[str]]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(_weight(parameter), (parameter, []))[1].append(name)
    if not names:
        raise ComponentError("the model has no parameters", "there is nothing to train")
    free = {key for key, (parameter, _) in names.items() if parameter.requires_grad}
    if not free:
        raise ComponentError(
            "the model has no trainable parameters: all have requires_grad=False",
            "a Subspace freezes the network that it wraps: call network.requires_grad_(True)",
        )
    matched = set(names) if trainable is None else _matched(names, free, _patterns(trainable))
    # `names` has both names of a module that is used twice; a forward pass must replace each place once.
    first: dict[object, list[str]] = {}
    for name, tensor in places(module):
        if isinstance(tensor, nn.Parameter):
            first.setdefault(_weight(tensor), []).append(name)
    return [
        Native(others[0], parameter, tuple(place for place in first[key] if place != others[0]))
        for key, (parameter, others) in names.items()
        if key in free & matched
    ]


def _weight(parameter: nn.Parameter) -> object:
    """A key that is the same for tied parameters: their memory and how it is read, or the object's id."""
    span = shared_memory.span(parameter)
    if span is None:
        return id(parameter)
    # requires_grad too: a frozen view of a free weight is refused later, as they share memory.
    return span, parameter.shape, parameter.stride(), parameter.dtype, parameter.requires_grad


def _matched(
    names: dict[object, tuple[nn.Parameter, list[str]]], free: set[object], patterns: list[str]
) -> set[object]:
    """The weights that match the patterns; ComponentError for a pattern that matches no free weight."""
    matched: set[object] = set()
    for pattern in patterns:
        found = {key for key, (_, own) in names.items() if any(fnmatchcase(name, pattern) for name in own)}
        if not found:
            known = ", ".join(name for _, own in names.values() for name in own)
            raise ComponentError(f"no parameter of the model matches {pattern!r}", f"it has {known}")
        if not found & free:
            raise ComponentError(
                f"the pattern {pattern!r} of trainable matches frozen parameters alone (requires_grad=False)",
                "set requires_grad=True on the parameters to train",
            )
        matched |= found
    return matched


def _patterns(trainable: Sequence[str]) -> list[str]:
    several = isinstance(trainable, Sequence) and not isinstance(trainable, str)
    if not several or not all(isinstance(pattern, str) for pattern in trainable):
        raise ComponentError(f"trainable is {trainable!r}", 'give a list of patterns, such as ["head.*"]')
    if not trainable:
        raise ComponentError("trainable names no parameters", "leave it out to train all of them")
    return list(trainable)


def _refuse_kind(name: str, parameter: nn.Parameter) -> None:
    if parameter.is_complex():
        hint = f"store its real and imaginary parts (torch.view_as_real), or {FREEZE}"
        raise ComponentError(f"the parameter {name!r} is complex, and P is real", hint)
    if parameter.dtype not in _REAL or parameter.layout != torch.strided:
        kind = str(parameter.dtype if parameter.layout == torch.strided else parameter.layout)
        kind = kind.removeprefix("torch.")
        raise ComponentError(f"the parameter {name!r} is {kind}, which a subspace cannot move", FREEZE)
    if shared_memory.overlaps_itself(parameter):
        raise ComponentError(
            f"the parameter {name!r} is expanded: its elements share memory and cannot move independently",
            "expand it in forward instead, or clone it first: nn.Parameter(tensor.clone())",
        )


def _refuse_hooks(module: nn.Module, chosen: Sequence[Native]) -> None:
    """Refuse hooks that would never run."""
    # A frozen parameter accumulates no gradient. `Subspace` moves the plain hooks of a weight's first name to
    # theta; those of its other names would be lost.
    for one in chosen:
        for name in (one.name, *one.places):
            parameter = attrgetter(name)(module)
            if parameter._post_accumulate_grad_hooks or (
                parameter is not one.parameter and parameter._backward_hooks
            ):
                raise ComponentError(
                    f"a hook of the parameter {name!r} would never run: a subspace makes no gradient for it",
                    "remove it, or use register_hook, on the first of tied parameters",
                )


def _refuse_sparse(module: nn.Module, chosen: set[int]) -> None:
    for name, part in module.named_modules():
        embeds = isinstance(part, nn.Embedding | nn.EmbeddingBag) and part.sparse
        if embeds and id(part.weight) in chosen:
            raise ComponentError(
                f"{name or 'the embedding'!r} makes sparse gradients, but P' needs dense gradients",
                "build the embedding with sparse=False; its values are the same",
            )


def _refuse_shared(module: nn.Module, chosen: Sequence[Native]) -> None:
    """Refuse a weight that shares part of its memory with another tensor."""
    # An optimizer moves both in place; a subspace would give the weight memory of its own.
    own = {place for one in chosen for place in (one.name, *one.places)}
    others = [(name, tensor) for name, tensor in places(module) if name not in own]
    clash = shared_memory.overlap([(one.name, one.parameter) for one in chosen], others)
    if clash is not None:
        raise ComponentError(
            f"{clash[0]!r} and {clash[1]!r} share memory, so one cannot move without the other",
            "clone one of them, or tie them as one Parameter",
        )
