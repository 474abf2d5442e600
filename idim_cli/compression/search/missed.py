"""Nothing that was tried does what is asked: what came closest, and what is worth a try."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from idim_cli.compression.search.options import CompressOptions
from idim_cli.compression.search.sizes import LEVELS, Size, dimensions, largest
from idim_cli.compression.search.target import Target
from idim_cli.compression.search.trial import Trial, Trials
from idim_cli.core.errors import NOT_REACHED, IdimError

if TYPE_CHECKING:
    from idim_cli.compression.search.record import Compressed

_NAMED = 3  # numbers of values or dimensions that a hint names


class NotReachedError(IdimError):
    """No file does what is asked.

    Attributes:
        missed: what is not reached, without what is written.
        nearest: what came closest.
        written: its file, for which a frontier was asked; None if there is none.
    """

    exit_code = NOT_REACHED

    def __init__(self, message: str, hint: str, nearest: Trial, written: Compressed | None = None) -> None:
        kept = "no file is written" if written is None else f"that is what {written.path} has"
        super().__init__(f"{message}; {kept}", hint)
        self.missed, self.nearest, self.written = message, nearest, written

    def but(self, written: Compressed) -> NotReachedError:
        """The same where the nearest is written all the same."""
        return NotReachedError(self.missed, self.hint, self.nearest, written)


def missed(
    trials: Trials,
    goal: Target,
    wish: CompressOptions,
    tried: Sequence[Trial],
    ds: Sequence[int],
    levels: Sequence[int],
) -> NotReachedError:
    """The error for a goal that none of the files that were `tried` meets."""
    if goal.most_bytes is not None:
        nearest = min(tried, key=lambda trial: trial.size)
        return NotReachedError(
            f"{goal.says}: the smallest has {nearest}", _smaller(trials, goal, wish), nearest
        )
    nearest = max(tried, key=lambda trial: (trial.performance, -trial.size))
    hint = f"try {', or '.join(_better(trials, wish, ds, levels))}"
    return NotReachedError(f"no file reaches {goal.says}: the closest has {nearest}", hint, nearest)


def _better(trials: Trials, wish: CompressOptions, ds: Sequence[int], levels: Sequence[int]) -> Iterator[str]:
    """What makes files better."""
    further = [d for d in dimensions(max(ds), trials.found.D) if d > max(ds)]
    if wish.epochs == 0:
        yield "training: without --epochs 0"
    elif further:
        auto = wish.d is None and not wish.frontier
        yield f"more dimensions: --d {'auto' if auto else _listed(further)}"
    if more := [many for many in LEVELS if many > max(levels)]:
        yield f"more values: --levels {_listed(more)}"
    if wish.epochs != 0:
        yield f"longer training: --epochs {2 * (wish.epochs or trials.run_epochs)}"


def _smaller(trials: Trials, goal: Target, wish: CompressOptions) -> str:
    """What makes files smaller."""
    assert goal.most_bytes is not None
    if trials.recipe.projector.name == "identity":
        return "a run in a subspace has fewer coordinates"
    listed = wish.codebook == "kmeans"
    d = largest(2, 8 * (goal.most_bytes - trials.frame), listed)
    if not d:
        taken = trials.frame + Size(0, 2, listed).book // 8
        return f"{taken:,} bytes are taken before the first coordinate"
    training = ", and not --epochs 0" if wish.epochs == 0 else ""
    return f"try fewer coordinates of fewer values: --d {d} --levels 2{training}"


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers[:_NAMED]))
