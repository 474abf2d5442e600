"""Progress of a training in plain lines on stderr, and the words that the live view shares."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from idim_cli.cli import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from idim_cli.projectors.check import ColumnCheck
    from idim_cli.runs.plan import Run
    from idim_cli.training.session import Progress

#: Seconds between two lines on a run that has not ended: often enough to see progress in a log of hours.
PATIENCE = 60.0
_LAYERS = 3  # that the check of P names: those with the largest shares


class Watching:
    """With -v, prints the check of P once for each kind of P and group of runs."""

    def __init__(self) -> None:
        self.checked: set[str] = set()

    def _check(self, run: Run, progress: Progress) -> None:
        # Only with -v: the check is of interest once, for a new kind of P.
        if console.level() < console.VERBOSE:
            return
        about = f"{run.recipe.projector.name} {dict(run.group)}"
        if not run.direct and about not in self.checked:
            self.checked.add(about)
            console.say(check(run, progress.columns))


class Plain(Watching):
    """Plain lines for logs: one for each finished run, and at most one per minute in between."""

    def __init__(self) -> None:
        super().__init__()
        self.runs, self.done, self.spoke = 1, 0, time.monotonic()
        self.begun = False

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def planned(self, runs: Sequence[Run], pending: int) -> None:
        """Print the number of runs when work begins; a search that adds more says so itself."""
        self.runs, self.done = len(runs), len(runs) - pending
        # A search calls this for each of its requests, and prints its own lines.
        if not self.begun:
            before = f", {self.done} of them already done" if self.done else ""
            self._say(f"{_runs(self.runs)}{before}")
        # A search whose first requests are all done has not begun to train yet.
        self.begun = self.begun or pending > 0

    def progress(self, run: Run, progress: Progress) -> None:
        """Print the progress of a run, if nothing was printed for `PATIENCE` seconds."""
        self._check(run, progress)
        if time.monotonic() - self.spoke >= PATIENCE:
            name, value = score(progress.figures)
            figures = "" if value is None else f", {name} {value:.4f}"
            share = progress.step / progress.steps
            name = "  ".join(filter(None, (run.run_id, values(run))))
            self._say(f"[{self.done}/{self.runs}] {name}: {share:.0%} of {progress.epochs} epochs{figures}")

    def finished(self, run: Run, result: Mapping[str, Any]) -> None:
        """Print the result of a run."""
        self.done += 1
        self._say(f"[{self.done}/{self.runs}] {line(run, result)}")

    def waiting(self, runs: int) -> None:
        """Print what it waits for."""
        self._say(waiting(runs))

    def say(self, line: str) -> None:
        """Print a line."""
        self._say(line)

    def _say(self, message: str) -> None:
        console.say(message)
        # Every line counts, so that a log with many short runs has no lines in between.
        self.spoke = time.monotonic()


def check(run: Run, columns: ColumnCheck) -> str:
    """The check of P in two lines: lengths and coherence of its columns, shares of the layers in a step."""
    most = sorted(columns.layer_share.items(), key=lambda item: -item[1])
    shares = [f"{name} {share:.1%}" for name, share in most[:_LAYERS]]
    more = f", {len(most) - _LAYERS} more" if len(most) > _LAYERS else ""
    coherence = "" if columns.coherence is None else f", coherence {columns.coherence:.3f}"
    lengths = f"{columns.norm_min:.4f} .. {columns.norm_max:.4f}"
    return (
        f"P {run.recipe.projector.name}: {columns.sampled} columns of length {lengths}{coherence}\n"
        f"  a unit step falls on {', '.join(shares)}{more}"
    )


def waiting(runs: int) -> str:
    """The message while other processes train runs."""
    return f"waiting for {_runs(runs)} of another process"


def _runs(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"


def values(run: Run) -> str:
    """The number of values of a run's coordinates, in words; empty if they are free."""
    return f"{run.recipe.quantise.levels} values" if run.recipe.quantise else ""


def line(run: Run, result: Mapping[str, Any]) -> str:
    """A finished run in one line."""
    status, name = result["status"], "  ".join(filter(None, (run.run_id, values(run))))
    if "performance" not in result:
        return f"{name}  {status.upper()}: {result.get('reason') or 'unknown reason'}"
    score = f"{result['score_on']} {result['metric']} {result['performance']:.4f}"
    early = "" if status == "ok" else f"  {status} after {result['epoch']} of {result['epochs']} epochs"
    return f"{name}  {score}  {result['seconds']:.1f} s{early}"


def score(figures: Mapping[str, Any]) -> tuple[str, float | None]:
    """Name and value of the first figure of an evaluation that is a score; None before there is one."""
    # Figures are named SPLIT_METRIC; the scored split is validation, or train without one.
    for name in figures:
        if name.partition("_")[0] in ("validation", "train"):
            return name.replace("_", " ", 1), figures[name]
    return "", None
