"""How much of the spread among runs at one d is owed to theta0, to P and to the data order."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idim_cli.errors import IdimError
from idim_cli.thresholds.rows import Columns, clean

if TYPE_CHECKING:
    from pandas import DataFrame

SEEDS = {"seed_theta0": "theta0", "seed_projector": "P", "seed_data": "data order"}
REST = "the rest"  # what seeds do only together, and what none of them decides
HOW_TO = "sweep.seeds={theta0: [0, 1], projector: [0, 1], data: [0, 1]}"
_FEWEST_D = 3  # for a standard error from leaving one out

Pattern = tuple[bool, ...]  # which seeds differ between two runs
Squares = dict[Pattern, list[float]]  # half the squared differences of such pairs


@dataclass(frozen=True)
class Component:
    """A part of the variance of one run at one d.

    Attributes:
        name: the seed that it is owed to; several where they never move apart.
        variance: of the performance.
        error: standard error of `variance`, by leaving out one d after the other; None for fewer than three.
    """

    name: str
    variance: float
    error: float | None


@dataclass(frozen=True)
class Split:
    """The variance of one run at one d, pooled over d.

    Attributes:
        components: its parts, none below zero; empty where nothing can be told.
        sd: standard deviation of one run, pooled within each d; None without two runs at one d.
        at: number of d with two runs or more.
        problem: why the parts cannot be told apart or have no errors, or "".
        hint: what to run to tell them apart, or "".
    """

    components: tuple[Component, ...] = ()
    sd: float | None = None
    at: int = 0
    problem: str = ""
    hint: str = ""


def split(rows: DataFrame) -> Split:
    """Split the variance among the runs of one group that were trained to their end.

    Half the squared difference of two runs at one d is, in the mean, the sum of the variances of all that
    differs between them. The parts are those that fit all pairs best, by least squares, none below zero.
    """
    try:
        tidy = clean(rows)
    except IdimError as error:
        return Split(problem=f"{str(error)[:1].upper()}{str(error)[1:]}.")
    kept = tidy.rows[~tidy.direct]
    values = [group[Columns.performance].to_numpy(float) for _, group in kept.groupby(Columns.d)]
    repeated = [y for y in values if len(y) > 1]
    if not repeated:
        return Split(
            problem="No two runs at one d were trained to their end, so there is no spread to split."
        )
    dof = sum(len(y) - 1 for y in repeated)
    sd = math.sqrt(sum(float(((y - y.mean()) ** 2).sum()) for y in repeated) / dof)
    if not set(SEEDS) <= set(kept) or kept[list(SEEDS)].isna().any(axis=None):
        return Split(
            (), sd, len(repeated), "The table does not record the seeds of theta0, P and data order."
        )
    pairs = [found for _, group in kept.groupby(Columns.d) if (found := _pairs(group))]
    return _split(pairs, sd) if pairs else Split((), sd, len(repeated), "No seed differs between the runs.")


def _split(pairs: Sequence[Squares], sd: float) -> Split:
    patterns = sorted({pattern for found in pairs for pattern in found})
    names, design = _columns(patterns)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return Split(
            (), sd, len(pairs), "The seeds do not vary in enough combinations to be told apart.", HOW_TO
        )
    whole = _fit(pairs, patterns, design)
    errors = _errors(pairs, patterns, design)
    parts = tuple(Component(*part) for part in zip(names, whole.tolist(), errors, strict=True))
    joined = [name for name in names if " and " in name]
    if len(parts) == 1:  # all of it, which `sd` says
        parts = ()
    problems = []
    if joined:
        problems.append(f"From run to run {joined[0]} change together, so their shares cannot be told apart.")
    if parts and len(pairs) < _FEWEST_D:
        have = f"here runs differ in their seeds at {len(pairs)} d"
        problems.append(f"Shares without a standard error: that takes {_FEWEST_D} d or more, and {have}.")
    return Split(parts, sd, len(pairs), " ".join(problems), HOW_TO if joined else "")


def _pairs(rows: DataFrame) -> Squares:
    seeds, y = rows[list(SEEDS)].to_numpy(), rows[Columns.performance].to_numpy(float)
    found: Squares = {}
    for i, j in combinations(range(len(y)), 2):
        pattern = tuple(bool(differs) for differs in seeds[i] != seeds[j])
        if any(pattern):
            found.setdefault(pattern, []).append(float(y[i] - y[j]) ** 2 / 2)
    return found


def _columns(patterns: Sequence[Pattern]) -> tuple[list[str], NDArray[np.float64]]:
    """What the variance is owed to, [k], and which of it differs in each pattern, [m, k].

    What differs in the same patterns gets one column; seeds that never vary get none.
    """
    columns: dict[Pattern, list[str]] = {}
    for index, name in enumerate(SEEDS.values()):
        columns.setdefault(tuple(pattern[index] for pattern in patterns), []).append(name)
    columns.setdefault((True,) * len(patterns), []).append(REST)
    columns.pop((False,) * len(patterns), None)
    return [_and(names) for names in columns.values()], np.array(list(columns), dtype=float).T


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _fit(
    pairs: Sequence[Mapping[Pattern, Sequence[float]]],
    patterns: Sequence[Pattern],
    design: NDArray[np.float64],
    signed: bool = False,
) -> NDArray[np.float64]:
    """Variances [k] that fit the pairs best, each pair counting the same; none below zero unless `signed`."""
    from scipy.optimize import nnls

    pooled = [[square for found in pairs for square in found.get(pattern, ())] for pattern in patterns]
    weights = np.sqrt([len(squares) for squares in pooled])
    means = np.array([np.mean(squares) if squares else 0.0 for squares in pooled])
    solve = functools.partial(np.linalg.lstsq, rcond=None) if signed else nnls
    fitted: NDArray[np.float64] = solve(design * weights[:, None], means * weights)[0]
    return fitted


def _errors(
    pairs: Sequence[Squares], patterns: Sequence[Pattern], design: NDArray[np.float64]
) -> list[float] | list[None]:
    """Standard errors by leaving out one d after the other, as if parts below zero were let stand."""
    n = len(pairs)
    if n < _FEWEST_D:
        return [None] * design.shape[1]
    left = np.array([_fit([*pairs[:i], *pairs[i + 1 :]], patterns, design, signed=True) for i in range(n)])
    spread = (n - 1) / n * ((left - left.mean(axis=0)) ** 2).sum(axis=0)
    return [float(error) for error in np.sqrt(spread)]
