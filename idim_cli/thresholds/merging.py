"""Merges runs that lie close together, so that fitting a curve costs the same for any number of runs."""

from __future__ import annotations

import itertools

import numpy as np

from idim_cli.thresholds.rules import Floats

#: Up to this number of runs none are merged. Each costs a pass over the grid of the posterior.
MOST = 1000
# Widths of the first cells, doubled until there are few enough: in log d, and as a share of the window.
_LOG_D, _SHARE = 1e-3, 1e-2


def merged(d: Floats, low: Floats, high: Floats, window: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Runs and their weights; the runs in one cell of (d, low, high) become one, at their mean.

    Args:
        d: subspace dimensions, [n].
        low, high: bounds of the final performance minus the level; equal where it is known, [n].
        window: distance from the level beyond which only the side of a performance counts.

    Returns:
        d, low, high and the number of runs of each cell, [m]; up to `MOST` runs they are unchanged.
    """
    if len(d) <= MOST:
        return d, low, high, np.ones(len(d))
    known = low == high  # runs with a known performance are never merged with stopped ones
    # Beyond the window only the side counts, so that all runs there may share one cell.
    ends = [np.where(np.abs(end) > window, 2 * window * np.sign(end), end) for end in (low, high)]
    for width in (2.0**k for k in itertools.count()):
        steps = [np.log(d) / (_LOG_D * width), *(end / (_SHARE * window * width) for end in ends)]
        cells = np.stack([*map(np.rint, steps), known], axis=1)
        _, own, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
        if len(counts) <= MOST:
            break
    log_d, *both = (np.bincount(own.ravel(), values) / counts for values in (np.log(d), *ends))
    return np.exp(log_d), both[0], both[1], counts.astype(float)
