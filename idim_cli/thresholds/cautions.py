"""What makes a reading say less than it seems to: a level that is reached without learning."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from idim_cli.thresholds.sample import Sample

_FEWEST = 3  # d at which one performance in all runs is no accident
_DIGITS = 4


def cautions(runs: Sample, level: float, baseline: float) -> tuple[str, ...]:
    """Each in one sentence; none where nothing speaks against the reading.

    Args:
        runs: of one group.
        level: the performance to be reached.
        baseline: the performance that counts as 100 %.
    """
    return tuple(_cautions(runs, level, baseline))


def _cautions(runs: Sample, level: float, baseline: float) -> Iterator[str]:
    chance, start, done = runs.chance, runs.start, np.concatenate([*runs.runs, np.empty(0)])
    share = "the share of the most frequent class" if "accuracy" in runs.measure else "chance"
    if chance is not None and baseline <= chance:
        yield f"the baseline {_short(baseline)} is not above a constant answer: {share} is {_short(chance)}"
    elif chance is not None and level <= chance:
        yield f"a constant answer reaches the level {_short(level)}: {share} is {_short(chance)}"
    if runs.idle:
        yield (
            "every run in a subspace has the performance that it had before training: nothing was learnt "
            "(is the learning rate too small?)"
        )
    elif start is not None and level <= start:
        yield f"the runs reach the level {_short(level)} before any training: theta_0 has {_short(start)}"
    if not runs.idle and len(runs.d) >= _FEWEST and len(done) and np.ptp(done) == 0:
        yield f"the performance is {_short(float(done[0]))} in every run: it may not depend on d at all"


def _short(value: float) -> str:
    return f"{value:.{_DIGITS}g}"
