"""Measure the intrinsic dimension of trainable problems: the Python API on one page.

The names below are imported on first use, so that ``import idim_cli`` alone stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from idim_cli.compression.compress import compress as compress
    from idim_cli.compression.evaluate import evaluate as evaluate
    from idim_cli.compression.expand import expand as expand
    from idim_cli.compression.search.options import CompressOptions as CompressOptions
    from idim_cli.execute.local.executor import Local as Local
    from idim_cli.execute.sweep import sweep as sweep
    from idim_cli.projectors.base import build as build_projector
    from idim_cli.projectors.native import native_parameters as native_parameters
    from idim_cli.projectors.subspace import Subspace as Subspace
    from idim_cli.recipe.load import load as load_recipe
    from idim_cli.recipe.schema import Component as Component
    from idim_cli.reports.report import report as report
    from idim_cli.runs.plan import plan as plan
    from idim_cli.runs.results import read as read_results
    from idim_cli.search.objective import measure as measure
    from idim_cli.thresholds import PAPER as PAPER
    from idim_cli.thresholds import Options as Options
    from idim_cli.thresholds import threshold as threshold
    from idim_cli.training.run import train as train
    from idim_cli.training.where import Where as Where

_HOMES = {
    # the verbs
    "train": "idim_cli.training.run:train",
    "sweep": "idim_cli.execute.sweep:sweep",
    "measure": "idim_cli.search.objective:measure",
    "threshold": "idim_cli.thresholds:threshold",
    "compress": "idim_cli.compression.compress:compress",
    "expand": "idim_cli.compression.expand:expand",
    "evaluate": "idim_cli.compression.evaluate:evaluate",
    "report": "idim_cli.reports.report:report",
    # what they take, and what they leave
    "plan": "idim_cli.runs.plan:plan",
    "load_recipe": "idim_cli.recipe.load:load",
    "read_results": "idim_cli.runs.results:read",
    "CompressOptions": "idim_cli.compression.search.options:CompressOptions",
    "Where": "idim_cli.training.where:Where",
    "Local": "idim_cli.execute.local.executor:Local",
    "Options": "idim_cli.thresholds:Options",
    "PAPER": "idim_cli.thresholds:PAPER",
    # a subspace in a training loop of one's own
    "Subspace": "idim_cli.projectors.subspace:Subspace",
    "Component": "idim_cli.recipe.schema:Component",
    "build_projector": "idim_cli.projectors.base:build",
    "native_parameters": "idim_cli.projectors.native:native_parameters",
}
__all__ = [
    "PAPER",
    "Component",
    "CompressOptions",
    "Local",
    "Options",
    "Subspace",
    "Where",
    "build_projector",
    "compress",
    "evaluate",
    "expand",
    "load_recipe",
    "measure",
    "native_parameters",
    "plan",
    "read_results",
    "report",
    "sweep",
    "threshold",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
