"""Performance at each d in the plain form that the plots take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Curve:
    """Mean performance against d, ascending in d, all values finite.

    Attributes:
        d: subspace dimensions, above zero.
        mean: performance at each d, the mean over runs.
        sd: standard deviation over runs; 0 where it is unknown (one run).
        n: number of runs at each d.
    """

    d: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()
    n: tuple[int, ...] = ()

    @classmethod
    def of(cls, points: Any) -> Curve:
        """The curve of `points`: anything with the columns d and mean, and perhaps sd and n.

        `points` is a `threshold.Points`, a mapping, a DataFrame or a Curve. Where d or the mean is unknown,
        or d is not above zero, the point is left out.
        """
        columns = [_column(points, name) for name in ("d", "mean", "sd", "n")]
        size = len(columns[0])
        d, mean, sd, n = (column or [math.nan] * size for column in columns)
        rows = sorted(
            (d_, mean_, sd_ if math.isfinite(sd_) else 0.0, int(n_) if math.isfinite(n_) else 1)
            for d_, mean_, sd_, n_ in zip(d, mean, sd, n, strict=True)
            if math.isfinite(mean_) and math.isfinite(d_) and d_ > 0
        )
        return cls(*zip(*rows, strict=True)) if rows else cls()


def _column(points: Any, name: str) -> list[float]:
    if points is None:
        return []
    found = points.get(name, ()) if hasattr(points, "get") else getattr(points, name, ())
    return [math.nan if value is None else float(value) for value in found]
