"""What is sent to trackers: the settings of a run or of an estimate, and the resulting figures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from idim_cli.recipe.schema import Component
from idim_cli.runs.plan import Run
from idim_cli.trackers.base import Figures, Settings

if TYPE_CHECKING:
    from idim_cli.thresholds import Estimate

_RESULT = ("performance", "peak_memory_bytes")
# Parts of a recipe that do not affect a single run.
_NOT_OF_A_RUN = {"sweep", "threshold", "published", "trackers", "data_root", "data_workers"}


def settings_of(run: Run, D: int | None) -> Settings:
    """Everything that determines a run, by recipe key, with D; the d of a direct run is D."""
    recipe = {key: value for key, value in run.recipe if key not in _NOT_OF_A_RUN}
    size = {"D": D, "d": D if run.direct else run.recipe.d}
    return {"config": run.config, **_flat({**recipe, **size})}


def figures_of(result: Mapping[str, Any]) -> Figures:
    """The figures of a run, from its result.json."""
    return numbers({key: result.get(key) for key in _RESULT})


def name_of(one: Estimate, alone: bool) -> str:
    """``d_int90``, with the group if there are several."""
    kind = one.reading.name if one.reading else "d_int"
    # Trackers make files and URLs of names.
    return kind if alone else re.sub(r"[^A-Za-z0-9._-]+", "-", f"{kind}-{one.label}")


def protocol_of(one: Estimate) -> Settings:
    """The group and the protocol of an estimate."""
    reading = one.reading
    if reading is None:
        return _flat(one.group)
    kept = (
        "baseline_kind", "floor_kind", "rule", "centre", "fraction", "confidence", "interval", "seeds",
        "runs", "D",
    )  # fmt: skip
    protocol = {key: getattr(reading, key) for key in kept}
    return _flat({**one.group, **protocol, "coords": reading.coords or None})


def reading_of(one: Estimate) -> tuple[Figures, str]:
    """Value, interval and level, if they are known; and the verdict, or why there is none."""
    reading = one.reading
    if reading is None:
        return {}, one.problem
    figures = {
        reading.name: reading.value, f"{reading.name}_low": reading.low, f"{reading.name}_high": reading.high,
        "baseline": reading.baseline, "floor": reading.floor, "level": reading.level,
    }  # fmt: skip
    return numbers(figures), f"{reading.verdict}: {reading.value_text} ({reading.interval_text})"


def numbers(row: Mapping[str, Any]) -> Figures:
    """The finite numbers of a row; what is unknown is left out."""
    # W&B and MLflow refuse NaN, or draw it as zero.
    known = {key: value for key, value in row.items() if isinstance(value, int | float)}
    return {key: float(value) for key, value in known.items() if math.isfinite(value)}


def _flat(value: Any, key: str = "") -> dict[str, str | int | float | bool]:
    """Nested values by dotted keys, as in overrides; None is left out."""
    if isinstance(value, Component):
        return {key: value.name, **_flat(value.params, key)}
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        parts = (_flat(inner, f"{key}.{name}" if key else name) for name, inner in value.items())
        return {name: inner for part in parts for name, inner in part.items()}
    # Trackers would show the word "None".
    if value is None:
        return {}
    return {key: value if isinstance(value, str | int | float) else json.dumps(value)}
