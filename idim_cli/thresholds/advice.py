"""What to run next when a reading is weak: arguments of `idim sweep`, or plain words for runs of others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# An interval whose ends differ by more than this factor is called wide.
WIDE = 1.25
# A level that is crossed this factor inside the grid is not missed for want of larger or smaller d.
FAR = 2.0


class Advice(NamedTuple):
    """What to run next.

    Attributes:
        words: why, and what; empty if nothing need be run.
        arguments: of the `idim sweep` that made the runs, which do it; none where `idim` did not make them.
        same: whether that command does it without further arguments.
    """

    words: str
    arguments: tuple[str, ...] = ()
    same: bool = False

    @property
    def text(self) -> str:
        """The words, and the arguments behind them."""
        return f"{self.words}: {' '.join(self.arguments)}" if self.arguments else self.words


NOTHING = Advice("")


def _grid(words: str, grid: Iterable[int], more: Iterable[int], ours: bool) -> Advice:
    """``sweep.d=[...]`` of all distinct d, ascending, as finished runs of the old grid are kept.

    For runs that `idim` did not make (not `ours`), just the d that are to be added.
    """
    if not ours:
        return Advice(f"{words}: {', '.join(str(d) for d in sorted(set(more) - set(grid)))}")
    return Advice(words, (f"sweep.d=[{','.join(str(d) for d in sorted({*grid, *more}))}]",))


def repeat(runs: int, ours: bool = True, why: str = "") -> Advice:
    """Advice to have so many runs at each d."""
    if ours:
        return Advice(f"{why}add seeds", (f"sweep.seeds={runs}",))
    return Advice(f"{why}more runs at each d, at least {runs}")


def beyond(grid: Sequence[int], native: int | None, ours: bool = True) -> Advice:
    """Advice for a level that no d reached."""
    top = grid[-1]
    more = [d for d in (_round(top * f) for f in (1.5, 2, 3, 4)) if native is None or d < native]
    if native is not None and top * 1.5 >= native > top:
        more = [*more, native]
    if not more:
        return Advice("even d = D does not reach the level: train longer, or check the baseline")
    return _grid("add larger d", grid, more, ours)


def below(grid: Sequence[int], ours: bool = True) -> Advice:
    """Advice for a level reached at the smallest d."""
    less = [d for d in (_round(grid[0] / f) for f in (8, 4, 2)) if 0 < d < grid[0]]
    return _grid("add smaller d", grid, less, ours) if less else NOTHING


def narrower(
    grid: Sequence[int], ends: tuple[float, float], runs: int, near: int, ours: bool = True
) -> Advice:
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
        return NOTHING
    wide = f"the interval spans a factor {ratio:.2f}: "
    left, right = grid[near - 1], grid[near]
    if right / left > ratio**0.5 and right - left > 3:
        between = [_round(left * (right / left) ** (i / 4)) for i in (1, 2, 3)]
        return _grid(f"{wide}add d around it", grid, (d for d in between if left < d < right), ours)
    return repeat(max(5, 2 * runs), ours, wide)


def is_noise(grid: Sequence[int], value: float, low: float, high: float) -> bool:
    """Whether an interval leaves the grid though the level is crossed well inside: no other d would help."""
    return (high == math.inf and grid[-1] >= FAR * value) or (low == -math.inf and value >= FAR * grid[0])


def seeds_unknown(ours: bool) -> Advice:
    """Advice for runs that do not say that P varies among them, so that their spread says little."""
    if ours:
        return Advice("repeat the runs with other seeds of P", ("sweep.seeds=5",))
    return Advice("name the column of P's seed (--column seed_projector=NAME), or run each d with several P")


def searched(low: float, high: float, ours: bool = True) -> Advice:
    """Advice for a level that the rule `curve` has found: a search knows itself where to run next."""
    if math.isfinite(low) and high / low <= WIDE:
        return NOTHING
    words = "the interval is wide: an adaptive search narrows it"
    arguments = ("sweep.search.name=adaptive", "sweep.search.precision=0.1")
    return Advice(words, arguments) if ours else Advice("the interval is wide")


def _open_end(grid: Sequence[int], low: float, high: float, ours: bool) -> Advice:
    less = [_round(grid[0] / 2)] if low == -math.inf and grid[0] > 1 else []
    more = [_round(grid[-1] * f) for f in (1.5, 2)] if high == math.inf else []
    if not less and not more:
        return NOTHING
    return _grid("the interval extends beyond the grid: add d", grid, [*less, *more], ours)


def _round(d: float) -> int:
    """To two significant digits, as people write grids; whole numbers below 100 stay as they are."""
    digits = max(0, math.floor(math.log10(d)) - 1) if d >= 1 else 0
    return int(round(d, -digits))
