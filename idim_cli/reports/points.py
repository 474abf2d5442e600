"""Performance at each d as plain tuples, which all plots take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Curve:
    """Performance against d, ascending in d, all values finite.

    Attributes:
        d: subspace dimensions, above zero.
        mean: performance at each d, the mean over runs (or their median, see `centre`).
        sd: standard deviation over runs; 0 where it is unknown (one run).
        n: number of runs at each d.
        centre: ``mean`` or ``median`` of the runs at one d.
        solved, unsolved: (d, performance) of each run that was stopped early.
    """

    d: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()
    n: tuple[int, ...] = ()
    centre: str = "mean"
    solved: tuple[tuple[float, float], ...] = ()
    unsolved: tuple[tuple[float, float], ...] = ()

    @property
    def every_d(self) -> tuple[float, ...]:
        """The d of all points and of all runs that were stopped, ascending."""
        return tuple(sorted({*self.d, *(d for d, _ in (*self.solved, *self.unsolved))}))

    @classmethod
    def of(cls, points: Any, centre: str = "mean") -> Curve:
        """The curve of `points`: anything with the columns d and mean (or median), and perhaps sd and n.

        `points` is a `threshold.Points`, a mapping, a DataFrame or a Curve (returned unchanged). Points whose
        d or mean is unknown, or whose d is not above zero, are left out.
        """
        if isinstance(points, cls):
            return points
        columns = [_column(points, name) for name in ("d", centre, "sd", "n")]
        size = len(columns[0])
        rows = sorted(
            # An error bar of length 0 is hidden by its mark, as one of unknown length should be.
            (d, mean, sd if math.isfinite(sd) else 0.0, int(n) if math.isfinite(n) else 1)
            for d, mean, sd, n in zip(*(column or [math.nan] * size for column in columns), strict=True)
            if math.isfinite(mean) and math.isfinite(d) and d > 0
        )
        d, mean, sd, n = zip(*rows, strict=True) if rows else ((), (), (), ())
        return cls(d, mean, sd, n, centre, _stopped(points, "solved"), _stopped(points, "unsolved"))


def _stopped(points: Any, name: str) -> tuple[tuple[float, float], ...]:
    # Mappings and DataFrames hold finished runs only; `solved` may be a column of something else there.
    runs = None if hasattr(points, "get") else getattr(points, name, None)
    return () if runs is None else tuple(zip(runs.d.tolist(), runs.low.tolist(), strict=True))


def _column(points: Any, name: str) -> list[float]:
    values = points.get(name, ()) if hasattr(points, "get") else getattr(points, name, ())
    return [math.nan if value is None else float(value) for value in values]
