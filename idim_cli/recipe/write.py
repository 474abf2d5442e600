"""A new recipe with a comment on every line that needs one, for a data set and a model by name."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from idim_cli.core import source_signature
from idim_cli.core.registry import registry, split
from idim_cli.recipe import override
from idim_cli.recipe.check import validate
from idim_cli.recipe.components import is_code
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import COMPONENTS
from idim_cli.recipe.source import SourceMap
from idim_cli.recipe.text import Dumper

_HEAD = """\
# How many degrees of freedom does {model} need on {dataset}?
#
#   idim recipes check {file}
#   idim train {file}              one run, at the d below
#   idim sweep {file} --dry-run    what the sweep would take, at most
#   idim sweep {file}              d_int90 within 10 %
#
# `idim recipes components` lists data sets, models, tasks, projectors, optimizers and schedules.
"""
_FLAT = "sweep.baseline.set"  # a mapping on one line: its keys are those of a recipe
#: Why a value is what it is, by key; the parameters of components are explained by their docstrings.
_WHY = {
    "d": "for `idim train`; a sweep chooses its own",
    "training.optimizer.lr": "in a subspace, steps want to be larger than in direct training",
    "training.schedule": "to zero at the end: short budgets need it",
    "training.batch_size": "examples a step",
    "training.epochs": "enough if a longer budget does not raise the baseline",
    "sweep.search": "brackets d_int90, then places runs where it most likely is",
    "sweep.baseline.seeds": "direct runs: their mean performance is the 100 %",
    _FLAT: "direct steps move every parameter: they must be smaller",
}
#: Of the user's own code, by kind: what it has to be.
_YOURS = {
    "dataset": "yours: a function that returns an idim_cli.datasets.split.Source",
    "model": "yours: a callable that returns an nn.Module",
    "task": "yours: a class as idim_cli.tasks.base.Task describes",
    "method": "yours: a subclass of idim_cli.methods.base.Method",
    "projector": "yours: a subclass of idim_cli.projectors.base.Projector",
    "optimizer": "yours: a callable (params, ...) that returns a torch.optim.Optimizer",
    "schedule": "yours: a function (steps, per_epoch, ...) -> (step -> factor of the learning rate)",
    "search": "yours: a class as idim_cli.search.base.Search describes",
}
_LR = 0.02  # of Adam on coordinates: fits most networks ...
_DIRECT = 20  # ... and direct steps are so many times smaller
_COMMENT, _WIDTH = 32, 110  # where comments begin, and where lines end


def written(
    file: str,
    dataset: str,
    model: str,
    task: str,
    projector: str,
    overrides: Sequence[str] = (),
    optimizer: str = "adam",
) -> str:
    """The text of a recipe that passes `check`.

    Args:
        file: that it is for, named in its opening comment and in faults.
        dataset, model, task, projector, optimizer: components by name, or code. A task may be a function
            (outputs, targets): a loss.
        overrides: ``key=value``, for what they need or what should differ.

    Raises:
        ComponentError: a component is unknown.
        RecipeError: an override is wrong, or a parameter that has no default is missing.
    """
    stepping, direct = _optimizer(optimizer)
    tree: dict[str, Any] = {
        "dataset": _full("dataset", dataset),
        "model": _full("model", model),
        "task": _task(task),
        "projector": _full("projector", projector),
        "d": 100,
        "training": {"optimizer": stepping, "schedule": "linear", "batch_size": 128, "epochs": 10},
        "sweep": {"search": "adaptive", "baseline": {"seeds": 3, "set": direct}},
    }
    source = SourceMap(file)
    faults = override.apply(tree, source, overrides)
    validate({"name": "new", **tree}, source, faults)  # so that an argument is named, not a file to come
    head = _HEAD.format(file=file, model=split(tree["model"])[0], dataset=split(tree["dataset"])[0])
    text = "\n".join([head, *_lines(tree, ""), ""])
    loads(text, file)  # a fault of this module must not reach the user's file
    return text


def _task(name: str) -> dict[str, Any] | str:
    """The task; of a loss of the user's both functions are named, so that they can be seen and changed."""
    if is_code(name, "task") and (found := source_signature.of_code(name)):
        needed = [one for one in found.parameters if one.default is ... and not one.is_keyword_only]
        if len(needed) == 2:
            return {"name": "loss", "loss": name, "score": f"{name.rpartition(':')[0]}:score"}
    return _full("task", name)


def _optimizer(name: str) -> tuple[dict[str, Any] | str, dict[str, float]]:
    """The optimizer with its learning rate, and what direct training changes of it."""
    if name == "adam":
        return {"name": name, "lr": _LR}, {"training.optimizer.lr": _LR / _DIRECT}
    field = registry("optimizer").parameters(name).model_fields.get("lr")
    if field is None or not isinstance(field.default, int | float):
        return name, {}
    # The defaults of torch's and our optimizers are meant for direct training. As a rate of coordinates they
    # train too little, and a baseline of a twentieth even less, which would pass for an easy problem. What
    # the default of a user's own optimizer is meant for is not known.
    scale = 1 if is_code(name, "optimizer") and not name.startswith("torch:") else _DIRECT
    rate = field.default * scale
    return {"name": name, "lr": rate}, {"training.optimizer.lr": rate / _DIRECT}


def _full(kind: str, name: str) -> dict[str, Any] | str:
    """The component with its own parameters at their defaults, to be changed."""
    if is_code(name, kind):
        return name
    room = registry(kind)
    shared = set(_shared(kind))
    fields = room.parameters(name).model_fields.items()
    own = {key: field.default for key, field in fields if key not in shared and not field.is_required()}
    # YAML has no tuples, and None means that the component decides.
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in own.items() if v is not None}
    return {"name": name, **plain} if plain else name


def _shared(kind: str) -> Iterator[str]:
    """The parameters that all components of a kind have."""
    # Left out: a new recipe shows the options that are special to its component.
    room = registry(kind)
    if room.shared:
        names = [set(room.parameters(name).model_fields) for name in room]
        yield from set.intersection(*names)


def _lines(tree: Mapping[str, Any], path: str) -> Iterator[str]:
    """The mapping at `path` line by line, with an empty line before training and sweep."""
    indent = "  " * (path.count(".") + bool(path))
    for key, value in tree.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict) and value and here != _FLAT:
            yield from [""] * (here in ("training", "sweep"))
            yield f"{indent}{key}:"
            yield from _lines(value, here)
        else:
            yield _line(f"{indent}{key}: {_flow(value)}", _why(here, value, tree))


def _flow(value: Any) -> str:
    # PyYAML ends a single value with the mark of a document's end.
    text = yaml.dump(value, Dumper=Dumper, default_flow_style=True, sort_keys=False, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")


def _line(text: str, why: str) -> str:
    room = _WIDTH - max(_COMMENT, len(text) + 1) - 2
    return f"{text.ljust(_COMMENT)} # {_fitting(why, room)}" if why else text


def _fitting(text: str, room: int) -> str:
    """As many of the first clauses as fit."""
    text = text.partition(". ")[0].removesuffix(".")
    ends = [len(text), *(found.start() for found in re.finditer(r"[:;,] ", text))]
    fitting = [end for end in ends if end <= room]
    return text[: max(fitting)] if fitting else textwrap.shorten(text, room, placeholder=" ...")


def _why(path: str, value: Any, holder: Mapping[str, Any]) -> str:
    """The comment on the key at `path` in the mapping `holder`, or on its component or parameter."""
    parts = tuple(path.split("."))
    if path in _WHY:
        return _WHY[path]
    if kind := COMPONENTS.get(parts) or (parts[-1] == "name" and COMPONENTS.get(parts[:-1])):
        return _YOURS[kind] if is_code(value, kind) else registry(kind).summary(value)
    if kind := COMPONENTS.get(parts[:-1]):
        field = registry(kind).parameters(holder["name"]).model_fields.get(parts[-1])
        return (field and field.description) or ""
    return ""
