"""Weaknesses of a reading, such as a level that is reached without learning."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from idim_cli.thresholds.options import Options
from idim_cli.thresholds.rules import Floats
from idim_cli.thresholds.samples import Sample

# With at least this many d, equal performance in all runs is unlikely to be a coincidence.
_FEWEST = 3
# A performance more than _PERCENT times a later one, but less than 100^2 / _PERCENT times, is probably a
# percentage before a share: real curves seldom fall by a factor of 25 to 400 as d grows.
_PERCENT = 25
# By this share of the baseline, and by so many standard errors, runs in subspaces are clearly better.
_EXCESS, _ERRORS = 0.05, 4


def cautions(runs: Sample, options: Options, baseline: float, floor: float, level: float) -> Iterator[str]:
    """Each in one sentence.

    Args:
        runs: of one group.
        options: how they are read.
        baseline, floor: the performances that count as 100 % and as 0 %.
        level: the performance to reach.
    """
    start, done = runs.start, np.concatenate([*runs.runs, np.empty(0)])
    yield from _chance(runs, options, baseline, floor, level)
    yield from _exceeded(runs, options, baseline, floor)
    if runs.idle:
        yield (
            "every run in a subspace has the performance that it had before training: nothing was learnt "
            "(is the learning rate too small?)"
        )
    elif start is not None and level <= start:
        yield f"the runs reach the level {_short(level)} before any training: theta_0 has {_short(start)}"
    yield from _rows(runs)
    yield from _units(runs, level)
    if not runs.idle and len(runs.d) >= _FEWEST and len(done) and np.ptp(done) == 0:
        yield f"the performance is {_short(float(done[0]))} in every run: it may not depend on d at all"


def _chance(runs: Sample, options: Options, baseline: float, floor: float, level: float) -> Iterator[str]:
    """A baseline or a level that is, or may be, no better than a constant answer."""
    # The lower limit is compared, as a few lucky direct runs may be above chance although the model is not.
    chance, least = runs.chance, _at_least(runs, options, baseline)
    share = "the share of the most frequent class" if "accuracy" in runs.measure else "chance"
    shown = _short(baseline)
    if least < baseline:
        shown += f" (at least {_short(least)} at {100 * options.confidence:g} % confidence)"
    if chance is not None and least <= chance:
        yield f"the baseline {shown} is not clearly above a constant answer: {share} is {_short(chance)}"
    elif chance is not None and level <= chance:
        yield f"a constant answer reaches the level {_short(level)}: {share} is {_short(chance)}"
    elif options.floor != 0 and least <= floor:
        yield f"the baseline {shown} is not clearly above the floor {_short(floor)}"


def _exceeded(runs: Sample, options: Options, baseline: float, floor: float) -> Iterator[str]:
    """Runs in subspaces that are clearly better than the direct runs, which then were not trained enough."""
    if options.baseline != "model" or not len(runs.d):
        return
    means = runs.points.mean
    best = int(means.argmax())
    dof = int(runs.points.n.sum()) - len(runs.d) + len(runs.direct) - 1
    squares = sum(runs.squares) + float(((runs.direct - runs.direct.mean()) ** 2).sum())
    error = np.sqrt(squares / max(dof, 1) * (1 / runs.points.n[best] + 1 / len(runs.direct)))
    # Subspaces regularise, so that a little more than 100 % is usual; the best of several d is also lucky.
    if dof > 0 and means[best] - baseline > max(_EXCESS * abs(baseline - floor), _ERRORS * error):
        yield (
            f"the runs at d = {int(runs.d[best])} reach {_short(float(means[best]))}, clearly more than the "
            f"baseline {_short(baseline)}: direct training may need other learning rates or more epochs "
            "(sweep.baseline.set)"
        )


def _at_least(runs: Sample, options: Options, baseline: float) -> float:
    """Lower limit of the baseline by a one-sided t-test; the baseline itself where its noise is unknown."""
    from scipy.special import stdtrit

    if options.baseline not in ("model", "best"):  # a number has no noise
        return baseline
    behind = runs.direct if options.baseline == "model" else runs.runs[runs.centres(options.centre).argmax()]
    dof, squares = len(behind) - 1, float(((behind - behind.mean()) ** 2).sum())
    if not dof:  # a single run: as noisy as the runs in subspaces
        dof, squares = int(runs.points.n.sum()) - len(runs.d), sum(runs.squares)
    if not dof:
        return baseline
    error = np.sqrt(squares / dof / len(behind))
    return float(baseline - stdtrit(dof, options.confidence) * error)


def _rows(runs: Sample) -> Iterator[str]:
    """Rows that are not runs of their own."""
    if runs.copies:
        rows = "1 row is a copy" if runs.copies == 1 else f"{runs.copies} rows are copies"
        yield f"{rows} of other rows, and left out: a run counts once"
    if runs.clashes:
        some = "1 run has" if runs.clashes == 1 else f"{runs.clashes} runs have"
        yield (
            f"{some} the d and the seed of another run, and another performance: if they differ in a further "
            "column, --where or --group-by can separate them"
        )


def _units(runs: Sample, level: float) -> Iterator[str]:
    """Accuracies and a level that are not both shares or both percentages, or are mixed."""
    # By d, and the best first: in one unit, later values are then seldom much smaller.
    swept = np.concatenate([*(np.sort(some)[::-1] for some in runs.runs), np.empty(0)])
    every = np.concatenate([swept, runs.direct])
    ends = np.array([runs.direct.min(), swept.max()]) if len(swept) and len(runs.direct) else every[:0]
    # NaN makes both comparisons below false: other metrics than accuracies have no upper end.
    best = float(every.max()) if "acc" in runs.measure and len(every) else np.nan
    if not runs.ours and (mixed := _mixed(every) or _mixed(ends)):
        shown = " and ".join(map(_short, mixed))
        yield f"percentages and shares may be mixed in one column ({shown}): use one unit for all"
    elif best > 1 >= level:
        yield (
            f"accuracies up to {_short(best)} are compared with a level of {_short(level)}: if they are "
            "percentages, the baseline has to be one too (--baseline 100)"
        )
    elif best <= 1 < level:
        yield f"no accuracy reaches a level of {_short(level)}: lower the fraction or the baseline"


def _mixed(performance: Floats) -> tuple[float, float] | None:
    """A percentage, and a share after it; None if there is no such pair."""
    if not len(performance):
        return None
    best = np.maximum.accumulate(performance)
    ratio = best / np.where(performance > 0, performance, np.inf)
    pairs = (best > 1) & (best <= 100) & (performance <= 1) & (ratio > _PERCENT) & (ratio < 100**2 / _PERCENT)
    at = int(pairs.argmax())
    return (float(best[at]), float(performance[at])) if pairs.any() else None


def _short(value: float) -> str:
    return f"{value:.4g}"
