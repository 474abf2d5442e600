"""What to run next when a reading is weak: overrides for runs of `idim`, plain words for those of others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

# An interval whose ends differ by more than this factor is called wide.
WIDE = 1.25


def override(grid: Iterable[int], more: Iterable[int], ours: bool = True) -> str:
    """``sweep.d=[...]`` of all distinct d, ascending, as finished runs of the old grid are kept.

    For runs that `idim` did not make (not `ours`), just the d that are to be added.
    """
    if not ours:
        return ", ".join(str(d) for d in sorted(set(more) - set(grid)))
    return f"sweep.d=[{','.join(str(d) for d in sorted({*grid, *more}))}]"


def repeat(runs: int, ours: bool = True) -> str:
    """Advice to have so many runs at each d."""
    return f"add seeds: sweep.seeds={runs}" if ours else f"more runs at each d, at least {runs}"


def beyond(grid: Sequence[int], native: int | None, ours: bool = True) -> str:
    """Advice for a level that no d reached."""
    top = grid[-1]
    more = [d for d in (_round(top * f) for f in (1.5, 2, 3, 4)) if native is None or d < native]
    if native is not None and top * 1.5 >= native > top:
        more = [*more, native]
    if not more:
        return "even d = D does not reach it: train longer, or look at the baseline"
    return f"add larger d: {override(grid, more, ours)}"


def below(grid: Sequence[int], ours: bool = True) -> str:
    """Advice for a level reached at the smallest d."""
    less = [d for d in (_round(grid[0] / f) for f in (8, 4, 2)) if 0 < d < grid[0]]
    return f"add smaller d: {override(grid, less, ours)}" if less else ""


def narrower(grid: Sequence[int], ends: tuple[float, float], runs: int, near: int, ours: bool = True) -> str:
    """Advice for a reached level: more d if the grid is coarse beside the interval, else more seeds.

    Args:
        grid: d values, ascending.
        ends: of the interval, -inf and +inf outside the grid.
        runs: at each d, the fewest.
        near: index of the first grid point at or above the value.
        ours: whether `idim` made the runs.
    """
    low, high = ends
    if math.isinf(low) or math.isinf(high):
        return _open_end(grid, low, high, ours)
    ratio = high / low
    if ratio <= WIDE:
        return ""
    wide = f"the interval spans a factor {ratio:.2f}: "
    left, right = grid[near - 1], grid[near]
    if right / left > ratio**0.5 and right - left > 3:
        between = [_round(left * (right / left) ** (i / 4)) for i in (1, 2, 3)]
        return f"{wide}add d around it: {override(grid, (d for d in between if left < d < right), ours)}"
    return wide + repeat(max(5, 2 * runs), ours)


def searched(low: float, high: float) -> str:
    """Advice for a level that a search has found: it knows itself where to run next."""
    narrow = math.isfinite(low) and high / low <= WIDE
    return "" if narrow else "the interval is wide: a search narrows it (--adaptive --precision 10%)"


def _open_end(grid: Sequence[int], low: float, high: float, ours: bool) -> str:
    less = [_round(grid[0] / 2)] if low == -math.inf and grid[0] > 1 else []
    more = [_round(grid[-1] * f) for f in (1.5, 2)] if high == math.inf else []
    if not less and not more:
        return ""
    return f"the interval leaves the grid: {'' if ours else 'add d = '}{override(grid, [*less, *more], ours)}"


def _round(d: float) -> int:
    """To two significant digits, as people write grids; whole numbers below 100 stay as they are."""
    digits = max(0, math.floor(math.log10(d)) - 1) if d >= 1 else 0
    return int(round(d, -digits))
