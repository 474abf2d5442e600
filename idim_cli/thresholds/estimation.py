"""From the runs of one group to a reading of d_int."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from idim_cli.core.errors import IdimError
from idim_cli.thresholds.advice import NOTHING, advise
from idim_cli.thresholds.cautions import cautions
from idim_cli.thresholds.curve import crossing
from idim_cli.thresholds.interval import Draws, bootstrap, paper_bootstrap
from idim_cli.thresholds.options import Options
from idim_cli.thresholds.plateau import plateau
from idim_cli.thresholds.reading import Reading, finite
from idim_cli.thresholds.rules import Floats, crossings
from idim_cli.thresholds.samples import Sample, sample

if TYPE_CHECKING:
    from pandas import DataFrame


def estimate(
    table: DataFrame, options: Options | None = None, *, source: str = "", **changes: Any
) -> Reading:
    """Read d_int from the runs of one group.

    Args:
        table: one row a run with at least the columns d and performance, see `RunTable.clean`.
        options: how to read; `changes` are its fields by name, e.g. ``baseline="best", rule="first"``.
        source: the table's file, named in errors.

    Raises:
        IdimError: the table cannot be read, there are no direct runs for the baseline ``model``,
            or the baseline is not above the floor.
    """
    return read(sample(table, source), (options or Options()).but(**changes))


def read(runs: Sample, options: Options) -> Reading:
    """Read d_int from the runs of one group; errors as `estimate`."""
    kind, baseline = _baseline(runs, options)
    floor = _floor(runs, options)
    level = options.level(baseline, floor)
    # All rules and their noise work on performance above the floor, where the level is a share of the
    # baseline.
    above, rise = runs.above(floor), level - floor
    value, draws = _crossing(above, options, rise)
    # Without the stopped runs, one run at each d would describe only the runs that did less well.
    red = None if len(runs.stopped.d) else paper_bootstrap(above, options.but(rule="first"), rise)
    mean, sd = red.moments() if red else (math.nan, math.nan)
    flat = plateau(above, options.confidence, options.fraction, value)
    least, most = int(runs.tried[0]), int(runs.tried[-1])
    doubts = tuple(cautions(runs, options, baseline, floor, level))
    # Where the level is reached without learning, it is reached at any d: a smaller one would not help.
    then = NOTHING if doubts and value == -math.inf else advise(runs, value, draws, options)
    verdicts = {math.inf: "not reached", -math.inf: "reached at the smallest d"}
    values: dict[float, int | None] = {math.inf: None, -math.inf: least}
    return Reading(
        value=values[value] if value in values else int(value),
        **_interval(draws, options),
        confidence=options.confidence,
        baseline_kind=kind,
        baseline=baseline,
        baseline_sd=float(runs.direct.std(ddof=1)) if kind == "model" and len(runs.direct) > 1 else None,
        floor_kind=options.floor if isinstance(options.floor, str) else "fixed",
        floor=floor,
        fraction=options.fraction,
        level=level,
        rule=options.rule,
        centre=options.centre,
        d_values=tuple(int(d) for d in runs.d),
        d_min=least,
        d_max=most,
        runs=int(runs.points.n.sum()),
        solved=int(runs.solved.sum()),
        unsolved=int((~runs.solved).sum()),
        runs_per_d=tuple(int(k) for k in runs.points.n),
        baseline_runs=len(runs.direct),
        left_out=runs.left_out,
        seeds=runs.seeds,
        coords=runs.coords,
        D=runs.D,
        verdict=verdicts.get(value, "reached"),  # type: ignore[arg-type]
        cautions=doubts,
        next=then.text,
        next_arguments=then.arguments,
        bootstrap_mean=finite(mean),
        bootstrap_sd=finite(sd),
        performance_sd=tuple(finite(float(sd)) for sd in runs.points.sd),
        d_int100=flat.d,
        d_int100_sees=finite(flat.sees),
        d_int100_test=flat.test,
    )


def _baseline(runs: Sample, options: Options) -> tuple[Literal["model", "best", "fixed"], float]:
    if options.baseline == "best":
        return "best", float(_complete(runs, options, "baseline 'best'", "baseline model").max())
    if options.baseline != "model":
        return "fixed", float(options.baseline)
    if not len(runs.direct):
        hint = "use --baseline best or a value, e.g. --baseline 1.0"
        raise IdimError(f"{_file(runs)}no direct runs, so there is no baseline 'model'", hint)
    # The mean, also where `centre` is the median: direct runs are few, and seldom fail.
    return "model", float(runs.direct.mean())


def _floor(runs: Sample, options: Options) -> float:
    if options.floor == "min":
        return float(_complete(runs, options, "floor 'min'", "floor chance").min())
    if options.floor != "chance":
        return float(options.floor)
    if runs.chance is None:
        hint = "give the floor as a number, e.g. --floor 0.1"
        raise IdimError(f"{_file(runs)}the chance performance is not recorded", hint)
    return runs.chance


def _complete(runs: Sample, options: Options, name: str, other: str) -> Floats:
    """Mean or median at each d; IdimError if the extreme of the sweep (`name`) is unknown."""
    # A run that was stopped early could have been the best or the worst.
    if not len(runs.d) or options.rule == "curve":
        message = f"{name} needs a sweep whose runs were all trained to their end"
        raise IdimError(message, f"take the {other} or a number, or another --rule than curve")
    return runs.centres(options.centre)


def _file(runs: Sample) -> str:
    return f"{runs.source}: " if runs.source else ""


def _crossing(runs: Sample, options: Options, level: float) -> tuple[float, Draws | None]:
    """The whole d at which the level is reached, or -inf or +inf, and its interval."""
    if options.rule == "curve":  # its interval needs no repeats at one d
        passed = crossing(runs, options, level)
        return passed.value, passed.draws
    if len(runs.stopped.d):
        message = f"{len(runs.stopped.d)} runs were stopped early: their final performance is not known"
        hint = f"rule {options.rule!r} needs it; take rule curve, or sweep with --no-early-stop"
        raise IdimError(message, hint)
    curve, weights = runs.centres(options.centre)[None], runs.points.n.astype(float)
    x = crossings(options.rule, runs.d.astype(float), curve, weights, np.array([level]))[0]
    # d is whole; the slack undoes rounding in a crossing at a grid point.
    value = float(np.ceil(x * (1 - 1e-9)))
    draw = paper_bootstrap if options.interval == "paper" else bootstrap
    return value, draw(runs, options, level)


def _interval(draws: Draws | None, options: Options) -> dict[str, Any]:
    low, high = draws.interval(options.confidence) if draws else (math.nan, math.nan)
    return {
        "low": math.ceil(low) if math.isfinite(low) else None,
        "high": math.ceil(high) if math.isfinite(high) else None,
        "low_is_open": low == -math.inf,
        "high_is_open": high == math.inf,
        "interval": draws.method if draws else "none: too few runs to estimate their noise",
    }
