"""What to run next when a reading is weak: arguments of `idim sweep`, or plain words for foreign tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from idim_cli.thresholds.interval import Draws
from idim_cli.thresholds.options import Options
from idim_cli.thresholds.samples import Sample

# An interval is wide when its ends differ by more than this factor: three seeds on usual grids give about 1.2
# (docs/read-the-number.md).
WIDE = 1.25
# Where the level is crossed this factor inside the grid, larger or smaller d would not narrow the interval.
_FAR = 2.0


class Advice(NamedTuple):
    """What to run next.

    Attributes:
        words: why, and what; empty if nothing needs to be run.
        arguments: of the `idim sweep` that made the runs; none where `idim` did not make them.
        same: whether that command does it without further arguments.
    """

    words: str
    arguments: tuple[str, ...] = ()
    same: bool = False

    @property
    def text(self) -> str:
        """The words, followed by the arguments."""
        return f"{self.words}: {' '.join(self.arguments)}" if self.arguments else self.words


NOTHING = Advice("")


def advise(runs: Sample, value: float, draws: Draws | None, options: Options) -> Advice:
    """What to run next; `value` is -inf at the smallest d, and +inf if the level is not reached."""
    grid, ours = [int(d) for d in runs.tried], runs.ours
    if value == math.inf:
        return _beyond(grid, runs.D, ours)
    if value == -math.inf:
        return _grid("add smaller d", grid, (_rounded(grid[0] / f) for f in (8, 4, 2)), ours)
    if draws is None:
        return _repeat(3, ours)
    low, high = draws.interval(options.confidence)
    if options.rule == "curve":
        return _search(low, high, ours)
    if _is_noise(grid, value, low, high):
        # Doubling the runs narrows the noise by 1.4; less would hardly show.
        if runs.independent or runs.points.n.max() == 1:
            return _repeat(max(5, 2 * int(runs.points.n.min())), ours)
        # Runs with one P at each d: their spread does not show the error of their mean.
        if ours:
            return Advice("repeat the runs with other seeds of P", ("sweep.seeds=5",))
        name = "name the column of P's seed (--column seed_projector=NAME)"
        return Advice(f"{name}, or run each d with several P")
    return _narrow(grid, (low, high), int(runs.points.n.min()), int(np.searchsorted(runs.d, value)), ours)


def _grid(words: str, grid: Sequence[int], more: Iterable[int], ours: bool) -> Advice:
    """``sweep.d=[...]`` of old and new d, as finished runs are kept; for foreign tables the new d alone."""
    new = sorted({d for d in more if d > 0} - set(grid))
    if not new:
        return NOTHING
    if not ours:
        return Advice(f"{words}: {', '.join(map(str, new))}")
    return Advice(words, (f"sweep.d=[{','.join(map(str, sorted({*grid, *new})))}]",))


def _repeat(runs: int, ours: bool, why: str = "") -> Advice:
    """To have so many runs at each d."""
    if ours:
        return Advice(f"{why}add seeds", (f"sweep.seeds={runs}",))
    return Advice(f"{why}more runs at each d, at least {runs}")


def _beyond(grid: Sequence[int], native: int | None, ours: bool) -> Advice:
    """For a level that no d reached."""
    top = grid[-1]
    more = [d for d in (_rounded(top * f) for f in (1.5, 2, 3, 4)) if native is None or d < native]
    # No factor fits between the grid and D, so that D itself is the one d that is left to try.
    if native is not None and top * 1.5 >= native > top:
        more = [*more, native]
    if not more:
        return Advice("even d = D does not reach the level: train longer, or check the baseline")
    return _grid("add larger d", grid, more, ours)


def _narrow(grid: Sequence[int], ends: tuple[float, float], runs: int, near: int, ours: bool) -> Advice:
    """More d if the grid is coarse compared with the interval, else more seeds.

    Args:
        grid: d values, ascending.
        ends: of the interval, -inf and +inf outside the grid.
        runs: at each d, the fewest.
        near: index of the first grid point at or above the value.
        ours: whether `idim` made the runs.
    """
    low, high = ends
    if math.isinf(low) or math.isinf(high):
        less = [_rounded(grid[0] / 2)] if low == -math.inf and grid[0] > 1 else []
        more = [_rounded(grid[-1] * f) for f in (1.5, 2)] if high == math.inf else []
        return _grid("the interval extends beyond the grid: add d", grid, [*less, *more], ours)
    ratio = high / low
    if ratio <= WIDE:
        return NOTHING
    wide = f"the interval spans a factor {ratio:.2f}: "
    left, right = grid[near - 1], grid[near]
    # In log d the gap makes up more than half of the interval, so that it is the larger source of doubt.
    if right / left > ratio**0.5 and right - left > 3:
        between = [_rounded(left * (right / left) ** (i / 4)) for i in (1, 2, 3)]
        return _grid(f"{wide}add d around it", grid, (d for d in between if left < d < right), ours)
    return _repeat(max(5, 2 * runs), ours, wide)


def _is_noise(grid: Sequence[int], value: float, low: float, high: float) -> bool:
    """Whether an interval leaves the grid although the level is crossed well inside it."""
    return (high == math.inf and grid[-1] >= _FAR * value) or (low == -math.inf and value >= _FAR * grid[0])


def _search(low: float, high: float, ours: bool) -> Advice:
    """For the rule `curve`: a search chooses d itself."""
    if math.isfinite(low) and high / low <= WIDE:
        return NOTHING
    words = "the interval is wide: an adaptive search narrows it"
    arguments = ("sweep.search.name=adaptive", "sweep.search.precision=0.1")
    return Advice(words, arguments) if ours else Advice("the interval is wide")


def _rounded(d: float) -> int:
    """To two significant digits, as people write grids; whole numbers below 100 stay as they are."""
    digits = max(0, math.floor(math.log10(d)) - 1) if d >= 1 else 0
    return int(round(d, -digits))
