"""Checks the content of a result.json, so that tables and reports can rely on it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from idim_cli.core import untrusted_text
from idim_cli.runs import columns, consistency
from idim_cli.runs.early_stop import SOLVED, UNSOLVED

# Fields of a result.json that are no columns of results.csv, by kind; any field may be absent or null.
_WHOLE = (*columns.of_kind("whole"), "threads", "columns_sampled")
_REAL = columns.of_kind("real")
_TEXT = (*columns.of_kind("text"), "reason", "hint", "python")
_FLAGS = (*columns.of_kind("flag"), "again")
_FIGURES = ("metrics", "layer_share")
_SCORED = ("ok", SOLVED, UNSOLVED)
_LARGEST_WHOLE = 2**63 - 1  # as in the columns of a table
_LARGEST = 1e100  # whose square is still finite
_LARGEST_D = 2**53  # up to here every whole number is a float
_SHOWN = 40


def parsed(data: bytes) -> dict[str, Any]:
    """The content of a result.json; ValueError says what is wrong with it."""
    result = untrusted_text.loads(data)
    if b"\\ud" in data.lower():
        _refuse_half_characters(json.loads(data))
    if wrong := next(_wrong(result), ""):
        raise ValueError(wrong)
    return dict(result)


def _refuse_half_characters(result: object) -> None:
    """Surrogates come in pairs; a single one can be neither printed nor written."""
    try:
        json.dumps(result, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it holds half a character (a lone surrogate)") from error


def _wrong(result: Any) -> Iterator[str]:
    """What is wrong with the content."""
    if not isinstance(result, dict) or not isinstance(result.get("run_id"), str):
        yield "it has no run_id"
        return
    for fits, names in _KINDS.items():
        for name in names:
            if not fits(value := result.get(name)):
                yield f"{name} is {_shown(value)}"
    for name, kind in (("coords", dict), ("over", dict), ("data", list)):
        if not isinstance(value := result.get(name), kind | None):
            yield f"{name} is {_shown(value)}"
    if result.get("status") in _SCORED:
        yield from _unscored(result)
        yield from consistency.disagreement(result)


def _unscored(result: Mapping[str, Any]) -> Iterator[str]:
    """What is missing in the result of a run that was trained."""
    for name in ("d", "performance"):
        if result.get(name) is None:
            yield f"{name} is null" if name in result else f"{name} is missing"
    d = result.get("d")
    if isinstance(d, int) and not 1 <= d <= _LARGEST_D:
        yield f"d is {d}"


def _whole(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value <= _LARGEST_WHOLE)


def _real(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and abs(value) <= _LARGEST and math.isfinite(value))


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _flag(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _figures(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(map(_real, value.values())))


def _curve(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(y is not None and _real(y) for y in value))


def _shown(value: Any) -> str:
    """A value as JSON, shortened; numbers of thousands of digits are not converted at all."""
    if type(value) is int and abs(value) > _LARGEST_WHOLE:
        return "too large"
    try:
        text = json.dumps(value)
    except ValueError:
        return "out of range"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


_KINDS = {_whole: _WHOLE, _real: _REAL, _text: _TEXT, _flag: _FLAGS, _figures: _FIGURES, _curve: ("curve",)}
