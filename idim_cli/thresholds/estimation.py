"""From the runs of one group to a reading of d_int."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from idim_cli.core.errors import IdimError
from idim_cli.thresholds import advice
from idim_cli.thresholds.advice import NOTHING, Advice
from idim_cli.thresholds.cautions import cautions
from idim_cli.thresholds.curve import crossing
from idim_cli.thresholds.interval import Draws, bootstrap, paper_bootstrap
from idim_cli.thresholds.options import Options
from idim_cli.thresholds.plateau import plateau
from idim_cli.thresholds.reading import Reading, Verdict, known
from idim_cli.thresholds.rules import crossings
from idim_cli.thresholds.samples import Sample, sample

if TYPE_CHECKING:
    from pandas import DataFrame


def estimate(
    table: DataFrame, options: Options | None = None, *, source: str = "", **changes: Any
) -> Reading:
    """Read d_int from the runs of one group.

    Args:
        table: one row a run with at least the columns d and performance, see `rows.clean`.
        options: how to read; `changes` are its fields by name, e.g. ``baseline="best", rule="first"``.
        source: the table's file, named in errors.

    Raises:
        IdimError: the table cannot be read, there are no direct runs for the baseline ``model``,
            or the baseline is not positive.
    """
    return read(sample(table, source), (options or Options()).but(**changes))


def read(runs: Sample, options: Options) -> Reading:
    """Read d_int from the runs of one group."""
    kind, baseline = _baseline(runs, options)
    floor = floor_of(runs, options)
    level = options.level(baseline, floor)
    above, rise = runs.above(floor), level - floor
    value, draws = (_curve if options.rule == "curve" else _grid)(above, options, rise)
    # Without the stopped runs, one run at each d would describe only the runs that did less well.
    red = None if len(runs.stopped.d) else paper_bootstrap(above, options.but(rule="first"), rise)
    mean, sd = red.moments() if red else (math.nan, math.nan)
    flat = plateau(above, options.confidence, options.fraction, value)
    n, tried = runs.points.n, runs.tried
    doubts = tuple(cautions(runs, options, baseline, floor, level))
    # Without learning the level is reached at any d, so a smaller one would say no more.
    then = NOTHING if doubts and value == -math.inf else _next(runs, value, draws, options)
    return Reading(
        value=None if value == math.inf else _inside(value, runs),
        **_ends(draws, runs, options),
        confidence=options.confidence,
        baseline_kind=kind,
        baseline=baseline,
        baseline_sd=known(_spread(runs.direct)) if kind == "model" else None,
        floor_kind=options.floor if isinstance(options.floor, str) else "fixed",
        floor=floor,
        fraction=options.fraction,
        level=level,
        rule=options.rule,
        centre=options.centre,
        d_values=tuple(int(d) for d in runs.d),
        d_min=int(tried[0]),
        d_max=int(tried[-1]),
        runs=int(n.sum()),
        solved=int(runs.solved.sum()),
        unsolved=int((~runs.solved).sum()),
        runs_per_d=tuple(int(k) for k in n),
        baseline_runs=len(runs.direct),
        left_out=runs.left_out,
        seeds=runs.seeds,
        coords=runs.coords,
        D=runs.D,
        verdict=_verdict(value),
        cautions=doubts,
        next=then.text,
        next_arguments=then.arguments,
        bootstrap_mean=known(mean),
        bootstrap_sd=known(sd),
        performance_sd=tuple(known(float(sd)) for sd in runs.points.sd),
        d_int100=flat.d,
        d_int100_sees=known(flat.sees),
        d_int100_test=flat.test,
    )


def _baseline(runs: Sample, options: Options) -> tuple[Literal["model", "best", "fixed"], float]:
    if options.baseline == "best":
        if not len(runs.d):
            raise IdimError("no run was trained to its end, so there is no best of the sweep", "use model")
        return "best", float(runs.centres(options.centre).max())
    if options.baseline != "model":
        return "fixed", float(options.baseline)
    if not len(runs.direct):
        where = f"{runs.source}: " if runs.source else ""
        message = f"{where}no direct runs, so there is no baseline 'model'"
        raise IdimError(message, "use --baseline best or a value, e.g. --baseline 1.0")
    return "model", float(runs.direct.mean())


def floor_of(runs: Sample, options: Options) -> float:
    """The performance that counts as 0 %; IdimError where the runs do not record it."""
    if options.floor == "min":
        if not len(runs.d) or options.rule == "curve":
            raise IdimError(
                "floor 'min' needs runs that were all trained to their end", "give a number, or --rule"
            )
        return float(runs.centres(options.centre).min())
    if options.floor != "chance":
        return float(options.floor)
    if runs.chance is None:
        where = f"{runs.source}: " if runs.source else ""
        raise IdimError(
            f"{where}the chance performance is not recorded", "give the floor as a number, e.g. --floor 0.1"
        )
    return runs.chance


def _grid(runs: Sample, options: Options, level: float) -> tuple[float, Draws | None]:
    """The crossing of the means at each d as a whole number, or -inf or +inf, and its interval."""
    if len(runs.stopped.d):
        message = f"{len(runs.stopped.d)} runs were stopped early: their final performance is not known"
        hint = f"rule {options.rule!r} needs it; take rule curve, or sweep with --no-early-stop"
        raise IdimError(message, hint)
    assert options.rule != "curve"
    curve, weights = runs.centres(options.centre)[None], runs.points.n.astype(float)
    x = crossings(options.rule, runs.d.astype(float), curve, weights, np.array([level]))[0]
    # d is whole; the slack undoes rounding in a crossing at a grid point.
    value = float(np.ceil(x * (1 - 1e-9)))
    draw = paper_bootstrap if options.interval == "paper" else bootstrap
    return value, draw(runs, options, level)


def _curve(runs: Sample, options: Options, level: float) -> tuple[float, Draws]:
    """The same by the smooth curve; its interval needs no repeats at one d."""
    if options.baseline == "best":
        raise IdimError("rule 'curve' has no best of the sweep", "give the baseline model, or a number")
    found = crossing(runs, options, level)
    return found.value, found.draws


def _inside(value: float, runs: Sample) -> int:
    return int(runs.tried[0]) if value == -math.inf else int(value)


def _ends(draws: Draws | None, runs: Sample, options: Options) -> dict[str, Any]:
    if draws is None:
        reason = "none: too few runs to estimate their noise"
        return {"low": None, "high": None, "low_is_open": False, "high_is_open": False, "interval": reason}
    low, high = draws.interval(options.confidence)
    return {
        "low": math.ceil(low) if math.isfinite(low) else None,
        "high": math.ceil(high) if math.isfinite(high) else None,
        "low_is_open": low == -math.inf,
        "high_is_open": high == math.inf,
        "interval": draws.method,
    }


def _spread(values: Any) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def _verdict(value: float) -> Verdict:
    if value == math.inf:
        return "not reached"
    return "reached at the smallest d" if value == -math.inf else "reached"


def _next(runs: Sample, value: float, draws: Draws | None, options: Options) -> Advice:
    grid = [int(d) for d in runs.tried]
    if value == math.inf:
        return advice.beyond(grid, runs.D, runs.ours)
    if value == -math.inf:
        return advice.below(grid, runs.ours)
    if draws is None:
        return advice.repeat(3, runs.ours)
    low, high = draws.interval(options.confidence)
    if options.rule == "curve":
        return advice.searched(low, high, runs.ours)
    if advice.is_noise(grid, value, low, high):
        more = max(5, 2 * int(runs.points.n.min()))
        alone = runs.independent or runs.points.n.max() == 1
        return advice.repeat(more, runs.ours) if alone else advice.seeds_unknown(runs.ours)
    near = int(np.searchsorted(runs.d, value))
    return advice.narrower(grid, (low, high), int(runs.points.n.min()), near, runs.ours)
