"""Batches: any pytree of tensors (a tensor, tuple or dict), and which of its parts a model and a task get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from idim_cli.core.errors import ComponentError, DataError

#: Keys that may hold the targets of a dict, as text and vision libraries call them; the first present does.
TARGETS = ("labels", "label", "targets", "target", "y")


class Parts(NamedTuple):
    """A batch split into what the model is called with and the targets (None if there are none)."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    targets: Any


def parts(batch: Any) -> Parts:
    """Split a batch, or the data of a whole split, into the arguments of the model and the targets.

    A tuple holds the inputs and, last, the targets; a dict holds the targets under one of `TARGETS`, and its
    other entries are keyword arguments; a tensor alone is the input of a problem without targets.

    >>> parts({"input_ids": 1, "labels": 2})
    Parts(args=(), kwargs={'input_ids': 1}, targets=2)
    """
    if isinstance(batch, Mapping):
        name = _target_key(batch)
        return Parts((), {key: value for key, value in batch.items() if key != name}, batch.get(name))
    if isinstance(batch, tuple | list):  # default_collate returns lists
        return Parts(tuple(batch[:-1]), {}, batch[-1])
    return Parts((batch,), {}, None)


def with_targets(batch: Any, targets: Any) -> Any:
    """The same batch with other targets."""
    if isinstance(batch, Mapping):
        name = _target_key(batch)
        return {key: targets if key == name else value for key, value in batch.items()}
    return (*batch[:-1], targets)


def _target_key(batch: Mapping[str, Any]) -> str | None:
    # The first alone: with `labels`, an entry `y` is an input of the model.
    return next((name for name in TARGETS if name in batch), None)


def predictions(returned: Any) -> Tensor:
    """The tensor in what a model returned: itself, or the `logits` of a dict or an object.

    Raises:
        ComponentError: there is no such tensor.
    """
    if isinstance(returned, Tensor):
        return returned
    found = returned.get("logits") if isinstance(returned, Mapping) else getattr(returned, "logits", None)
    # Of a tuple, such as one with auxiliary outputs for training, all but one part would be dropped silently.
    if isinstance(returned, tuple) or not isinstance(found, Tensor):
        hint = "return one tensor, or a dict or an object with `logits`"
        raise ComponentError(f"the model returned a {type(returned).__name__}, not a tensor", hint)
    return found


def shape(batch: Any) -> Any:
    """The shape of one example's inputs: a tuple of sizes, a tuple of these, or a dict of these."""
    args, kwargs, _ = parts(batch)
    sizes = pytree.tree_map(lambda tensor: _Shape(tensor.shape[1:]), kwargs or args)
    plain = pytree.tree_map(lambda size: size.sizes, sizes, is_leaf=lambda one: isinstance(one, _Shape))
    return plain if kwargs or len(args) != 1 else plain[0]


class _Shape:
    # A leaf: pytree functions would treat a tuple of sizes as a tuple of leaves.

    def __init__(self, sizes: torch.Size) -> None:
        self.sizes = tuple(sizes)


def mapped(function: Any, batch: Any) -> Any:
    """The batch with `function` applied to each tensor."""
    # Not isinstance: a named tuple has to stay one, as in the general case below.
    if type(batch) is tuple and all(isinstance(leaf, Tensor) for leaf in batch):
        # The usual form, without the walk over a tree, which takes a tenth of the time of a small step.
        return tuple(map(function, batch))
    return pytree.tree_map(function, batch)


def leaves(batch: Any) -> list[Tensor]:
    """All tensors of a batch."""
    return pytree.tree_leaves(batch)


def tensors(batch: Any) -> dict[str, Tensor]:
    """All tensors of a batch by name: ``x`` and ``y`` of a pair, else the keys or indices that lead to each.

    Raises:
        DataError: a part is not a tensor.
    """
    # Digests contain these names: with another name a split would have another digest.
    if isinstance(batch, tuple) and len(batch) == 2:
        batch = {"x": batch[0], "y": batch[1]}
    found = {}
    for path, leaf in pytree.tree_flatten_with_path(batch)[0]:
        name = ".".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path)
        if not isinstance(leaf, Tensor):
            raise DataError(f"{name} should be a torch.Tensor, not a {type(leaf).__name__}")
        found[name] = leaf
    return found
