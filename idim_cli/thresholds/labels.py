"""Short names of groups: the values in which they differ, as a recipe writes them instead of as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

_NAME = "name"
_LONGEST = 500  # characters of a value that is still parsed: long ones are shown as they are
# The last part of keys whose values need no key in front.
_BY_VALUE = (
    "results", "dataset", "model", "projector", "task", "recipe", "optimizer", "schedule", "trainable",
    "name",
)  # fmt: skip


def setting_text(value: Any) -> str:
    """A value of `sweep.over` as text: ``fc (depth 1, width 20)`` for a component, ``a + b`` for a list."""
    value = parsed(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} {setting_text(one)}" for key, one in _flat(value).items() if key != _NAME)
        name = str(value.get(_NAME, ""))
        return f"{name} ({inner})" if name and inner else name or inner
    if isinstance(value, list):
        return " + ".join(map(setting_text, value))
    return str(value)


def named(key: str, value: Any) -> str:
    """``width 20`` for the key ``model.width``; the value alone for names, such as ``lenet``."""
    last = key.rpartition(".")[2]
    return (
        setting_text(value)
        if last in _BY_VALUE or isinstance(parsed(value), Mapping)
        else f"{last} {setting_text(value)}"
    )


def differing(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys in which groups differ, in their order."""
    known = dict.fromkeys(key for one in groups for key in one)
    return [key for key in known if len({str(one.get(key)) for one in groups}) > 1]


def short_names(groups: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """For each key and the text of each of its values, the shortest name that differs from the others."""
    known = dict.fromkeys(key for one in groups for key in one)
    return {key: _names(key, [one[key] for one in groups if one.get(key) is not None]) for key in known}


def joined(groups: Sequence[Mapping[str, Any]], keys: Collection[str]) -> list[str]:
    """Each group in one line, by these of its keys."""
    names = short_names(groups)
    used = [key for key in names if key in keys]
    return [
        ", ".join(names[key][str(one[key])] for key in used if one.get(key) is not None) for one in groups
    ]


def parsed(value: Any) -> Any:
    """The mapping or list that a cell of a table has as JSON; any other value as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "[") or len(value) > _LONGEST:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):  # text that only begins like JSON, or is nested to crash a reader
        return value


def _names(key: str, values: Sequence[Any]) -> dict[str, str]:
    every = {str(value): parsed(value) for value in values}
    if not any(isinstance(value, Mapping) for value in every.values()):
        return {text: named(key, value) for text, value in every.items()}
    # A plain name among components is one without parameters.
    flat = {text: _flat(one if isinstance(one, Mapping) else {_NAME: one}) for text, one in every.items()}
    same_name: dict[str, list[dict[str, Any]]] = {}
    for one in flat.values():
        same_name.setdefault(str(one.get(_NAME)), []).append(one)
    keys = {name: differing(some) for name, some in same_name.items()}
    return {
        text: _component(one, len(same_name) > 1, keys[str(one.get(_NAME))]) or setting_text(every[text])
        for text, one in flat.items()
    }


def _component(one: Mapping[str, Any], named: bool, differing: Sequence[str]) -> str:
    """A component's name where there are several, and the parameters in which those of its name differ."""
    name = [str(one[_NAME])] if named and _NAME in one else []
    return ", ".join([*name, *(f"{key} {setting_text(one[key])}" for key in differing if key in one)])


def _flat(value: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """The settings of a component by dotted key."""
    settings: dict[str, Any] = {}
    for key, one in value.items():
        place = f"{head}{key}"
        settings |= _flat(one, f"{place}.") if isinstance(one, Mapping) else {place: one}
    return settings
