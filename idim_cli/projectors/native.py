"""The gatekeeper: which parameters of a network a subspace moves, and which networks it refuses, and why."""

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

#: What a real step can be added to.
_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class Native(NamedTuple):
    """A parameter that a subspace moves.

    Attributes:
        name: its first name in the module's order.
        parameter: the tensor at theta_0.
        places: every other place of the same weight; a module that is used twice is one place.
    """

    name: str
    parameter: nn.Parameter
    places: tuple[str, ...] = ()


def native_parameters(
    module: nn.Module, trainable: Sequence[str] | None = None
) -> list[tuple[str, nn.Parameter]]:
    """The parameters that a subspace moves, in the module's order; a tied parameter counts once.

    Parameters with ``requires_grad=False`` are their owner's: they stay, and do not count in D. Weights that
    are tied, by one Parameter in two places or by one memory of two (``a.data = b.data``), stay tied.

    Args:
        module: the network.
        trainable: shell patterns of parameter names (``"head.*"``), any name of a tied one; None means all.

    Raises:
        ComponentError: the model is no module or has no parameters to move, a pattern matches none, there is
            no pattern, the model has a Subspace in it, or a parameter cannot be moved by real numbers: a
            lazy, complex, sparse or expanded one, one of whole numbers, one that shares part of its memory.
    """
    return [(one.name, one.parameter) for one in admit(module, trainable)]


def admit(module: nn.Module, trainable: Sequence[str] | None = None) -> list[Native]:
    """As `native_parameters`, with all places of each parameter."""
    if not isinstance(module, nn.Module):
        raise ComponentError(f"module is a {type(module).__name__}, and no Module", "give a torch.nn.Module")
    if any(getattr(type(part), "holds_native", False) for part in module.modules()):
        raise ComponentError("the model is in a subspace already", "a network of its own is wanted")
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise ComponentError(
            "the model is TorchScript, whose parameters stay in place", "give the module itself"
        )
    _refuse_lazy(module)
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
    """Every place of a parameter or buffer by name, once: a module that is used twice by its first name."""
    for prefix, part in module.named_modules():
        yield from part.named_parameters(prefix, recurse=False, remove_duplicate=False)
        yield from part.named_buffers(prefix, recurse=False, remove_duplicate=False)


def _chosen(module: nn.Module, trainable: Sequence[str] | None) -> list[Native]:
    names = _names(module)
    if not names:
        raise ComponentError("the model has no parameters", "there is nothing to train")
    free = {key for key, (parameter, _) in names.items() if parameter.requires_grad}
    if not free:
        raise ComponentError(
            "the model has no trainable parameters: all have requires_grad=False",
            "a Subspace freezes the network that it takes over; network.requires_grad_(True) frees it",
        )
    matched = set(names) if trainable is None else _matched(names, free, _patterns(trainable))
    first = _first_places(module)
    return [
        Native(others[0], parameter, tuple(place for place in first[key] if place != others[0]))
        for key, (parameter, others) in names.items()
        if key in free & matched
    ]


def _names(module: nn.Module) -> dict[object, tuple[nn.Parameter, list[str]]]:
    """Each weight with all its names, in the module's order."""
    found: dict[object, tuple[nn.Parameter, list[str]]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        found.setdefault(_weight(parameter), (parameter, []))[1].append(name)
    return found


def _first_places(module: nn.Module) -> dict[object, list[str]]:
    found: dict[object, list[str]] = {}
    for name, tensor in places(module):
        if isinstance(tensor, nn.Parameter):
            found.setdefault(_weight(tensor), []).append(name)
    return found


def _weight(parameter: nn.Parameter) -> object:
    """What tells a weight from others: its memory and how that is read, or the Parameter itself."""
    lies = shared_memory.span(parameter)
    if lies is None:
        return id(parameter)
    return lies, parameter.shape, parameter.stride(), parameter.dtype, parameter.requires_grad


def _matched(
    names: dict[object, tuple[nn.Parameter, list[str]]], free: set[object], patterns: list[str]
) -> set[object]:
    """The weights that the patterns name; each pattern has to name one that may be moved."""
    matched: set[object] = set()
    for pattern in patterns:
        found = {key for key, (_, own) in names.items() if any(fnmatchcase(name, pattern) for name in own)}
        if not found:
            known = ", ".join(name for _, own in names.values() for name in own)
            raise ComponentError(f"no parameter of the model matches {pattern!r}", f"it has {known}")
        if not found & free:
            raise ComponentError(
                f"{pattern!r} of trainable names frozen parameters alone (requires_grad=False)",
                "set requires_grad=True on those that are to be moved",
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


def _refuse_lazy(module: nn.Module) -> None:
    for name, tensor in places(module):
        if is_lazy(tensor):
            raise ComponentError(
                f"{name!r} has no shape yet: its module is lazy", "run one batch through the network first"
            )


def _refuse_kind(name: str, parameter: nn.Parameter) -> None:
    freeze = "freeze it (requires_grad=False), or leave it out by `trainable`"
    if parameter.is_complex():
        hint = f"store its real and imaginary parts (torch.view_as_real), or {freeze}"
        raise ComponentError(f"the parameter {name!r} is complex, and P is real", hint)
    if parameter.dtype not in _REAL or parameter.layout != torch.strided:
        kind = str(parameter.dtype if parameter.layout == torch.strided else parameter.layout)
        kind = kind.removeprefix("torch.")
        raise ComponentError(f"the parameter {name!r} is {kind}, which no P moves", freeze)
    if shared_memory.overlaps_itself(parameter):
        raise ComponentError(
            f"elements of the parameter {name!r} share their memory (it is expanded): none can move alone",
            "expand it in forward instead, or clone it before: nn.Parameter(tensor.clone())",
        )


def _refuse_hooks(module: nn.Module, chosen: Sequence[Native]) -> None:
    """Refuse hooks that have no gradient to run on; those on a parameter's first name run on theta's."""
    for one in chosen:
        for name in (one.name, *one.places):
            parameter = attrgetter(name)(module)
            if parameter._post_accumulate_grad_hooks or (
                parameter is not one.parameter and parameter._backward_hooks
            ):
                raise ComponentError(
                    f"a hook of the parameter {name!r} waits for a gradient that a subspace does not make",
                    "only register_hook works, of tied parameters on the first one: use that, or remove it",
                )


def _refuse_sparse(module: nn.Module, chosen: set[int]) -> None:
    for name, part in module.named_modules():
        embeds = isinstance(part, nn.Embedding | nn.EmbeddingBag) and part.sparse
        if embeds and id(part.weight) in chosen:
            raise ComponentError(
                f"{name or 'the embedding'!r} makes sparse gradients, and P' takes dense ones",
                "make the embedding with sparse=False; its numbers are the same",
            )


def _refuse_shared(module: nn.Module, chosen: Sequence[Native]) -> None:
    """Refuse a weight part of which is another tensor's memory: an optimiser would have moved both."""
    own = {place for one in chosen for place in (one.name, *one.places)}
    others = [(name, tensor) for name, tensor in places(module) if name not in own]
    clash = shared_memory.overlap([(one.name, one.parameter) for one in chosen], others)
    if clash is not None:
        raise ComponentError(
            f"{clash[0]!r} and {clash[1]!r} share memory: one cannot be moved without the other",
            "give each a tensor of its own (clone), or tie them as one Parameter",
        )
