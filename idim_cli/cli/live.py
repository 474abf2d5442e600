"""The live view on a terminal: a bar with ETA, a line for each active run, the current reading of d_int."""

from __future__ import annotations

import textwrap
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from idim_cli.cli import console
from idim_cli.cli.progress import Watching, line, score, values, waiting
from idim_cli.core.plain_text import aligned
from idim_cli.runs.plan import purposes

if TYPE_CHECKING:
    from rich.console import RenderableType

    from idim_cli.execute.running_estimate import Running
    from idim_cli.runs.plan import Run
    from idim_cli.thresholds import Estimate
    from idim_cli.training.session import Progress

#: Seconds between two drawings: many runs report several times a second, and drawing takes milliseconds.
REDRAW = 0.2
#: Seconds between two drawings while data are loaded and workers start.
PULSE = 0.25
_ROWS = 8  # lines for runs at most
_GROUPS = 3  # groups with a line for their estimate at most
_OTHERS = 4  # further lines of the view
_LABEL = 16  # columns of a run's group
_NARROW = 60  # columns below which the line of a finished run is shortened
_SAMPLE = 0.02  # share of a run after which its pace is known well enough for an ETA
_FIRST_TO_GO = ("level", "seed", "epoch")  # columns that are left out if the terminal is too narrow


@dataclass
class Active:
    """An active run.

    Attributes:
        run: the run.
        now, heard: its last report, and the time of that.
        share, began: the progress in its first report, and the time of that.
    """

    run: Run
    now: Progress
    heard: float
    share: float
    began: float

    def report(self, progress: Progress, clock: float) -> None:
        """Record a report."""
        self.now, self.heard = progress, clock

    def eta(self, clock: float) -> str:
        """Remaining time at the pace so far, minus the time since the last report; empty while unknown."""
        made, spent = _share(self.now) - self.share, self.heard - self.began
        if made < _SAMPLE or not spent:
            return ""
        return _time(max(spent * (1 - _share(self.now)) / made - (clock - self.heard), 0.0))


class Live(Watching):
    """A `Watcher` that draws when a run reports, so that no thread takes time from the training.

    The bar shows the finished runs plus the shares of the active ones. Until the first of them reports, a
    thread moves the bar.

    Args:
        running: reads d_int as runs end; None for a single run.
        clock: seconds.
    """

    def __init__(self, running: Running | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        from rich import progress as rich
        from rich.live import Live as Screen

        super().__init__()
        self.running, self.clock = running, clock
        self.bars = rich.Progress(
            rich.TextColumn("{task.description}"),
            # 24 leaves room for the count and the ETA in `_NARROW` columns.
            rich.BarColumn(bar_width=24),
            rich.TextColumn("{task.fields[count]}"),
            rich.TextColumn("{task.fields[time]}"),
            console=console.messages(),
            auto_refresh=False,
            # A long window: the runs of a sweep take different times, and the ETA should not jump.
            speed_estimate_period=300,
            get_time=clock,
        )
        # Without a total rich shows a moving bar, until the number of runs is known.
        self.task = self.bars.add_task("starting", total=None, count="", time="")
        self.runs, self.done = 1, 0
        self.ahead, self.ended = 0, 0  # runs of this process: planned, finished
        self.active: dict[str, Active] = {}
        # So that the first report is drawn at once.
        self.drawn = -REDRAW
        # A daemon: after an error elsewhere it must not keep the process alive.
        self.heard, self.pulse = threading.Event(), threading.Thread(target=self._pulse, daemon=True)
        self.screen = Screen(
            get_renderable=self._view, console=console.messages(), auto_refresh=False, transient=True,
            # stdout carries data, which must not be redrawn as part of the view.
            redirect_stdout=False,
        )  # fmt: skip

    def __enter__(self) -> Live:
        self.screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going()
        if self.running:
            self.running.catch_up()  # the final reading includes all runs
        self.screen.stop()

    def planned(self, runs: Sequence[Run], pending: int) -> None:
        """Set or extend the length of the bar; runs that were done before do not count."""
        self.runs, self.done = len(runs), len(runs) - pending
        if self.running:
            self.running.plan = purposes(runs)
        if not self.ahead and pending:
            self.bars.reset(self.task, count=self._count(), time="")
            self.pulse.start()
        self.ahead += pending
        # Until the first report the thread draws; two writers would garble the screen.
        if self.ahead and self.heard.is_set():
            self._draw()

    def progress(self, run: Run, progress: Progress) -> None:
        """Move the bar by the progress of a run."""
        self._going()
        self._check(run, progress)
        known = self.active.get(run.run_id)
        now = self.clock()
        # The first report comes after steps that include compilation, so the pace is measured from there.
        if known is None:
            self.active[run.run_id] = Active(run, progress, now, _share(progress), now)
        else:
            known.report(progress, now)
        if now - self.drawn >= REDRAW:
            self._draw()

    def finished(self, run: Run, result: Mapping[str, Any]) -> None:
        """Print the result of a run above the view."""
        self._going()
        self.done, self.ended = self.done + 1, self.ended + 1
        self.active.pop(run.run_id, None)
        console.say(f"[{self.done}/{self.runs}] {_brief(run, result)}")
        self._draw()

    def waiting(self, runs: int) -> None:
        """Print above the view what it waits for."""
        console.say(waiting(runs))

    def say(self, line: str) -> None:
        """Print a line above the view."""
        console.say(line)

    # A thread, because the main one is busy with imports then; it ends with the first report.
    def _pulse(self) -> None:
        began = self.clock()
        while not self.heard.wait(PULSE):
            self.bars.update(self.task, time=_time(self.clock() - began))
            self.screen.refresh()

    def _going(self) -> None:
        """Stop the thread: the first run has reported, or none will."""
        if not self.heard.is_set():
            self.heard.set()
            if self.pulse.ident:
                self.pulse.join()

    def _draw(self) -> None:
        self.bars.update(
            self.task,
            # Until the first report it says "starting".
            description="training",
            # rich divides by the total.
            total=max(self.ahead, 1),
            completed=self.ended + sum(_share(one.now) for one in self.active.values()),
            count=self._count(),
        )
        left = self.bars.tasks[0].time_remaining
        self.bars.update(self.task, time="" if left is None else f"ETA {_time(left)}")
        self.screen.refresh()
        self.drawn = self.clock()

    def _count(self) -> str:
        """The number of runs; for a single run, its epochs."""
        if self.runs > 1:
            return f"{self.done}/{self.runs}"
        return "".join(f"epoch {one.now.epoch}/{one.now.epochs}" for one in self.active.values())

    def _view(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        if not self.heard.is_set():
            return self.bars.get_renderable()
        talk = console.messages()
        below = Text("\n".join(self.lines(talk.height, talk.width)), no_wrap=True, overflow="ellipsis")
        return Group(self.bars.get_renderable(), below)

    def lines(self, height: int, width: int) -> list[str]:
        """The lines below the bar on a terminal of this size."""
        estimates = self.running.estimates() if self.running and self.ended + self.done else []
        about = _reading_lines(estimates, self.running.over if self.running else ())
        notes = [part for one in about for part in textwrap.wrap(one, width, subsequent_indent="  ")]
        # At least one run is shown, even on a terminal of three lines.
        room = max(1, min(_ROWS, height - _OTHERS - len(notes)))
        # Runs without an evaluation come last, as they have nothing to show.
        shown = sorted(self.active.values(), key=lambda one: not one.now.figures)[:room]
        more = len(self.active) - len(shown)
        rows = aligned([_head(shown), *map(self._row, shown)], width, _FIRST_TO_GO, left=0) if shown else []
        return [*rows, *([f"  + {more} more"] if more else []), *notes]

    def _row(self, one: Active) -> tuple[str, ...]:
        level = self.running.level(one.run) if self.running else None
        _, value = score(one.now.figures)
        return (
            _group(one.run),
            "direct" if one.run.direct else f"{one.run.recipe.d:,}",
            _seeds(one.run),
            f"{one.now.epoch}/{one.now.epochs}",
            "" if value is None else f"{value:.4f}",
            "" if level is None else f"{level:.4f}",
            one.eta(self.clock()),
        )


def _group(run: Run) -> str:
    """The values that define the run's group."""
    from idim_cli.thresholds import labels
    from idim_cli.thresholds.rows import is_of_coords

    group = [labels.named(key, value) for key, value in run.group.items() if not is_of_coords(key)]
    return " ".join(filter(None, (*group, values(run))))[:_LABEL]


def _head(shown: Sequence[Active]) -> tuple[str, ...]:
    """The names of the columns; that of the score is its metric."""
    names = (score(one.now.figures)[0].rpartition(" ")[2] for one in shown)
    return ("", "d", "seed", "epoch", next(filter(None, names), "score"), "level", "ETA")


def _share(progress: Progress) -> float:
    return progress.step / progress.steps


def _brief(run: Run, result: Mapping[str, Any]) -> str:
    """The line of a finished run in 80 columns: without the hash in its name, and without the split."""
    if "performance" not in result:
        return line(run, result)
    early = (
        "" if result["status"] == "ok" else f"  {result['status']} at {result['epoch']}/{result['epochs']}"
    )
    metric = "" if console.width() < _NARROW else f"{result['metric']} "
    score = f"{metric}{result['performance']:.4f}"
    name = "  ".join(filter(None, (run.run_id.rpartition("-")[0], values(run))))
    return f"{name}  {score}  {result['seconds']:.1f} s{early}"


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _seeds(run: Run) -> str:
    """One number if all seeds are equal, else those of theta0, P and the data order."""
    seeds = run.recipe.seeds
    # Direct runs have no P, so its seed is ignored.
    all_three = [seeds.theta0, seeds.theta0 if run.direct else seeds.projector, seeds.data]
    return str(all_three[0]) if len(set(all_three)) == 1 else ".".join(map(str, all_three))


def _reading_lines(estimates: Sequence[Estimate], over: Collection[str]) -> Iterator[str]:
    """The estimates so far, with their protocol; `over` are the keys in which their groups differ."""
    from idim_cli.thresholds import labels
    from idim_cli.thresholds.text import has_no_floor, so_far

    groups = [one.group for one in estimates]
    names = labels.joined(groups, {*over, *labels.differing(groups)})
    named = zip(names, estimates, strict=True)
    read = [(label, one.reading) for label, one in named if one.reading]
    for label, reading in read[:_GROUPS]:
        yield f"{label}: {so_far(reading)}" if label else so_far(reading)
    if len(read) > _GROUPS:
        yield f"  + {len(read) - _GROUPS} more"
    if read:
        # All groups of a sweep are read by one protocol.
        one = read[0][1]
        floor = "" if has_no_floor(one) else f", floor {one.floor_kind}"
        yield f"  rule {one.rule}, level {one.fraction:g} x baseline {one.baseline_kind}{floor}"
