"""Rules between the fields of a result.json: each returns the contradiction in words, or an empty string.

Rules apply to fields that are present and of the right type; older results lack some of them, and an unknown
value contradicts nothing.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]

_OK, _BEST, _DIRECT, _IDENTITY = "ok", "best", "direct", "identity"
_SHARES = ("performance", "performance_start", "chance")  # of the examples, where accuracy is the metric


def disagreement(result: Result) -> Iterator[str]:
    """The contradictions in the result of a trained run."""
    return (wrong for rule in _RULES if (wrong := rule(result)))


def odd(results: Sequence[Result]) -> dict[str, str]:
    """Of runs that must agree on a field, those that differ from the majority: why, by run_id."""
    found: dict[str, str] = {}
    for field, key in _COMMON.items():
        groups: dict[Hashable, list[Result]] = defaultdict(list)
        for one in results:
            if one.get(field) is not None and (same := key(one)) is not None:
                groups[same].append(one)
        for alike in groups.values():
            most, number = Counter(one[field] for one in alike).most_common(1)[0]
            # Without a majority any of them may be wrong: all are odd.
            agreed = most if 2 * number > len(alike) else None
            for one in alike:
                if one[field] != agreed:
                    found[one["run_id"]] = f"has {field} = {one[field]:,}, unlike other runs of its kind"
    return found


def prefix(projector: str) -> str:
    """The beginning of the run_ids of a projector; of user code, the name of its class."""
    own = projector.rpartition(":")[2]  # one file has several names: by module, or by path
    return _DIRECT if projector == _IDENTITY else re.sub(r"[^A-Za-z0-9_]", "_", own)


def _data(result: Result) -> Hashable:
    """Digest of the scored examples, if it is known and they alone determine chance."""
    digests = result.get("origin")
    digests = digests.get("data") if isinstance(digests, Mapping) else None
    digest = digests.get(result.get("score_on")) if isinstance(digests, Mapping) else None
    return digest if _is_accuracy(result) and isinstance(digest, str) else None


def _is_accuracy(result: Result) -> bool:
    """Whether performance is a share of the examples."""
    # Of the shipped task alone: a user's task may give its accuracy in percent.
    return result.get("task") == "classify" and result.get("metric") == "accuracy"


def _shares(result: Result) -> str:
    if not _is_accuracy(result):
        return ""
    outside = (name for name in _SHARES if not 0 <= (result.get(name) or 0) <= 1)
    return next((f"{name} is {result[name]:g}, which is no accuracy" for name in outside), "")


def _metric(result: Result) -> str:
    """The performance is also one of the figures, under the name of its metric."""
    split, metric, figures = result.get("score_on"), result.get("metric"), result.get("metrics") or {}
    if metric is None or not any(name.startswith(f"{split}_") for name in figures):
        return ""
    name = f"{split}_{metric}"
    if name not in figures:
        return "metrics holds no figure of this metric and split"
    return _unlike(result["performance"], figures[name], f"metrics.{name}")


def _curve(result: Result) -> str:
    """The performance is the reported point of the learning curve."""
    curve = result.get("curve")
    # A rounded run reports its last epoch: all of its coordinates are rounded only then.
    rounded = any(key.startswith("quantise") for key in result.get("coords") or {})
    if not curve:
        return ""
    if result["status"] == _OK and result.get("performance_is") == _BEST and not rounded:
        return _unlike(result["performance"], max(curve), "the best of curve")
    return _unlike(result["performance"], curve[-1], "the last of curve")


def _epochs(result: Result) -> str:
    """A run ends after all its epochs, or earlier by its goal; the best epoch may be any."""
    at, budget, ok = result.get("epoch"), result.get("epochs"), result["status"] == _OK
    if at is None or budget is None:
        return ""
    whole = at == budget or result.get("performance_is") == _BEST
    fits = at <= budget and whole if ok else at < budget
    return "" if fits else f"epoch is {at:,} and epochs {budget:,}, with status {result['status']}"


def _dimensions(result: Result) -> str:
    d, D = result.get("d"), result.get("D")
    fits = D is None or (d == D if result.get("direct") else d <= D)
    return "" if fits else f"d is {d:,} and D {D:,}"


def _unlike(performance: float, other: float, name: str) -> str:
    same = math.isclose(performance, other, rel_tol=1e-6, abs_tol=1e-9)
    return "" if same else f"performance is {performance:g}, but {name} {other:g}"


_RULES = (_shares, _metric, _curve, _epochs, _dimensions)
# Field -> key of the runs that must have the same value of it; None where that is unknown.
_COMMON: dict[str, Callable[[Result], Hashable]] = {"D": lambda result: result.get("config"), "chance": _data}
