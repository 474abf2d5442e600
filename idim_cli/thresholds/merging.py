"""Many runs as few, each of which counts for several: a smooth curve then costs the same for any number."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: So many runs count one by one; of more, those that lie close together count as one.
MOST = 1000
# Widths of the first cells, doubled until there are few enough: in log d, and as a share of the window.
_LOG_D, _SHARE = 1e-3, 1e-2


def merged(d: Floats, low: Floats, high: Floats, window: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Runs, and how often each counts; those of a cell of (d, low, high) become one, at their mean.

    Args:
        d: subspace dimensions, [n].
        low, high: final performance lies between them, measured from the level; equal where it is known, [n].
        window: how far from the level a performance counts as it is; beyond, only its side does.

    Returns:
        d, low, high and the number of runs of each cell, [m]; the runs as they are, once each, up to `MOST`.
    """
    if len(d) <= MOST:
        return d, low, high, np.ones(len(d))
    known = low == high
    ends = [np.where(np.abs(end) > window, 2 * window * np.sign(end), end) for end in (low, high)]
    for width in (2.0**k for k in itertools.count()):
        steps = [np.log(d) / (_LOG_D * width), *(end / (_SHARE * window * width) for end in ends)]
        cells = np.stack([*map(np.rint, steps), known], axis=1)
        _, own, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
        if len(counts) <= MOST:
            break
    log_d, *both = (np.bincount(own.ravel(), values) / counts for values in (np.log(d), *ends))
    return np.exp(log_d), both[0], both[1], counts.astype(float)
