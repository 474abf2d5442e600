"""Variance of the performance at one d, split into the parts of theta0, of P and of the data order."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from idim_cli.thresholds import Sample

SEEDS = {"seed_theta0": "theta0", "seed_projector": "P", "seed_data": "data order"}
REST = "the rest"  # interactions of seeds, and randomness that no seed decides
HOW_TO = "sweep.seeds={theta0: [0, 1], projector: [0, 1], data: [0, 1]}"
_FEWEST_D = 3  # for a standard error by the jackknife; two values say nothing about their spread

Pattern = tuple[bool, ...]  # which seeds differ between two runs
_PATTERNS = [pattern for pattern in product((False, True), repeat=len(SEEDS)) if any(pattern)]
_SUBSETS = [some for size in range(len(SEEDS) + 1) for some in combinations(range(len(SEEDS)), size)]


@dataclass(frozen=True)
class Pairs:
    """Pairs of runs at one d that differ in some seed, by d [n] and by which seeds differ [m].

    Attributes:
        counts: how many, [n, m].
        squares: half their squared differences in performance, summed, [n, m].
    """

    counts: NDArray[np.float64]
    squares: NDArray[np.float64]

    def where(self, d: NDArray[np.bool_], patterns: NDArray[np.bool_]) -> Pairs:
        """Those of some d and patterns, by masks."""
        return Pairs(self.counts[d][:, patterns], self.squares[d][:, patterns])


@dataclass(frozen=True)
class VarianceShare:
    """A part of the variance of one run at one d.

    Attributes:
        name: the seed that causes it; several if they always change together.
        variance: of the performance.
        error: standard error of `variance`, by the jackknife over d; None for fewer than three d.
    """

    name: str
    variance: float
    error: float | None


@dataclass(frozen=True)
class VarianceSplit:
    """The variance of one run at one d, pooled over d.

    Attributes:
        components: its parts, none below zero; empty if they cannot be separated.
        sd: standard deviation of one run, pooled within each d; None without two runs at one d.
        at: number of d with two runs or more.
        problem: why the parts cannot be separated or have no errors, or "".
        hint: what to run to separate them, or "".
    """

    components: tuple[VarianceShare, ...] = ()
    sd: float | None = None
    at: int = 0
    problem: str = ""
    hint: str = ""


def split(runs: Sample) -> VarianceSplit:
    """Split the variance among the runs of one group that were trained to their end.

    Half the squared difference of two runs at one d is, on average, the sum of the variances of everything
    that differs between them. The parts are fitted to all pairs by non-negative least squares.
    """
    dof = [len(y) - 1 for y in runs.runs]
    repeated = sum(n > 0 for n in dof)
    if not repeated:
        return VarianceSplit(
            problem="No two runs at one d were trained to their end, so there is no variance to split."
        )
    # Weighted by degrees of freedom, so that a d with many runs counts more.
    sd = math.sqrt(sum(square for square, n in zip(runs.squares, dof, strict=True) if n) / sum(dof))
    if not runs.drawn:
        return VarianceSplit(
            (), sd, repeated, "The table does not record the seeds of theta0, P and data order."
        )
    pairs = _pairs(runs)
    return (
        _split(pairs, sd)
        if pairs.counts.any()
        else VarianceSplit((), sd, repeated, "No seed differs between the runs.")
    )


def _split(pairs: Pairs, sd: float) -> VarianceSplit:
    some = pairs.counts > 0
    known = np.asarray(some.any(axis=0))
    patterns = [pattern for pattern, there in zip(_PATTERNS, known, strict=True) if there]
    pairs = pairs.where(np.asarray(some.any(axis=1)), known)
    names, design = _columns(patterns)
    at = len(pairs.counts)
    # Then the least-squares solution is not unique.
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return VarianceSplit(
            (), sd, at, "The seeds do not vary in enough combinations to separate their shares.", HOW_TO
        )
    whole = _fit(pairs.counts.sum(axis=0), pairs.squares.sum(axis=0), design)
    errors = _jackknife_errors(pairs, design)
    parts = tuple(VarianceShare(*part) for part in zip(names, whole.tolist(), errors, strict=True))
    joined = [name for name in names if " and " in name]
    if len(parts) == 1:  # it is the whole variance, which `sd` states already
        parts = ()
    problems = []
    if joined:
        problems.append(f"{joined[0]} always change together, so their shares cannot be separated.")
    if parts and at < _FEWEST_D:
        have = f"seeds vary at {at} d"
        problems.append(f"Shares have no standard error: that needs {_FEWEST_D} d or more, but {have}.")
    return VarianceSplit(parts, sd, at, " ".join(problems), HOW_TO if joined else "")


def _pairs(runs: Sample) -> Pairs:
    """All pairs of runs at each d, from sums over runs that share seeds: there may be billions of pairs."""
    level = np.repeat(np.arange(len(runs.runs)), [len(y) for y in runs.runs])
    y = np.concatenate([values - values[0] for values in runs.runs])  # exact zeros for equal runs
    seeds = np.concatenate([level[:, None], np.concatenate(runs.drawn)], axis=1)
    alike = {same: _alike(seeds[:, [0, *(1 + i for i in same)]], y) for same in _SUBSETS}
    sums = np.zeros((2, len(runs.runs), len(_PATTERNS)))
    for index, pattern in enumerate(_PATTERNS):
        kept = {i for i, differs in enumerate(pattern) if not differs}
        # Pairs that agree on `kept` and on nothing else: inclusion and exclusion over what they agree on.
        for same in _SUBSETS:
            if kept <= {*same}:
                sums[:, :, index] += (-1) ** (len(same) - len(kept)) * alike[same]
    counts, squares = sums
    # Cancellation may leave tiny negative sums, or sums of no pairs.
    return Pairs(counts, np.where(counts > 0, np.maximum(squares, 0.0), 0.0))


def _alike(seeds: NDArray[np.int64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pairs of runs that agree on all these numbers, of which the first is the index of their d.

    Returns:
        At each d their number, and half the sum of their squared differences, [2, n].
    """
    cells, own = np.unique(seeds, axis=0, return_inverse=True)
    n, total, square = (np.bincount(own.ravel(), weights) for weights in (None, y, y * y))
    # Sums over runs give the sums over pairs, without a loop over pairs.
    pairs = (n * (n - 1) / 2, (n * square - total**2) / 2)
    return np.stack([np.bincount(cells[:, 0], of_cell) for of_cell in pairs])


def _columns(patterns: Sequence[Pattern]) -> tuple[list[str], NDArray[np.float64]]:
    """The causes of variance, [k], and which of them differ in each pattern, [m, k].

    Causes that differ in the same patterns share a column; seeds that never vary get none.
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
    counts: NDArray[np.float64],
    squares: NDArray[np.float64],
    design: NDArray[np.float64],
    signed: bool = False,
) -> NDArray[np.float64]:
    """Variances [k] that fit the pairs best, each pair counting the same; none below zero unless `signed`.

    Args:
        counts, squares: of the pairs of each pattern, [m].
        design: from `_columns`.
        signed: whether parts may be negative.
    """
    from scipy.optimize import nnls

    # Least squares weighted by the number of pairs: every pair counts the same.
    weights = np.sqrt(counts)
    means = np.divide(squares, counts, out=np.zeros(len(counts)), where=counts > 0)
    solve = functools.partial(np.linalg.lstsq, rcond=None) if signed else nnls
    fitted: NDArray[np.float64] = solve(design * weights[:, None], means * weights)[0]
    return fitted


def _jackknife_errors(pairs: Pairs, design: NDArray[np.float64]) -> list[float] | list[None]:
    """Standard errors by leaving out each d once. Signed fits, as those cut at zero would vary too little."""
    n = len(pairs.counts)
    if n < _FEWEST_D:
        return [None] * design.shape[1]
    rest = pairs.counts.sum(axis=0) - pairs.counts, pairs.squares.sum(axis=0) - pairs.squares
    left = np.array([_fit(*one, design, signed=True) for one in zip(*rest, strict=True)])
    # n - 1 times their variance, because estimates that share all d but one hardly vary.
    spread = (n - 1) / n * ((left - left.mean(axis=0)) ** 2).sum(axis=0)
    return [float(error) for error in np.sqrt(spread)]
