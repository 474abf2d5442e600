"""How data are loaded: the data set that a recipe names, put through the transformations that all share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from idim_cli.core import user_code
from idim_cli.core.errors import ComponentError, DataError
from idim_cli.core.machine import data_root
from idim_cli.datasets import REGISTRY
from idim_cli.datasets.split import Data, Source, Split
from idim_cli.datasets.transform import transform
from idim_cli.recipe.components import filled
from idim_cli.recipe.schema import Component

__all__ = ["Data", "Source", "Split", "load"]

T = TypeVar("T")
_SHARED = frozenset(inspect.signature(transform).parameters) - {"source"}


def load(component: Component, root: str | None = None, download: bool = False) -> Data:
    """The data set that a recipe names, split and transformed as its parameters say, on the CPU.

    Names are those of the registry, ``module:callable`` or ``./file.py:callable``. A callable returns a
    `Source`; it gets the recipe's parameters and, if its signature names them, `root` and `download`.

    Args:
        component: name and parameters, those of `transform` included.
        root: folder of the files; otherwise the environment variable IDIM_DATA.
        download: fetch what is missing. Nothing is ever downloaded unasked.

    Raises:
        DataError: files are absent or damaged, the parameters do not suit the data, or the tensors are none
            that can be trained on.
        ComponentError: the name is unknown, or the parameters do not fit.
        MissingExtraError: the data set needs a package that is not installed.
    """
    params = filled(component, "dataset").params
    own = {key: value for key, value in params.items() if key not in _SHARED}
    shared = {key: value for key, value in params.items() if key in _SHARED}
    source = _source(component.name, own, data_root(root), download)
    return transform(_sound_source(component.name, source), **shared)


def _source(name: str, params: dict[str, Any], root: Path | None, download: bool) -> Source:
    if ":" in name and name not in REGISTRY:
        context = {"root": root, "download": download}
        source = _drawn(lambda: user_code.call(name, user_code.find(name), params, context))
    else:
        source = REGISTRY.open(name)(root, download, **params)
    if not isinstance(source, Source):
        raise ComponentError(
            f"{name} returned a {type(source).__name__}, not an idim_cli.datasets.split.Source"
        )
    return source


def _drawn(make: Callable[[], T]) -> T:
    """What `make` returns: the same in every process, also where it draws a split or an order."""
    with user_code.seeded(0):
        return make()


def _sound_source(name: str, source: Source) -> Source:
    """`source`, its splits looked at; the test split when it is read."""
    classes, read_test, held = source.classes, source.test, source.validation
    if not isinstance(classes, int) or classes < 1:
        raise DataError(f"{name}: classes should be a whole number, at least 1, not {classes!r}")
    if not callable(read_test):
        raise DataError(f"{name}: test is a {type(read_test).__name__}, not a function that reads the split")
    return Source(
        train=_sound(source.train, classes, f"{name}: training split"),
        test=lambda: _sound(_drawn(read_test), classes, f"{name}: test split"),
        classes=classes,
        validation=_sound(held, classes, f"{name}: validation split") if isinstance(held, Split) else held,
        notes=source.notes,
    )


def _sound(split: Split, classes: int, what: str) -> Split:
    """`split`; DataError, which names it by `what`, if it is not as `Split` says."""
    if flaw := next(_flaws(split, classes), None):
        raise DataError(f"{what}: {flaw}", "see idim_cli.datasets.split.Split")
    return split


def _flaws(split: Split, classes: int) -> Iterator[str]:
    """What is wrong, in words; each is looked at only if nothing was wrong before."""
    if not isinstance(split, Split):
        yield f"should be a Split, not a {type(split).__name__}"
    for name, tensor in (("x", split.x), ("y", split.y)):
        if not isinstance(tensor, Tensor):
            yield f"{name} should be a torch.Tensor, not a {type(tensor).__name__}"
    x, y = split.x, split.y
    if x.dtype not in (torch.float32, torch.int64):
        yield f"x should be float32 (or int64 for tokens), not {_dtype(x)}"
    if y.dtype != torch.int64 or y.ndim != 1:
        yield f"y should be int64 [n], not {_dtype(y)} of shape {[*y.shape]}"
    if x.ndim < 1 or len(x) != len(y):
        yield f"x of shape {[*x.shape]} does not hold one example for each of {len(y)} labels"
    if x.numel() == 0:
        yield f"there are no examples: x has shape {[*x.shape]}"
    if not all(end.isfinite() for end in torch.aminmax(x)):
        yield "x holds NaN or infinite numbers"
    low, high = (int(end) for end in torch.aminmax(y))
    if low < 0 or high >= classes:
        yield f"labels should lie in 0 .. {classes - 1}, found {low} .. {high}"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
