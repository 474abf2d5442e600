"""The origin of a run: fingerprints of theta_0, of the data and of the user's code.

It is stored with each result and checkpoint and compared before they are used again: weights on disk, data
files and code may have changed, and a data set may be drawn again in every process. Each comparison returns
the difference in words, empty where there is none or the origin is unknown. Changes that no digest covers,
such as code loaded by a name composed at run time, show in the score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idim_cli.recipe.schema import Component
from idim_cli.runs import fingerprint

SPLITS = ("train", "validation", "test")
TRAINED_ON = SPLITS[:2]  #: the splits that a training depends on
NEEDED = ("model", "dataset", "task", "projector")  #: components that a solution needs
# Relative and absolute change of a score that another processor or kernels of fewer bits (TF32) may cause;
# changed code or data change it by more.
_NOISE, _LEAST = 5e-3, 1e-4
_FLIPS = 2  # examples whose predicted class may depend on the last bits


def record(theta0: str, data: Mapping[str, str | None], used: Mapping[str, Component]) -> dict[str, Any]:
    """The origin of a run, as it is stored."""
    return {"theta0": theta0, "data": dict(data), "code": fingerprint.code(used)}


def components(recipe: Any) -> dict[str, Component]:
    """The components of a recipe, or of a compressed file, that its solution needs, by kind."""
    return {kind: getattr(recipe, kind) for kind in NEEDED}


def other_code(then: object, used: Mapping[str, Component]) -> str:
    """Which components' code was edited since."""
    kept = _part(then, "code")
    # An empty digest is code that cannot be read now: running it will say so.
    changed = [key for key, now in fingerprint.code(used).items() if now and kept.get(key, now) != now]
    edited = [used[key.partition(".")[0]].name for key in changed]
    return f"the code of {' and '.join(edited)} has changed since it was trained" if edited else ""


def other_theta0(then: object, now: str, model: str) -> str:
    """Whether the model has another theta_0."""
    kept = then.get("theta0") if isinstance(then, Mapping) else None
    same = kept in (None, now)
    return "" if same else f"model {model} gives another theta_0 than the one it was trained from"


def other_data(then: object, now: Mapping[str, str | None], dataset: str) -> str:
    """Which of the splits in `now` differ."""
    kept = _part(then, "data")
    # A split without a digest (None) was not known then.
    other = [split for split, digest in now.items() if kept.get(split) not in (None, digest)]
    splits = f" ({', '.join(other)})" if other != [*now] else ""
    return f"the data of {dataset}{splits} are not those that it was trained on" if other else ""


def other_score(
    then: Mapping[str, float], now: Mapping[str, float], again: Mapping[str, float], metric: str, n: int
) -> str:
    """Which scores of a solution differ from those when it was trained.

    Args:
        then, now: scores by name; names in both are compared.
        again: the scores of a second evaluation: a model that draws numbers in evaluation differs from
        itself. metric: the score that may be a share of the examples. n: number of examples.
    """

    def tolerance(name: str) -> float:
        flips = _FLIPS / n if name == metric else 0.0
        # Five times the difference of two evaluations: a third one is rarely further away.
        return _LEAST + flips + _NOISE * abs(then[name]) + 5 * abs(again[name] - now[name])

    # `not <=`: NaN differs from everything.
    other = [name for name in then if name in now and not abs(now[name] - then[name]) <= tolerance(name)]
    return " and ".join(
        f"{name} {now[name]:.4g}, not {then[name]:.4g} as when it was trained" for name in other
    )


def _part(then: object, name: str) -> Mapping[str, Any]:
    part = then.get(name) if isinstance(then, Mapping) else None
    return part if isinstance(part, Mapping) else {}
