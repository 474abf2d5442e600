"""The error for a target that no file reaches: which file came closest, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from idim_cli.compression.search.options import CompressOptions
from idim_cli.compression.search.sizes import LEVELS, Size, dimensions, largest
from idim_cli.compression.search.target import Target
from idim_cli.compression.search.trial import Trial, Trials
from idim_cli.core.errors import NOT_REACHED, IdimError

if TYPE_CHECKING:
    from idim_cli.compression.record import Compressed

_NAMED = 3  # numbers of values or dimensions that a hint names


class NotReachedError(IdimError):
    """No file reaches the target.

    Attributes:
        missed: the message without its ending on what is written.
        nearest: the trial that came closest.
        written: its file, which is written for a frontier; None if there is none.
    """

    exit_code = NOT_REACHED

    def __init__(self, message: str, hint: str, nearest: Trial, written: Compressed | None = None) -> None:
        file = "no file is written" if written is None else f"written to {written.path}"
        super().__init__(f"{message}; {file}", hint)
        self.missed, self.nearest, self.written = message, nearest, written

    def but(self, written: Compressed) -> NotReachedError:
        """The same where the nearest is written."""
        return NotReachedError(self.missed, self.hint, self.nearest, written)


def missed(
    trials: Trials,
    target: Target,
    options: CompressOptions,
    tried: Sequence[Trial],
    ds: Sequence[int],
    levels: Sequence[int],
) -> NotReachedError:
    """The error for a target that none of the `tried` files meets."""
    if target.most_bytes is not None:
        nearest = min(tried, key=lambda trial: trial.size)
        return NotReachedError(
            f"{target.text}: the smallest has {nearest}", _smaller(trials, target, options), nearest
        )
    nearest = max(tried, key=lambda trial: (trial.performance, -trial.size))
    hint = f"try {', or '.join(_better(trials, options, ds, levels))}"
    return NotReachedError(f"no file reaches {target.text}: the closest has {nearest}", hint, nearest)


def _better(
    trials: Trials, options: CompressOptions, ds: Sequence[int], levels: Sequence[int]
) -> Iterator[str]:
    """Options that give better files."""
    further = [d for d in dimensions(max(ds), trials.found.D) if d > max(ds)]
    if options.epochs == 0:
        yield "training: leave out --epochs 0"
    elif further:
        auto = options.d is None and not options.frontier
        yield f"more dimensions: --d {'auto' if auto else _listed(further)}"
    if more := [many for many in LEVELS if many > max(levels)]:
        yield f"more values: --levels {_listed(more)}"
    if options.epochs != 0:
        yield f"longer training: --epochs {2 * (options.epochs or trials.run_epochs)}"


def _smaller(trials: Trials, target: Target, options: CompressOptions) -> str:
    """Options that give smaller files."""
    assert target.most_bytes is not None
    # A direct run has d = D, which --d cannot change.
    if trials.recipe.projector.name == "identity":
        return "compress a run in a subspace, which has fewer coordinates"
    listed = options.codebook == "kmeans"
    d = largest(2, 8 * (target.most_bytes - trials.frame), listed)
    if not d:
        taken = trials.frame + Size(0, 2, listed).book // 8
        return f"header, checks and values alone take {taken:,} bytes"
    training = " without --epochs 0" if options.epochs == 0 else ""
    return f"try fewer coordinates of fewer values: --d {d} --levels 2{training}"


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers[:_NAMED]))
