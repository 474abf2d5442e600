"""Transformations that every data set has: held-out examples, shuffled labels or pixels, a fraction."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from idim_cli.core.errors import DataError
from idim_cli.core.rng import Stream
from idim_cli.datasets import batch
from idim_cli.datasets.split import Data, Source, Split, Tensors
from idim_cli.datasets.spread import is_sorted, spread, strata

#: Ends a note about examples that are taken from each class; `transform` makes a warning of such a note.
_SORTED = "the examples are sorted by class"


def transform(
    source: Source,
    *,
    validation: Annotated[int, Field(ge=1)] | None = None,
    validation_seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None,
    shuffle_labels: Annotated[int, Field(ge=0, lt=2**63)] | None = None,
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0,
    shuffle_pixels: Annotated[int, Field(ge=0, lt=2**63)] | None = None,
) -> Data:
    """Split a data set and transform it; the steps follow the order of the arguments.

    Args:
        source: the data set as it is stored.
        validation: how many training examples are held out; by default as the data set declares. They are
            the last ones; in data sorted by class, the last of each class.
        validation_seed: hold out random examples, drawn with this seed, instead of the last ones.
        shuffle_labels: permute the labels of the training split with this seed (paper, section 3.1);
            validation and test keep theirs.
        fraction: train on the first part of the training split only; in data sorted by class, on the first
            part of each class.
        shuffle_pixels: permute the positions of every image of all splits by one permutation of this
            seed (paper, section 3.1); the channels of a pixel stay together.

    Raises:
        DataError: no examples would be held out, or all of them.
    """
    read_test = source.test  # without `source`, so that the data as stored are freed
    train, held, notes = _hold_out(source, validation, validation_seed)
    warnings = [*source.notes, *(note for note in notes if _SORTED in note)]
    # After validation is held out, which keeps its labels; before the fraction, so that a label stays the
    # same whatever the fraction is.
    if shuffle_labels is not None:
        train = _shuffled_targets(train, shuffle_labels)
        notes.append(f"training labels permuted with seed {shuffle_labels}")
    if fraction < 1:
        train, note = _first(train, max(1, round(fraction * len(train))))
        notes.append(note)
    if shuffle_pixels is not None:
        notes.append(f"pixels permuted with seed {shuffle_pixels}")
    return Data(
        train=_pixels(train, shuffle_pixels),
        validation=_pixels(held, shuffle_pixels),
        test=lambda: _pixels(read_test(), shuffle_pixels),
        classes=source.classes,
        notes=(*source.notes, *notes),
        warnings=tuple(warnings),
        bytes_per_token=source.bytes_per_token,
    )


def _hold_out(source: Source, count: int | None, seed: int | None) -> tuple[Split, Split, list[str]]:
    """Training split, validation split, and in words how they were made."""
    if count is None and isinstance(source.validation, Split):
        note = f"validation: the data set's own {len(source.validation)}, training: {len(source.train)}"
        return source.train, source.validation, [note]
    held: object = source.validation if count is None else count
    held = max(1, len(source.train) // 10) if held is None else held  # a data set that declares nothing
    if not isinstance(held, int) or not 1 <= held < len(source.train):
        what = held if isinstance(held, int) else f"a {type(held).__name__}"
        message = f"validation: {what} cannot be held out of {len(source.train)} training examples"
        raise DataError(message, f"give a whole number from 1 to {len(source.train) - 1}, or a Split")
    pool, kept = source.train, len(source.train) - held
    which = f"the last {held}" if seed is None else f"the random (seed {seed}) {held}"
    # A random choice has each class in proportion anyway.
    labels = None if seed is not None else strata(pool.targets)
    if seed is not None:
        pool = pool.take(_permutation(seed, "validation", len(pool)))
    elif labels is not None and is_sorted(labels, held):
        # Held-out examples go to the end; the sort is stable, so that the others keep their order.
        pool = pool.take(spread(labels, held, last=True).byte().argsort(stable=True))
        which = f"the last of each class, {held}"
    note = f"validation: {which} of {len(pool)} training examples, training: the other {kept}"
    if which.startswith("the last of each"):
        note += f"; {_SORTED}"
    return pool.take(slice(kept)), pool.take(slice(kept, None)), [note]


def _first(train: Split, count: int) -> tuple[Split, str]:
    """The first examples, or the first of each class in sorted data; and in words which they are."""
    labels = strata(train.targets)
    # Flipped: `is_sorted` checks the last examples, and here the first are taken.
    if labels is None or not is_sorted(labels.flip(0), count):
        return train.take(slice(count)), f"training on the first {count}"
    return train.take(spread(labels, count)), f"training on the first of each class, {count}; {_SORTED}"


def _shuffled_targets(train: Split, seed: int) -> Split:
    """The same inputs with the targets of other examples."""
    targets = train.targets
    if targets is None:
        hint = "give the dataset an attribute `targets` with the target of each example"
        raise DataError("shuffle_labels: the targets are not known without reading all examples", hint)
    order = _permutation(seed, "shuffle_labels", len(train))
    return train.with_targets(batch.mapped(lambda tensor: tensor[order], targets))


def _pixels(split: Split, seed: int | None) -> Split:
    """Each example with its positions permuted; the channels of [C, H, W] stay together."""
    if seed is None:
        return split
    if not isinstance(split, Tensors):
        raise DataError("shuffle_pixels needs a data set that is held in memory", "leave it out")
    x = split.x
    if not isinstance(x, Tensor):
        raise DataError("shuffle_pixels needs examples of one tensor", "leave it out")
    # One permutation for all splits, as its seed and length are the same.
    flat = x.flatten(2 if x.ndim == 4 else 1)
    moved = flat[..., _permutation(seed, "shuffle_pixels", flat.shape[-1])].reshape(x.shape)
    return Tensors(moved if split.targets is None else (moved, split.targets))


def _permutation(seed: int, purpose: str, n: int) -> Tensor:
    return torch.from_numpy(Stream(seed, purpose).permutation(n))
