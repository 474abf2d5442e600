"""How a training goes on, on stderr: a live view on a terminal, one line a finished run elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from idim_cli.cli import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from idim_cli.projectors.check import ColumnCheck
    from idim_cli.runs.plan import Run
    from idim_cli.training.session import Progress

#: Off a terminal, seconds between two signs of life of a run that has not ended.
PATIENCE = 60.0
_LAYERS = 3  # that are named in P's check


class Watching:
    """What both ways of showing share: with -v, P's check once for each kind of P and group of runs."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def _check(self, run: Run, progress: Progress) -> None:
        if console.level() < console.VERBOSE:
            return
        about = f"{run.recipe.projector.name} {dict(run.group)}"
        if not run.direct and about not in self.told:
            self.told.add(about)
            console.say(check(run, progress.columns))


class Plain(Watching):
    """Plain lines for logs: one for each finished run, and at most one a minute in between."""

    def __init__(self) -> None:
        super().__init__()
        self.runs, self.done, self.spoke = 1, 0, time.monotonic()
        self.begun = False

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def planned(self, runs: Sequence[Run], pending: int) -> None:
        """Say how many runs there are, when work begins; a search that asks for more says so itself."""
        self.runs, self.done = len(runs), len(runs) - pending
        if not self.begun:
            before = f", {self.done} of them done before" if self.done else ""
            self._say(f"{_runs(self.runs)}{before}")
        self.begun = self.begun or pending > 0

    def progress(self, run: Run, progress: Progress) -> None:
        """Say how far a run is, if nothing was said for a minute."""
        self._check(run, progress)
        if time.monotonic() - self.spoke >= PATIENCE:
            name, value = score(progress.figures)
            figures = "" if value is None else f", {name} {value:.4f}"
            share = progress.step / progress.steps
            name = "  ".join(filter(None, (run.run_id, values(run))))
            self._say(f"[{self.done}/{self.runs}] {name}: {share:.0%} of {progress.epochs} epochs{figures}")

    def finished(self, run: Run, result: Mapping[str, Any]) -> None:
        """Say what came of a run."""
        self.done += 1
        self._say(f"[{self.done}/{self.runs}] {line(run, result)}")

    def waiting(self, runs: int) -> None:
        """Say what is waited for."""
        self._say(waiting(runs))

    def say(self, line: str) -> None:
        """Say it."""
        self._say(line)

    def _say(self, message: str) -> None:
        console.say(message)
        self.spoke = time.monotonic()


def check(run: Run, columns: ColumnCheck) -> str:
    """P's check in two lines: lengths and coherence of its columns, the layers that a step falls on most."""
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
    """What is waited for, in words."""
    return f"waiting for {_runs(runs)} of another process"


def _runs(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"


def values(run: Run) -> str:
    """How many values the coordinates of a run take, in words; empty if they are free."""
    return f"{run.recipe.quantise.levels} values" if run.recipe.quantise else ""


def line(run: Run, result: Mapping[str, Any]) -> str:
    """A finished run in one line."""
    status, name = result["status"], "  ".join(filter(None, (run.run_id, values(run))))
    if "performance" not in result:
        return f"{name}  {status.upper()}: {result.get('reason') or 'no reason known'}"
    score = f"{result['score_on']} {result['metric']} {result['performance']:.4f}"
    early = "" if status == "ok" else f"  {status} after {result['epoch']} of {result['epochs']} epochs"
    return f"{name}  {score}  {result['seconds']:.1f} s{early}"


def score(figures: Mapping[str, Any]) -> tuple[str, float | None]:
    """Name and value of the first figure of an evaluation that is a score; None before there is one."""
    for name in figures:
        if name.partition("_")[0] in ("validation", "train"):
            return name.replace("_", " ", 1), figures[name]
    return "", None
