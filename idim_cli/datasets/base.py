"""Loading of the data set that a recipe names, with the transformations that all data sets share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from idim_cli.core import user_code
from idim_cli.core.errors import ComponentError, DataError
from idim_cli.core.machine import data_root, data_workers
from idim_cli.datasets import REGISTRY, batch
from idim_cli.datasets.split import Data, Source, Split, Tensors
from idim_cli.datasets.transform import transform
from idim_cli.recipe.components import filled
from idim_cli.recipe.schema import Component

__all__ = ["Data", "Source", "Split", "load"]

T = TypeVar("T")
_SEE = "see idim_cli.datasets.split.Split"
# From the signature, so that a new transformation is a parameter of every data set without a second list.
_SHARED = frozenset(inspect.signature(transform).parameters) - {"source"}


def load(
    component: Component, root: str | None = None, download: bool = False, workers: int | None = None
) -> Data:
    """The data set that a recipe names, split and transformed as its parameters say, on the CPU.

    Names are those of the registry, ``module:callable`` or ``./file.py:callable``. A callable returns a
    `Source`, or map-style PyTorch datasets: one to train on, or two or three to train, validate and test on.
    It gets the recipe's parameters and, if its signature names them, `root` and `download`.

    Args:
        component: name and parameters, those of `transform` included.
        root: folder of the files; otherwise the environment variable IDIM_DATA.
        download: fetch what is missing. Nothing is ever downloaded unasked.
        workers: processes that read examples ahead, of a data set that is not held in memory; otherwise the
            environment variable IDIM_DATA_WORKERS, else the cores that training leaves free.

    Raises:
        DataError: files are absent or damaged, the parameters do not suit the data, or the tensors
            cannot be trained on.
        ComponentError: the name is unknown, or the parameters do not fit.
        MissingExtraError: the data set needs a package that is not installed.
    """
    params = filled(component, "dataset").params
    own = {key: value for key, value in params.items() if key not in _SHARED}
    shared = {key: value for key, value in params.items() if key in _SHARED}
    source = _source(component.name, own, data_root(root), download)
    data = transform(_sound_source(component.name, source), **shared)
    # Not a parameter of the data set: any number of processes reads the same bits.
    number = data_workers() if workers is None else workers
    return replace(
        data,
        train=data.train.read_by(number),
        validation=data.validation.read_by(number),
        test=lambda: data.test().read_by(number),
    )


def _source(name: str, params: dict[str, Any], root: Path | None, download: bool) -> Source:
    # Code of the user's gets `root` and `download` only if it names them; registered data sets take both.
    if ":" in name and name not in REGISTRY:
        context = {"root": root, "download": download}
        source = _seeded(lambda: user_code.call(name, user_code.find(name), params, context))
    else:
        source = REGISTRY.open(name)(root, download, **params)
    return source if isinstance(source, Source) else _source_of(name, source)


def _source_of(name: str, found: Any) -> Source:
    """The source of one map-style dataset, or of two or three: training, validation, test."""
    parts = found if isinstance(found, tuple) else (found,)
    if not 1 <= len(parts) <= 3 or not all(map(_is_dataset, parts)):
        message = f"{name} returned a {type(found).__name__}, not an idim_cli.datasets.split.Source"
        raise ComponentError(
            message, "or a dataset with len(dataset) and dataset[i], or two or three of them"
        )
    train, held, test = (*parts, None, None)[:3]

    def read_test() -> Any:
        if test is None:
            raise DataError(f"{name} has no test split", "return three datasets, the last for testing")
        return test

    return Source(train, read_test, validation=held)


def _is_dataset(found: Any) -> bool:
    """Whether it is a split or a map-style dataset."""
    # Mappings, texts and tensors also have a length and an index, but are more likely a mistake.
    listed = hasattr(found, "__getitem__") and hasattr(found, "__len__")
    return isinstance(found, Split) or (
        listed and not isinstance(found, Mapping | str | bytes | torch.Tensor)
    )


def _seeded(make: Callable[[], T]) -> T:
    # Code of the user's may draw a split or an order from the global generators. Every process of a sweep has
    # to get the same data, whatever was drawn before.
    with user_code.seeded(0):
        return make()


def _sound_source(name: str, source: Source) -> Source:
    """`source` with its splits checked."""
    classes, read_test, held = source.classes, source.test, source.validation
    if classes is not None and (not isinstance(classes, int) or classes < 1):
        raise DataError(f"{name}: classes should be a whole number, at least 1, or None, got {classes!r}")
    if not callable(read_test):
        raise DataError(f"{name}: test is a {type(read_test).__name__}, not a function that reads the split")
    return Source(
        train=_sound(source.train, f"{name}: training split"),
        # Checked when it is read, which only an explicit final evaluation does.
        test=lambda: _sound(_seeded(read_test), f"{name}: test split"),
        classes=classes,
        validation=_sound(held, f"{name}: validation split") if _is_dataset(held) else held,
        notes=source.notes,
        bytes_per_token=source.bytes_per_token,
    )


def _sound(split: Any, what: str) -> Split:
    """`split`, or `Streamed` over a map-style dataset; DataError, which names it, if it cannot be used."""
    if not _is_dataset(split):
        kind = type(split).__name__
        raise DataError(f"{what}: should be a Split or have len(dataset) and dataset[i], not a {kind}", _SEE)
    if not isinstance(split, Split):
        from idim_cli.datasets.streamed import Streamed  # slow to import, and tensors do not need it

        split = Streamed(split)
    if flaw := next(_flaws(split), None):
        raise DataError(f"{what}: {flaw}", _SEE)
    return split


def _flaws(split: Split) -> Iterator[str]:
    """What is wrong with a split, in words. Targets are checked by `Task.check`."""
    # A generator of which only the first item is used: each check relies on those before it.
    if not isinstance(split, Tensors):  # checking the examples would read all of them
        if not len(split):
            yield "there are no examples"
        return
    try:
        named = batch.tensors(split.data)
    except DataError as error:
        yield error.message
        return
    counts = {name: len(tensor) if tensor.ndim else None for name, tensor in named.items()}
    if len({*counts.values()}) != 1 or None in counts.values():
        shapes = ", ".join(f"{name} {[*tensor.shape]}" for name, tensor in named.items())
        yield f"all tensors should have one entry for each example, got shapes {shapes}"
    if not len(split) or any(tensor.numel() == 0 for tensor in named.values()):
        yield f"there are no examples: shapes {', '.join(str([*tensor.shape]) for tensor in named.values())}"
    args, kwargs, _ = batch.parts(split.data)
    for tensor in batch.leaves((args, kwargs)):
        # Parameters are float32. Whole numbers (tokens, pixels, masks) are converted by the model, if at all.
        if tensor.dtype.is_floating_point and tensor.dtype != torch.float32:
            yield f"x should be float32 (or int64 for tokens), not {str(tensor.dtype).removeprefix('torch.')}"
    # In training these would look like divergence, and blame the learning rate. aminmax makes no copy, unlike
    # isfinite of the whole tensor.
    for name, tensor in named.items():
        if tensor.dtype.is_floating_point and not all(end.isfinite() for end in torch.aminmax(tensor)):
            yield f"{name} holds NaN or infinite numbers"
