"""Numbers of one group of runs: performance of the swept runs at each d, and of the direct runs."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from idim_cli.core.errors import IdimError
from idim_cli.recipe.choices import Centre
from idim_cli.runs.early_stop import SOLVED
from idim_cli.thresholds.grouping import label, plain, whole
from idim_cli.thresholds.noise import Swept
from idim_cli.thresholds.psychometric import Evidence
from idim_cli.thresholds.rows import RUN_ID, SEEDS, Columns, clashes, coords_columns, lowered
from idim_cli.thresholds.rules import Floats
from idim_cli.thresholds.run_table import Ints, Rows, RunTable

if TYPE_CHECKING:
    from pandas import DataFrame

MEASURE = "performance"
NO_RUNS = Evidence(np.empty(0), np.empty(0), np.empty(0))


@dataclass(frozen=True)
class Points:
    """Performance at each d, for plots.

    Attributes:
        d: ascending, [m].
        mean, median: of the runs at each d, [m].
        sd: with n - 1; NaN where there is one run, [m]. The paper's blue bars.
        n: runs at each d, [m].
        solved, unsolved: runs that were stopped early, at the performance that they had by then.
    """

    d: NDArray[np.int64]
    mean: Floats
    median: Floats
    sd: Floats
    n: NDArray[np.int64]
    solved: Evidence = NO_RUNS
    unsolved: Evidence = NO_RUNS


@dataclass(frozen=True)
class Sample:
    """The runs of one group.

    Attributes:
        d: subspace dimensions of runs trained to their end, ascending, [m]; m may be 0 if some were stopped.
        runs: performance of the runs at each d, in the order of `d`.
        direct: performance of the direct runs, [k]; k may be 0.
        D: number of native parameters, or None.
        seeds: which seeds vary among the runs at one d, in words.
        independent: whether P varies among them, so that their spread shows the error of their mean.
        left_out: rows that are not used, as their status is not ok.
        coords: restrictions of the coordinates in words; empty if they are free and start at zero.
        stopped: runs that ended early, with bounds on their final performance.
        stopped_at: the performance that these had by then.
        solved: which of these had reached the level.
        source: the table's file, for errors.
        measure: what the performance is, such as "validation accuracy".
        drawn: numbers of the seeds of theta0, P and data order of the runs at each d, [k, 3], equal where the
            seeds are; empty where the table does not record all three.
        chance: performance of the best constant answer; None if unknown.
        start: mean performance of the runs in subspaces before their first step; None if unknown, or if their
            coordinates do not start at zero.
        idle: whether all of them ended with the performance that they started with.
        ours: whether `idim` made the runs, so that its overrides make more of them.
        copies: rows that equal another row, and are not used.
        clashes: runs with d and seeds of another one; 0 where `idim` made them.
    """

    d: NDArray[np.int64]
    runs: tuple[Floats, ...]
    direct: Floats
    D: int | None
    seeds: str
    independent: bool
    left_out: int
    coords: str = ""
    stopped: Evidence = NO_RUNS
    stopped_at: Floats = field(default_factory=lambda: np.zeros(0))
    solved: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    source: str = ""
    measure: str = MEASURE
    drawn: tuple[Ints, ...] = ()
    chance: float | None = None
    start: float | None = None
    idle: bool = False
    ours: bool = True
    copies: int = 0
    clashes: int = 0

    def centres(self, centre: Centre) -> Floats:
        """Mean or median of the runs at each d, [m]."""
        return self.points.median if centre == "median" else self.points.mean

    def above(self, floor: float) -> Sample:
        """The same runs, performance measured from `floor`: the level then is a positive share of it."""
        if not floor:
            return self
        early = self.stopped
        return replace(
            self,
            runs=tuple(values - floor for values in self.runs),
            direct=self.direct - floor,
            stopped=Evidence(early.d, early.low - floor, early.high - floor),
            stopped_at=self.stopped_at - floor,
        )

    @property
    def tried(self) -> NDArray[np.int64]:
        """Every d that was tried, ascending."""
        return np.union1d(self.d, self.stopped.d.astype(np.int64))

    @property
    def evidence(self) -> Evidence:
        """Every single run in a subspace, the stopped ones last."""
        d = np.repeat(self.d, [len(r) for r in self.runs]).astype(float)
        y, early = np.concatenate([*self.runs, np.empty(0)]), self.stopped
        pairs = ((d, early.d), (y, early.low), (y, early.high))
        return Evidence(*(np.concatenate(pair) for pair in pairs))

    @functools.cached_property
    def squares(self) -> tuple[float, ...]:
        """Sums of squared residuals from the mean at each d."""
        return tuple(float(np.sum((r - r.mean()) ** 2)) for r in self.runs)

    @functools.cached_property
    def swept(self) -> Swept:
        """What the noise of the runs in subspaces is estimated from."""
        n = tuple(len(r) for r in self.runs)
        return Swept(self.d.astype(float), self.points.mean, self.squares, n, self.independent)

    @functools.cached_property
    def points(self) -> Points:
        """Mean, median, standard deviation and number of runs at each d."""
        n = np.array([len(r) for r in self.runs], dtype=np.int64)
        sd = [float(np.std(r, ddof=1)) if len(r) > 1 else np.nan for r in self.runs]
        mean = np.array([r.mean() for r in self.runs])
        median = np.array([np.median(r) for r in self.runs])
        early = Evidence(self.stopped.d, self.stopped_at, self.stopped_at)
        parts = (early.where(self.solved), early.where(~self.solved))
        return Points(self.d, mean, median, np.array(sd), n, *parts)


def points(table: DataFrame) -> Points:
    """Performance at each d of the swept runs in `table`, one group; errors as `sample`."""
    return sample(table).points


def sample(table: DataFrame, source: str = "") -> Sample:
    """Take the runs of one group out of a table.

    Args:
        table: one row a run with at least the columns d and performance, see `RunTable.clean`.
        source: the table's file, named in errors.

    Raises:
        IdimError: columns or numbers are missing or wrong, or there is no swept run.
    """
    return sample_at(RunTable(table, source))


def sample_at(table: RunTable, at: Ints | None = None) -> Sample:
    """Take the runs of one group, at these places, out of a table; None is all of it."""
    rows, ours = table.clean(at), RUN_ID in table
    every = np.concatenate([rows.swept, rows.stopped])
    if not len(every):
        message = f"{table.source or 'the table'} has no finished run in a subspace"
        raise IdimError(message, _why_none(rows.left_out, ours))
    performance = table.number(Columns.performance)
    # Stable: the paper's bootstrap picks runs by their order, which must not change between versions of
    # numpy.
    by_d = rows.swept[np.argsort(table.number(Columns.d)[rows.swept], kind="stable")]
    d, first = np.unique(table.number(Columns.d)[by_d].astype(np.int64), return_index=True)
    seeds, independent = _seeds(table, every)
    coords = _coords(table, every)
    # A run that starts from another run's coordinates has learnt something before its first step.
    start, idle = _start(table, rows) if not coords else (None, False)
    chance, native = _known(table, Columns.chance, every), _known(table, Columns.D, every)
    words = [_only(table, column, every) for column in (Columns.split, Columns.metric)]
    return Sample(
        d=d,
        runs=_by_d(performance[by_d], first),
        direct=performance[rows.direct],
        D=int(native.max()) if len(native) else None,
        seeds=seeds,
        independent=independent,
        left_out=rows.left_out,
        coords=coords,
        stopped=_stopped(table, rows.stopped),
        stopped_at=performance[rows.stopped],
        solved=_solved(table, rows.stopped),
        source=table.source,
        measure=" ".join(filter(None, words)) or MEASURE,
        drawn=_drawn(table, by_d, first),
        chance=float(chance.max()) if len(chance) else None,
        start=start,
        idle=idle,
        ours=ours,
        copies=(len(table.frame) if at is None else len(at)) - len(table.distinct(at)),
        clashes=0 if ours else clashes(table.frame.iloc[rows.swept]),
    )


def _by_d(values: NDArray[Any], first: Ints) -> tuple[NDArray[Any], ...]:
    """Values in order of d, one array for each d."""
    return tuple(np.split(values, first[1:])) if len(first) else ()


def _drawn(table: RunTable, by_d: Ints, first: Ints) -> tuple[Ints, ...]:
    if not all(column in table for column in SEEDS):
        return ()
    codes = np.stack([table.codes(column)[by_d] for column in SEEDS], axis=1)
    return () if (codes < 0).any() else _by_d(codes, first)


def _stopped(table: RunTable, at: Ints) -> Evidence:
    """Bounds on the final performance of runs that were stopped early."""
    if not len(at):
        return NO_RUNS
    # Tables without such bounds only record on which side of the level a run would have ended.
    level, solved = table.number(Columns.stop_level)[at], _solved(table, at)
    bounds = []
    sides = ((Columns.final_low, solved, -np.inf), (Columns.final_high, ~solved, np.inf))
    for column, bounded, open_end in sides:
        known = table.number(column)[at] if column in table else np.full(len(at), np.nan)
        bounds.append(np.where(np.isnan(known), np.where(bounded, level, open_end), known))
    # Never below the lower bound, whatever a table holds.
    return Evidence(table.number(Columns.d)[at], bounds[0], np.maximum(*bounds))


def _known(table: RunTable, column: str, at: Ints) -> Floats:
    """The numbers of a column, without empty cells."""
    values = table.number(column)[at] if column in table else np.empty(0)
    return values[~np.isnan(values)]


def _start(table: RunTable, rows: Rows) -> tuple[float | None, bool]:
    """Mean performance of the runs before their first step, and whether all of them ended there too."""
    known = _known(table, Columns.start, np.concatenate([rows.swept, rows.stopped]))
    if not len(known):
        return None, False
    moved = table.number(Columns.performance)[rows.swept] != table.number(Columns.start)[rows.swept]
    return float(known.mean()), bool(len(moved)) and not moved.any()


def _solved(table: RunTable, at: Ints) -> NDArray[np.bool_]:
    if not len(at):
        return np.zeros(0, dtype=bool)
    return np.asarray(lowered(table.frame[Columns.status].iloc[at]) == SOLVED)


def _why_none(left_out: int, ours: bool) -> str:
    if left_out:
        return f"{left_out} of its rows have a status other than ok"
    return "run a sweep first" if ours else "all its rows are direct training"


def _only(table: RunTable, column: str, at: Ints) -> str:
    """The word on which all runs agree; empty if they do not."""
    known = table.values(column, at) if column in table else []
    return str(known[0]) if len(known) == 1 else ""


def _coords(table: RunTable, at: Ints) -> str:
    """Restrictions of the coordinates; empty if they are free and start at zero, or nothing is known."""
    columns = coords_columns(table.frame)
    if not columns:
        return ""
    each = table.frame[columns].iloc[at].apply(whole).drop_duplicates().to_dict("records")
    kinds = list(dict.fromkeys(label(plain(one)) or "free" for one in each))
    return "" if kinds == ["free"] else f"{' or '.join(kinds)} (the paper's are free and start at zero)"


def _seeds(table: RunTable, at: Ints) -> tuple[str, bool]:
    """Which seeds vary among the runs at one d, and whether P's is among them."""
    codes = {c: table.codes(c)[at] for c in SEEDS if c in table}
    recorded = {c: w for c, w in SEEDS.items() if c in codes and (codes[c] >= 0).any()}
    _, place, runs = np.unique(table.number(Columns.d)[at], return_inverse=True, return_counts=True)
    repeated = bool(runs.max() > 1)
    own = [word for column, word in recorded.items() if len(np.unique(codes[column])) == len(at)]
    # As in a search: each run has its own seed, so that repeats at one d always differ in it.
    if own and len(at) > 1:
        return f"{', '.join(own)} (different in every run)", repeated
    if not repeated:
        return "one run at each d", False
    if not recorded:
        return "not recorded", False
    varied = {column: _most_values(place, codes[column]) for column in recorded}
    moved = [c for c in recorded if varied[c] > 1]
    if not moved:
        return "none vary", False
    words = ", ".join(recorded[c] for c in moved)
    count = "/".join(str(n) for n in sorted({varied[c] for c in moved}))
    return f"{words} ({count} values)", "seed_projector" in moved


def _most_values(place: Ints, codes: Ints) -> int:
    """The largest number of different values at one place."""
    pairs = np.unique(np.stack([place, codes], axis=1)[codes >= 0], axis=0)
    return int(np.bincount(pairs[:, 0]).max()) if len(pairs) else 0
