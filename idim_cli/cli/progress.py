"""How a training goes on, on stderr: a bar with ETA on a terminal, one line a finished run elsewhere."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from idim_cli.cli import console

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.progress import Progress as Bars

    from idim_cli.plan import Run
    from idim_cli.projectors.check import Columns
    from idim_cli.training.sitting import Progress

#: Off a terminal, seconds between two signs of life of a run that has not ended.
PATIENCE = 60.0
#: On a terminal, seconds between two drawings of the bar: many runs may report at the same time.
REDRAW = 0.1
_LAYERS = 3  # that are named in P's check


def shown(quiet: bool) -> AbstractContextManager[Plain | Bar | None]:
    """What watches a sweep or a run here; None when quiet."""
    if quiet:
        return nullcontext()
    return Bar() if console.on_terminal() else Plain()


class Watching:
    """What both ways of showing share: P's check is told once for each kind of P and group of runs."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def _check(self, run: Run, progress: Progress) -> None:
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

    def planned(self, runs: int, pending: int) -> None:
        """Say how many runs there are, when work begins; a search that asks for more says so itself."""
        self.runs, self.done = runs, runs - pending
        if not self.begun:
            before = f", {self.done} of them done before" if self.done else ""
            self._say(f"{runs} runs{before}")
        self.begun = self.begun or pending > 0

    def progress(self, run: Run, progress: Progress) -> None:
        """Say how far a run is, if nothing was said for a minute."""
        self._check(run, progress)
        if time.monotonic() - self.spoke >= PATIENCE:
            figures = f", {_figures(progress.figures)}" if progress.figures else ""
            share = progress.step / progress.steps
            self._say(
                f"[{self.done}/{self.runs}] {run.run_id}: {share:.0%} of {progress.epochs} epochs{figures}"
            )

    def finished(self, run: Run, result: Mapping[str, Any]) -> None:
        """Say what came of a run."""
        self.done += 1
        self._say(f"[{self.done}/{self.runs}] {line(result)}")

    def waiting(self, runs: int) -> None:
        """Say what is waited for."""
        self._say(_waiting(runs))

    def say(self, line: str) -> None:
        """Say it."""
        self._say(line)

    def _say(self, message: str) -> None:
        console.say(message)
        self.spoke = time.monotonic()


class Bar(Watching):
    """One bar over all runs. It is drawn when a run reports, so no thread takes time from the training.

    Several runs may be under way: the bar's length is that of the ended ones and of their shares together.
    """

    def __init__(self) -> None:
        from rich import progress as rich

        super().__init__()
        self.bars: Bars = rich.Progress(
            rich.TextColumn("{task.description}"),
            rich.BarColumn(bar_width=12),
            rich.TextColumn("{task.fields[count]}"),
            rich.TextColumn("ETA"),
            rich.TimeRemainingColumn(),
            rich.TextColumn("{task.fields[figures]}"),
            console=console.talk(),
            transient=True,
            auto_refresh=False,
            speed_estimate_period=300,
        )
        self.task = self.bars.add_task("training", total=1.0, count="", figures="")
        self.runs, self.done = 1, 0
        self.ahead, self.ended = 0, 0  # runs of this sitting: asked for, done
        self.shares: dict[str, float] = {}  # of the runs that are under way, by run_id
        self.drawn = 0.0

    def __enter__(self) -> Bar:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def planned(self, runs: int, pending: int) -> None:
        """Set the bar's length, or add to it; runs that were done before this sitting do not count in it."""
        self.runs, self.done = runs, runs - pending
        if not self.ahead:
            self.bars.reset(self.task)
        self.ahead += pending
        self.bars.update(self.task, total=max(self.ahead, 1), count=self._count(), figures="")

    def progress(self, run: Run, progress: Progress) -> None:
        """Move the bar by a part of a run."""
        self._check(run, progress)
        self.shares[run.run_id] = progress.step / progress.steps
        if time.monotonic() - self.drawn >= REDRAW:
            self._draw(run, _figures(progress.figures))

    def finished(self, run: Run, result: Mapping[str, Any]) -> None:
        """Print what came of a run above the bar."""
        self.done, self.ended = self.done + 1, self.ended + 1
        self.shares.pop(run.run_id, None)
        console.say(f"[{self.done}/{self.runs}] {line(result)}")
        self._draw(run, "")

    def waiting(self, runs: int) -> None:
        """Say above the bar what is waited for."""
        console.say(_waiting(runs))

    def say(self, line: str) -> None:
        """Say it above the bar."""
        console.say(line)

    def _draw(self, run: Run, figures: str) -> None:
        others = f" +{len(self.shares) - 1}" if len(self.shares) > 1 else ""
        self.bars.update(
            self.task,
            completed=self.ended + sum(self.shares.values()),
            description=_short(run) + others,
            count=self._count(),
            figures=figures,
            refresh=True,
        )
        self.drawn = time.monotonic()

    def _count(self) -> str:
        return f"{self.done}/{self.runs}" if self.runs > 1 else ""


def check(run: Run, columns: Columns) -> str:
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


def _waiting(runs: int) -> str:
    return f"waiting for {'1 run' if runs == 1 else f'{runs} runs'} of another process"


def _short(run: Run) -> str:
    """The run's name without its hash, so that the bar fits 80 columns."""
    return run.run_id.rpartition("-")[0]


def line(result: Mapping[str, Any]) -> str:
    """A finished run in one line."""
    status = result["status"]
    if "performance" not in result:
        return f"{result['run_id']}  {status.upper()}: {result.get('reason') or 'no reason known'}"
    name = f"{result['score_on']} {result['metric']}"
    early = "" if status == "ok" else f"  {status} after {result['epoch']} of {result['epochs']} epochs"
    return f"{result['run_id']}  {name} {result['performance']:.4f}  {result['seconds']:.1f} s{early}"


def _figures(figures: Mapping[str, Any]) -> str:
    """The first figure of an evaluation that is a score."""
    for name in figures:
        if name.partition("_")[0] in ("validation", "train"):
            return f"{name.replace('_', ' ', 1)} {figures[name]:.4f}"
    return ""
