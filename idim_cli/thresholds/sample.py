"""Clean numbers of one group of runs: swept performance at each d, and the direct runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from idim_cli.errors import IdimError
from idim_cli.goal import SOLVED
from idim_cli.thresholds.groups import label, plain, whole
from idim_cli.thresholds.options import Centre
from idim_cli.thresholds.psychometric import Evidence
from idim_cli.thresholds.rows import Columns, clean, coords_columns

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]
MEASURE = "performance"
_RUN_ID = "run_id"  # the tables that `idim` writes have it
_PAPERS = "the paper's are free and start at zero"
_LUCK = 0.5  # in standard deviations of one evaluation; see docs/adaptive.md
_SEEDS = {"seed_theta0": "theta0", "seed_projector": "P", "seed_data": "data order"}


NO_RUNS = Evidence(np.empty(0), np.empty(0), np.empty(0))


@dataclass(frozen=True)
class Points:
    """Performance at each d, for plots.

    Attributes:
        d: ascending, [m].
        mean, median: of the runs at each d, [m].
        sd: with n - 1; NaN where there is one run, [m]. The paper's blue bars.
        n: runs at each d, [m].
        solved, unsolved: runs that were stopped early.
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
        stopped: runs that ended early, and between what they would have come to.
        solved: which of these had reached the level.
        direct: performance of the direct runs, [k]; k may be 0.
        D: number of native parameters, or None.
        seeds: which seeds vary among the runs at one d, in words.
        independent: whether P varies among them, so that their spread says how far a mean may be off.
        coords: what they may be but free and zero at the start, in words; empty if just that.
        left_out: rows that are not used, as their status is not ok.
        source: the table's file, for errors.
        measure: what the performance is, such as "validation accuracy".
        ours: whether `idim` made the runs, so that its overrides make more of them.
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
    solved: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    source: str = ""
    measure: str = MEASURE
    ours: bool = True

    def centres(self, centre: Centre) -> Floats:
        """What stands for the runs at each d, [m]: their mean or their median."""
        return self.points.median if centre == "median" else self.points.mean

    @property
    def tried(self) -> NDArray[np.int64]:
        """Every d that was tried, ascending."""
        return np.union1d(self.d, self.stopped.d.astype(np.int64))

    @property
    def evidence(self) -> Evidence:
        """Each run in a subspace for itself, the stopped ones last."""
        d = np.repeat(self.d, [len(r) for r in self.runs]).astype(float)
        y, early = np.concatenate([*self.runs, np.empty(0)]), self.stopped
        pairs = ((d, early.d), (y, early.low), (y, early.high))
        return Evidence(*(np.concatenate(pair) for pair in pairs))

    @property
    def points(self) -> Points:
        """Mean, median, standard deviation and number of runs at each d."""
        n = np.array([len(r) for r in self.runs], dtype=np.int64)
        sd = [float(np.std(r, ddof=1)) if len(r) > 1 else np.nan for r in self.runs]
        mean = np.array([r.mean() for r in self.runs])
        median = np.array([np.median(r) for r in self.runs])
        parts = (self.stopped.where(self.solved), self.stopped.where(~self.solved))
        return Points(self.d, mean, median, np.array(sd), n, *parts)


def points(table: DataFrame) -> Points:
    """Performance at each d of the swept runs in `table`, one group; errors as `sample`."""
    return sample(table).points


def sample(table: DataFrame, source: str = "") -> Sample:
    """Take the runs of one group out of a table.

    Args:
        table: one row a run with at least the columns d and performance, see `rows.clean`.
        source: the table's file, named in errors.

    Raises:
        IdimError: columns or numbers are missing or wrong, or there is no swept run.
    """
    import pandas

    tidy = clean(table, source)
    swept, direct = tidy.rows[~tidy.direct], tidy.rows[tidy.direct]
    if swept.empty and tidy.stopped.empty:
        message = f"{source or 'the table'} has no finished run in a subspace"
        raise IdimError(message, _why_none(tidy.left_out, _RUN_ID in table))
    by_d = swept.groupby(Columns.d, sort=True)[Columns.performance]
    d = np.unique(swept[Columns.d].to_numpy(dtype=np.int64))
    every = pandas.concat([swept, tidy.stopped]) if len(tidy.stopped) else swept
    seeds, independent = _seeds(every)
    return Sample(
        d=d,
        runs=tuple(by_d.get_group(float(k)).to_numpy(dtype=float) for k in d),
        direct=direct[Columns.performance].to_numpy(dtype=float),
        D=_native(every),
        seeds=seeds,
        independent=independent,
        left_out=tidy.left_out,
        coords=_coords(every),
        stopped=_stopped(tidy.stopped, _jitter(every)),
        solved=_solved(tidy.stopped),
        source=source,
        measure=_measure(every),
        ours=_RUN_ID in table,
    )


def _stopped(rows: DataFrame, jitter: float) -> Evidence:
    """Between what the runs that were stopped early would have come to.

    At least what they had, less what the last evaluation may owe to luck: a run that ends because it has just
    reached the level does so at a good one. At most their own forecast.
    """
    if rows.empty:
        return NO_RUNS
    low = rows[Columns.performance].to_numpy(dtype=float) - _LUCK * jitter
    unknown = np.where(_solved(rows), np.inf, rows[Columns.stop_level].to_numpy(dtype=float))
    high = _filled(rows, Columns.forecast, unknown)
    return Evidence(rows[Columns.d].to_numpy(dtype=float), low, np.maximum(high, low))


def _filled(rows: DataFrame, column: str, otherwise: Floats) -> Floats:
    """A column, with other values where it is absent or empty."""
    if column not in rows:
        return otherwise
    values = rows[column].to_numpy(dtype=float)
    return np.where(np.isnan(values), otherwise, values)


def _jitter(rows: DataFrame) -> float:
    """How far an evaluation lies off the learning curve: the median over the runs; 0 if unknown."""
    known = rows[Columns.jitter].dropna() if Columns.jitter in rows else ()
    return float(np.median(known)) if len(known) else 0.0


def _solved(rows: DataFrame) -> NDArray[np.bool_]:
    if rows.empty:
        return np.zeros(0, dtype=bool)
    said = rows[Columns.status].astype(str).str.strip().str.lower()
    return np.asarray(said == SOLVED)


def _why_none(left_out: int, ours: bool) -> str:
    if left_out:
        return f"{left_out} of its rows have a status other than ok"
    return "run a sweep first" if ours else "all its rows are direct training"


def _measure(swept: DataFrame) -> str:
    """Split and metric, as far as all runs agree on them."""
    words = [_only(swept, Columns.split), _only(swept, Columns.metric)]
    return " ".join(word for word in words if word) or MEASURE


def _only(rows: DataFrame, column: str) -> str:
    known = set(rows[column].dropna()) if column in rows else set()
    return str(known.pop()) if len(known) == 1 else ""


def _native(swept: DataFrame) -> int | None:
    known = swept[Columns.D].dropna() if Columns.D in swept else ()
    return int(max(known)) if len(known) else None


def _coords(swept: DataFrame) -> str:
    """What the coordinates may be; empty if they are free and start at zero, or nothing is known."""
    columns = coords_columns(swept)
    if not columns:
        return ""
    each = swept[columns].apply(whole).drop_duplicates().to_dict("records")
    kinds = list(dict.fromkeys(label(plain(one)) or "free" for one in each))
    if kinds == ["free"]:
        return ""
    return f"{' or '.join(kinds)} ({_PAPERS})"


def _seeds(swept: DataFrame) -> tuple[str, bool]:
    """Which seeds vary among the runs at one d, and whether P's is among them."""
    recorded = {c: w for c, w in _SEEDS.items() if c in swept and swept[c].notna().any()}
    repeated = bool(swept.groupby(Columns.d).size().max() > 1)
    own = [word for column, word in recorded.items() if swept[column].is_unique]
    if own and len(swept) > 1:
        return f"{', '.join(own)} (others in every run)", repeated
    if not repeated:
        return "one run at each d", False
    if not recorded:
        return "not recorded", False
    varied = swept.groupby(Columns.d)[list(recorded)].nunique().max()
    moved = [c for c in recorded if varied[c] > 1]
    if not moved:
        return "none vary", False
    words = ", ".join(recorded[c] for c in moved)
    count = "/".join(str(n) for n in sorted({int(varied[c]) for c in moved}))
    return f"{words} ({count} values)", "seed_projector" in moved
