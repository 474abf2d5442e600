"""Problems and projectors that a file names by one number instead of a description.

The table belongs to the format: rows are only ever added and never change, because existing files refer to
them. All parameters are written out, so that changes of defaults have no effect here. No torch here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from idim_cli.compression.format.spec import Spec
from idim_cli.recipe.schema import Component

# Numbers that are reserved for the projectors of each problem; part of the format.
_SLOTS = 16

_PLAIN = {"validation": None, "validation_seed": None, "shuffle_labels": None, "fraction": 1.0}
_PIXELS = {**_PLAIN, "shuffle_pixels": None}
_IMAGES, _NORMALISED = {**_PIXELS, "normalise": False}, {**_PIXELS, "normalise": True}
_FC, _SMALL = {"depth": 2, "width": 200, "dropout": 0.0}, {"depth": 1, "width": 32, "dropout": 0.0}

#: From 1: model, data set, shape of an example, D. All have ten classes.
_PROBLEMS: tuple[tuple[str, dict[str, Any], str, dict[str, Any], list[int], int], ...] = (
    ("fc", _FC, "mnist", _IMAGES, [1, 28, 28], 199_210),
    ("lenet", {"dropout": 0.0}, "mnist", _IMAGES, [1, 28, 28], 44_426),
    ("fc", _SMALL, "digits", _PIXELS, [1, 8, 8], 2_410),
    ("lenet", {"dropout": 0.0}, "cifar10", _NORMALISED, [3, 32, 32], 62_006),
    ("fc", _FC, "cifar10", _NORMALISED, [3, 32, 32], 656_810),
    ("fc", _FC, "fashion_mnist", _IMAGES, [1, 28, 28], 199_210),
    ("lenet", {"dropout": 0.0}, "fashion_mnist", _IMAGES, [1, 28, 28], 44_426),
)
#: From 0.
_PROJECTORS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tied", {}),
    ("sparse", {"density": None}),
    ("fastfood", {"stacked": True}),
    ("dense", {"orthogonal": False}),
    ("identity", {}),
    ("fastfood", {"stacked": False}),
    ("layerwise", {"inner": "tied"}),
)


def number(spec: Spec, D: int) -> int:
    """The number of this spec with this D; 0 if it has none."""
    # With D, so that a model of the same name but another size gets no number.
    return next((n for n in numbers() if named(n) == (spec, D)), 0)


def named(number: int) -> tuple[Spec, int]:
    """The spec and the D of a number; KeyError for one that is not in the table."""
    problem, slot = divmod(number, _SLOTS)
    if not (1 <= problem <= len(_PROBLEMS) and slot < len(_PROJECTORS)):
        raise KeyError(number)
    model, params, dataset, loading, shape, D = _PROBLEMS[problem - 1]
    projector, settings = _PROJECTORS[slot]
    spec = Spec(
        model=Component(name=model, params=params),
        projector=Component(name=projector, params=settings),
        dataset=Component(name=dataset, params=loading),
        task=Component(name="classify", params={"score": "validation"}),
        shape=shape,
        classes=10,
        buffers=[],
    )
    return spec, D


def numbers() -> Iterator[int]:
    """All numbers in the table."""
    for problem in range(len(_PROBLEMS)):
        yield from range((problem + 1) * _SLOTS, (problem + 1) * _SLOTS + len(_PROJECTORS))
