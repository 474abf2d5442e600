"""d_int of any function of d and a seed: the adaptive search for training loops outside of idim."""

from __future__ import annotations

import functools
import html
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from idim_cli.core.errors import IdimError
from idim_cli.runs import results
from idim_cli.thresholds.next_step import is_precise

if TYPE_CHECKING:
    from pandas import DataFrame

    from idim_cli.recipe.schema import Recipe
    from idim_cli.runs.plan import Run
    from idim_cli.thresholds import Estimate, Reading

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Measurement:
    """The result of `measure`.

    Attributes:
        estimate: d_int with its protocol.
        table: one row a call, with the columns d, seed, direct, status and performance.
        log: the decisions of the search, one line each.
    """

    estimate: Estimate
    table: DataFrame
    log: Sequence[str]

    @property
    def reading(self) -> Reading:
        """The reading of d_int; IdimError with the reason if there is none."""
        if self.estimate.reading is None:
            raise self.estimate.error or IdimError("there is no reading")
        return self.estimate.reading

    @property
    def value(self) -> int | None:
        """d_int; None if no d reaches the level."""
        return self.reading.value

    @property
    def interval(self) -> tuple[int | None, int | None]:
        """Its ends; None for an end outside what was tried."""
        return self.reading.low, self.reading.high

    def describe(self, width: int = 80) -> str:
        """The result in a sentence, and its protocol."""
        return self.estimate.describe(width=width)

    def __repr__(self) -> str:
        return f"<Measurement: {self.estimate.sentence}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.describe())}</pre>"


def measure(
    objective: Callable[[int, int], float],
    D: int,
    baseline: float | Callable[[int], float],
    *,
    fraction: float = 0.9,
    floor: float = 0.0,
    precision: float = 0.1,
    max_runs: int = 100,
    batch: int = 4,
    baseline_runs: int = 3,
    confidence: float = 0.95,
    seed: int = 0,
    map: Map = map,
    say: Callable[[str], None] | None = print,
) -> Measurement:
    """Find the smallest d at which `objective` reaches a share of the baseline, with its interval.

    The search and the estimate are those of ``idim sweep --adaptive``: initial bracket, then calls where the
    crossing most likely is, until the interval is narrow enough. No files are written, no call ends early.

    Args:
        objective: called as ``objective(d, seed)``, trains in a subspace of d dimensions and returns the
            performance; higher is better. A value that is not finite counts as a failed run.
        D: the largest d, the number of native parameters.
        baseline: the performance that is 100 %; or called as ``baseline(seed)``, trains all D parameters and
            returns it, `baseline_runs` times and more where its noise is the larger doubt.
        fraction: how far to get from the floor to the baseline.
        floor: the performance that counts as 0 %, such as the lowest reward.
        precision: stop when the interval reaches no further than this share below and above the value.
        max_runs: calls at most, those of the baseline included.
        batch: calls asked for at a time.
        baseline_runs: calls of the baseline to begin with.
        confidence: of the interval.
        seed: added to all seeds, for a repeat with fresh ones.
        map: makes the calls of a batch, as the built-in does; that of an executor makes them in parallel.
        say: called with each decision and each outcome; None is silence.

    Returns:
        The measurement: `value`, `interval`, `describe()`, `table`.

    Raises:
        IdimError: an argument is out of range, or no call succeeded.
    """
    from idim_cli.search.base import build

    D, say = _checked(objective, D, baseline), say or (lambda line: None)
    limits = {"precision": precision, "max_runs": max_runs, "batch": batch, "seed": seed}
    reading = {"fraction": fraction, "floor": float(floor), "confidence": confidence}
    recipe = _recipe(baseline, baseline_runs, limits, reading)
    search = build(recipe, lambda group: D)
    known: dict[str, dict[str, Any]] = {}
    log: list[str] = []
    call = functools.partial(_outcome, objective, baseline, D)
    while (ask := search.ask(known)) is not None:
        for line in ask.why:
            log.append(line)
            say(line)
        for run, outcome in zip(ask.runs, map(call, ask.runs), strict=True):
            known[run.run_id] = outcome
            say(_line(outcome))
    return _measured(recipe, list(known.values()), log)


def _checked(objective: Any, D: Any, baseline: Any) -> int:
    """D as an int; IdimError for arguments of a wrong type or range."""
    if not callable(objective):
        hint = "give a function objective(d, seed) that returns the performance"
        raise IdimError(f"objective must be a function, got {objective!r}", hint)
    # __index__ accepts numpy's integers, and no floats. True would be 1.
    if isinstance(D, bool) or not hasattr(type(D), "__index__") or operator.index(D) < 1:
        raise IdimError(f"D must be a whole number from 1 on, got {D!r}", "give the number of parameters")
    if not callable(baseline) and not (_is_number(baseline) and math.isfinite(float(baseline))):
        hint = "give the performance that counts as 100 %, or a function of a seed that returns it"
        raise IdimError(f"baseline must be a number or a function, got {baseline!r}", hint)
    return operator.index(D)


def _is_number(value: Any) -> bool:
    """Whether it is one number: Python's, numpy's, or a tensor of one element; text is none."""
    if isinstance(value, str | bytes | bool) or not hasattr(type(value), "__float__"):
        return False
    try:
        float(value)
    except (TypeError, ValueError, RuntimeError):  # an array of several
        return False
    return True


def _score(value: Any, call: str) -> float:
    """The number that a call has returned; IdimError for anything else."""
    if not _is_number(value):
        kind = f"a {type(value).__name__}" if value is not None else "None"
        raise IdimError(f"{call} returned {kind}", "it must return the performance as one number")
    return float(value)


def _recipe(baseline: Any, runs: int, limits: dict[str, Any], reading: dict[str, float]) -> Recipe:
    """A recipe with the search; its data set and model are placeholders and are not used."""
    from idim_cli.recipe.check import validate
    from idim_cli.recipe.source import SourceMap

    tree = {
        "name": "measure",
        **dict.fromkeys(("dataset", "model", "task"), "toy"),
        "training": {"steps": 1},
        "sweep": {
            # A function returns its final performance alone, so that no call can be stopped early.
            "search": {"name": "adaptive", "early_stop": False, **limits},
            "baseline": {"seeds": runs} if callable(baseline) else None,
        },
        "threshold": {
            "baseline": "model" if callable(baseline) else float(baseline),
            **reading,
        },
    }
    return validate(tree, SourceMap("measure"))


def _outcome(objective: Callable[[int, int], float], baseline: Any, D: int, run: Run) -> dict[str, Any]:
    """The outcome of one call, in the form of a result.json."""
    d, seed = run.recipe.d, run.recipe.seeds.theta0
    if run.direct or d is None:
        score = _score(baseline(seed), f"baseline({seed})")
    else:
        score = _score(objective(d, seed), f"objective(d={d}, seed={seed})")
    known = {
        **{"run_id": run.run_id, "direct": run.direct, "d": D if run.direct else d, "D": D},
        **{"epochs": 1, "epoch": 1, "seed_theta0": seed, "seed_projector": seed, "seed_data": seed},
    }
    if not math.isfinite(score):
        return {**known, "status": results.FAILED, "reason": f"the score is {score}"}
    return {**known, "status": results.OK, "performance": score}


def _line(outcome: dict[str, Any]) -> str:
    name = "direct" if outcome["direct"] else f"d = {outcome['d']:,}"
    score = f"{outcome['performance']:.4g}" if "performance" in outcome else f"FAILED: {outcome['reason']}"
    return f"  {name}, seed {outcome['seed_theta0']}: {score}"


def _measured(recipe: Recipe, outcomes: Sequence[dict[str, Any]], log: Sequence[str]) -> Measurement:
    import pandas as pd

    from idim_cli.thresholds import Options, threshold

    columns = ["d", "D", "direct", "status", "performance", "seed_theta0", "seed_projector", "seed_data"]
    rows = [{name: one.get(name) for name in columns} for one in outcomes]
    table = pd.DataFrame(rows, columns=columns)
    table["performance"] = table["performance"].astype(float)  # also where every call failed
    (estimate,) = threshold(table, Options(**recipe.reading()), source="the calls of the objective")
    if estimate.reading is not None:
        # Instead of the advice of a sweep, whose arguments `measure` does not have.
        limits, calls = recipe.sweep.search.params if recipe.sweep else {}, len(outcomes)
        ended = calls < limits["max_runs"] or is_precise(estimate.reading, limits["precision"])
        then = "" if ended else f"the search used all {calls} calls; allow more: max_runs={2 * calls}"
        estimate = replace(estimate, reading=replace(estimate.reading, next=then))
    shown = table[["d", "direct", "status", "performance"]].assign(seed=table["seed_theta0"])
    return Measurement(estimate, shown, tuple(log))
