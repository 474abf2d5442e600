"""The schema of result.json, checked once so that tables and reports can rely on it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from idim_cli.core import untrusted_text
from idim_cli.runs import consistency
from idim_cli.runs.columns import of_kind
from idim_cli.runs.early_stop import SOLVED, UNSOLVED

_SCORED = ("ok", SOLVED, UNSOLVED)
_LARGEST_WHOLE = 2**63 - 1  # an int64 in the columns of a table
_LARGEST = 1e100  # its square, in a variance, is still finite
_LARGEST_D = 2**53  # up to here every whole number is a float
_SHOWN = 40  # characters of a wrong value in a message


def parsed(data: bytes) -> dict[str, Any]:
    """The content of a result.json; ValueError for the first violation of the schema."""
    result = untrusted_text.loads(data)
    # A lone surrogate can be neither printed nor written. Encoding all texts again takes time, so it is done
    # where an escape may be one.
    if b"\\ud" in data.lower():
        try:
            json.dumps(json.loads(data), ensure_ascii=False).encode()
        except UnicodeEncodeError as error:  # it could be neither printed nor written
            raise ValueError("it holds half a character (a lone surrogate)") from error
    if wrong := next(_wrong(result), ""):
        raise ValueError(wrong)
    return dict(result)


def _wrong(result: Any) -> Iterator[str]:
    """The faults of the content; any field but run_id may be absent or null."""
    if not isinstance(result, dict) or not isinstance(result.get("run_id"), str):
        yield "it has no run_id"
        return
    for name, fits in _FIELDS.items():
        if (value := result.get(name)) is not None and not fits(value):
            yield f"{name} is {_shown(value)}"
    if result.get("status") in _SCORED:
        yield from _unscored(result)
        # Last: the rules rely on the types that were checked above.
        yield from consistency.disagreement(result)


def _unscored(result: Mapping[str, Any]) -> Iterator[str]:
    """The violations by a trained run, which must have d and a performance."""
    for name in ("d", "performance"):
        if result.get(name) is None:
            yield f"{name} is null" if name in result else f"{name} is missing"
    d = result.get("d")
    if isinstance(d, int) and not 1 <= d <= _LARGEST_D:
        yield f"d is {d}"


# `type(value) is int`: true and false are ints to isinstance.
def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST_WHOLE


def _real(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _LARGEST and math.isfinite(value)


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


def _figures(value: Any) -> bool:
    return isinstance(value, dict) and all(one is None or _real(one) for one in value.values())


def _curve(value: Any) -> bool:
    return isinstance(value, list) and all(map(_real, value))


def _shown(value: Any) -> str:
    """A value as JSON, shortened."""
    # Python refuses to write numbers of more than 4300 digits.
    if type(value) is int and abs(value) > _LARGEST_WHOLE:
        return "too large"
    try:
        text = json.dumps(value)
    except ValueError:
        return "out of range"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


# The columns of results.csv, and the fields that are only in a result.json.
_FIELDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys((*of_kind("whole"), "threads", "columns_sampled"), _whole),
    **dict.fromkeys(of_kind("real"), _real),
    **dict.fromkeys((*of_kind("text"), "reason", "hint", "python"), _is(str)),
    **dict.fromkeys((*of_kind("flag"), "again"), _is(bool)),
    **dict.fromkeys(("metrics", "layer_share"), _figures),
    **dict.fromkeys(("coords", "over"), _is(dict)),
    "data": _is(list),
    "curve": _curve,
}
