"""What a run was made from, its origin: fingerprints of theta_0, of the data and of the user's code.

It is stored with each result and checkpoint, and compared before they are believed: weights on disk, data
files and code may have changed, and a data set may be drawn anew in every process. Each comparison returns
what differs, in words, and nothing where all is the same or the run does not say. What no digest covers, such
as code that is loaded by a name put together while it runs, shows in the score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idim_cli.recipe.schema import Component
from idim_cli.runs import fingerprint

SPLITS = ("train", "validation", "test")
NEEDED = ("model", "dataset", "task", "projector")  #: components without which a solution is not had
# Of a figure: what another processor or kernels of fewer bits (TF32) change. By another code it is more.
_NOISE, _LEAST = 5e-3, 1e-4
_FLIPS = 2  # examples whose class may hang on the last bits


def told(theta0: str, data: Mapping[str, str | None], named: Mapping[str, Component]) -> dict[str, Any]:
    """The origin of a run, as it is stored."""
    return {"theta0": theta0, "data": dict(data), "code": fingerprint.code(named)}


def named(recipe: Any) -> dict[str, Component]:
    """The components of a recipe, or of a compressed file, that its solution needs, by kind."""
    return {kind: getattr(recipe, kind) for kind in NEEDED}


def other_code(then: object, named: Mapping[str, Component]) -> str:
    """Whether components' code has been edited since."""
    kept = _part(then, "code")
    changed = [key for key, now in fingerprint.code(named).items() if now and kept.get(key, now) != now]
    edited = [named[key.partition(".")[0]].name for key in changed]
    return f"the code of {' and '.join(edited)} has changed since it was trained" if edited else ""


def other_theta0(then: object, now: str, model: str) -> str:
    """Whether the model starts elsewhere."""
    kept = then.get("theta0") if isinstance(then, Mapping) else None
    return (
        "" if kept in (None, now) else f"model {model} gives another theta_0 than the one it was trained from"
    )


def other_data(then: object, now: Mapping[str, str | None], dataset: str) -> str:
    """Whether splits of the data hold something else; those of `now` are looked at."""
    kept = _part(then, "data")
    other = [split for split, digest in now.items() if kept.get(split) not in (None, digest)]
    splits = f" ({', '.join(other)})" if other != [*now] else ""
    return f"the data of {dataset}{splits} are not those that it was trained on" if other else ""


def other_score(
    then: Mapping[str, float], now: Mapping[str, float], again: Mapping[str, float], metric: str, n: int
) -> str:
    """Whether a solution scores otherwise than it did when it was trained.

    Args:
        then, now: figures by name; those that both have are looked at.
        again: `now` taken once more: a model that draws numbers in evaluation differs from itself.
        metric: which of them may be a share of the examples.
        n: examples.
    """

    def room(name: str) -> float:
        flips = _FLIPS / n if name == metric else 0.0
        return _LEAST + flips + _NOISE * abs(then[name]) + 5 * abs(again[name] - now[name])

    other = [name for name in then if name in now and not abs(now[name] - then[name]) <= room(name)]
    return " and ".join(
        f"{name} {now[name]:.4g}, not {then[name]:.4g} as when it was trained" for name in other
    )


def _part(then: object, name: str) -> Mapping[str, Any]:
    part = then.get(name) if isinstance(then, Mapping) else None
    return part if isinstance(part, Mapping) else {}
