"""The live view on a terminal: a bar with ETA, a line for each run under way, d_int as it narrows."""

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
from idim_cli.runs.plan import purposes

if TYPE_CHECKING:
    from rich.console import RenderableType

    from idim_cli.execute.running_estimate import Running
    from idim_cli.runs.plan import Run
    from idim_cli.thresholds import Estimate
    from idim_cli.training.session import Progress

#: Seconds between two drawings: many runs may report at the same time.
REDRAW = 0.2
#: Seconds between two drawings before the first run has reported: data are loaded, workers start.
PULSE = 0.25
_ROWS = 8  # for runs, and of that many groups the estimate, if the terminal is high enough
_GROUPS = 3
_OTHERS = 4  # lines of the view beside these
_LABEL = 16  # columns of a run's group
_NARROW = 60  # columns below which a finished run is told in less words
_TELLING = 0.02  # share of a run that tells its pace


@dataclass
class Active:
    """A run under way.

    Attributes:
        run: which.
        now, heard: how far it is by its last report, and when that came.
        share, began: how far it was by its first report, and when that came.
    """

    run: Run
    now: Progress
    heard: float
    share: float
    began: float

    def report(self, progress: Progress, clock: float) -> None:
        """Note how far it is."""
        self.now, self.heard = progress, clock

    def eta(self, clock: float) -> str:
        """Time left at the pace so far, which runs of a large pack tell seldom; empty while it is unknown."""
        made, spent = _share(self.now) - self.share, self.heard - self.began
        if made < _TELLING or not spent:
            return ""
        return _time(max(spent * (1 - _share(self.now)) / made - (clock - self.heard), 0.0))


class Live(Watching):
    """A `Watcher` that draws when a run reports, so no thread takes time from the training.

    Several runs may be under way: the bar's length is that of the ended ones and of their shares together.
    Until the first of them reports, a thread moves the bar.

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
            rich.BarColumn(bar_width=24),
            rich.TextColumn("{task.fields[count]}"),
            rich.TextColumn("{task.fields[time]}"),
            console=console.talk(),
            auto_refresh=False,
            speed_estimate_period=300,
            get_time=clock,
        )
        self.task = self.bars.add_task("starting", total=None, count="", time="")
        self.runs, self.done = 1, 0
        self.ahead, self.ended = 0, 0  # runs of this sitting: asked for, done
        self.active: dict[str, Active] = {}
        self.drawn = -REDRAW
        self.heard, self.pulse = threading.Event(), threading.Thread(target=self._pulse, daemon=True)
        self.screen = Screen(
            get_renderable=self._view, console=console.talk(), auto_refresh=False, transient=True,
            redirect_stdout=False,
        )  # fmt: skip

    def __enter__(self) -> Live:
        self.screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going()
        if self.running:
            self.running.catch_up()  # the last look is at everything
        self.screen.stop()

    def planned(self, runs: Sequence[Run], pending: int) -> None:
        """Set the bar's length, or add to it; runs that were done before this sitting do not count in it."""
        self.runs, self.done = len(runs), len(runs) - pending
        if self.running:
            self.running.plan = purposes(runs)
        if not self.ahead and pending:
            self.bars.reset(self.task, count=self._count(), time="")
            self.pulse.start()
        self.ahead += pending
        if self.ahead and self.heard.is_set():
            self._draw()

    def progress(self, run: Run, progress: Progress) -> None:
        """Move the bar by a part of a run."""
        self._going()
        self._check(run, progress)
        known = self.active.get(run.run_id)
        now = self.clock()
        if known is None:
            self.active[run.run_id] = Active(run, progress, now, _share(progress), now)
        else:
            known.report(progress, now)
        if now - self.drawn >= REDRAW:
            self._draw()

    def finished(self, run: Run, result: Mapping[str, Any]) -> None:
        """Print what came of a run above the view."""
        self._going()
        self.done, self.ended = self.done + 1, self.ended + 1
        self.active.pop(run.run_id, None)
        console.say(f"[{self.done}/{self.runs}] {_brief(run, result)}")
        self._draw()

    def waiting(self, runs: int) -> None:
        """Say above the view what is waited for."""
        console.say(waiting(runs))

    def say(self, line: str) -> None:
        """Say it above the view."""
        console.say(line)

    def _pulse(self) -> None:
        began = self.clock()
        while not self.heard.wait(PULSE):
            self.bars.update(self.task, time=_time(self.clock() - began))
            self.screen.refresh()

    def _going(self) -> None:
        """The first run has reported, or nothing will."""
        if not self.heard.is_set():
            self.heard.set()
            if self.pulse.ident:
                self.pulse.join()

    def _draw(self) -> None:
        self.bars.update(
            self.task,
            description="training",
            total=max(self.ahead, 1),
            completed=self.ended + sum(_share(one.now) for one in self.active.values()),
            count=self._count(),
        )
        left = self.bars.tasks[0].time_remaining
        self.bars.update(self.task, time="" if left is None else f"ETA {_time(left)}")
        self.screen.refresh()
        self.drawn = self.clock()

    def _count(self) -> str:
        """Of runs; of a single one, its epochs."""
        if self.runs > 1:
            return f"{self.done}/{self.runs}"
        return "".join(f"epoch {one.now.epoch}/{one.now.epochs}" for one in self.active.values())

    def _view(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        if not self.heard.is_set():
            return self.bars.get_renderable()
        talk = console.talk()
        below = Text("\n".join(self.lines(talk.height, talk.width)), no_wrap=True, overflow="ellipsis")
        return Group(self.bars.get_renderable(), below)

    def lines(self, height: int, width: int) -> list[str]:
        """What stands below the bar on a terminal of so many lines and columns."""
        estimates = self.running.estimates() if self.running and self.ended + self.done else []
        about = _told(estimates, self.running.over if self.running else ())
        told = [part for one in about for part in textwrap.wrap(one, width, subsequent_indent="  ")]
        room = max(1, min(_ROWS, height - _OTHERS - len(told)))
        # Runs that have nothing to tell yet come last.
        shown = sorted(self.active.values(), key=lambda one: not one.now.figures)[:room]
        more = len(self.active) - len(shown)
        rows = _aligned([_head(shown), *map(self._row, shown)], width) if shown else []
        return [*rows, *([f"  + {more} more"] if more else []), *told]

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
    """What tells a run from those of other groups."""
    from idim_cli.thresholds import labels
    from idim_cli.thresholds.rows import is_of_coords

    group = [labels.named(key, value) for key, value in run.group.items() if not is_of_coords(key)]
    return " ".join(filter(None, (*group, values(run))))[:_LABEL]


_FIRST_TO_GO = (5, 2, 3)  # columns of a row that are left out where it is too long: level, seed, epoch


def _head(shown: Sequence[Active]) -> tuple[str, ...]:
    """The names of the columns; the score has its own."""
    names = (score(one.now.figures)[0].rpartition(" ")[2] for one in shown)
    return ("", "d", "seed", "epoch", next(filter(None, names), "score"), "level", "ETA")


def _share(progress: Progress) -> float:
    return progress.step / progress.steps


def _brief(run: Run, result: Mapping[str, Any]) -> str:
    """A finished run in one line that fits 80 columns: without the hash in its name, and the split."""
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
    """One number if all seeds are that, else those of theta0, P and the data order."""
    seeds = run.recipe.seeds
    all_three = [seeds.theta0, seeds.theta0 if run.direct else seeds.projector, seeds.data]
    return str(all_three[0]) if len(set(all_three)) == 1 else ".".join(map(str, all_three))


def _told(estimates: Sequence[Estimate], over: Collection[str]) -> Iterator[str]:
    """The estimates so far, with what they rest on; `over` are the keys that tell their groups apart."""
    from idim_cli.thresholds.text import has_no_floor, so_far

    named = zip(_labels(estimates, over), estimates, strict=True)
    read = [(label, one.reading) for label, one in named if one.reading]
    for label, reading in read[:_GROUPS]:
        yield f"{label}: {so_far(reading)}" if label else so_far(reading)
    if len(read) > _GROUPS:
        yield f"  + {len(read) - _GROUPS} more"
    if read:
        one = read[0][1]
        floor = "" if has_no_floor(one) else f", floor {one.floor_kind}"
        yield f"  rule {one.rule}, level {one.fraction:g} x baseline {one.baseline_kind}{floor}"


def _labels(found: Sequence[Estimate], over: Collection[str]) -> list[str]:
    """What tells each group apart, in the words of reports."""
    from idim_cli.thresholds import labels

    groups = [one.group for one in found]
    keys = {*over, *labels.differing(groups)}
    return labels.joined(groups, keys)


def _aligned(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """The rows as lines, right-aligned in columns; those without content, or room, are left out."""
    columns = {at: column for at, column in enumerate(zip(*rows, strict=True)) if any(column[1:])}
    widths = {at: max(map(len, column)) for at, column in columns.items()}
    for at in _FIRST_TO_GO:
        if sum(widths.values()) + 2 * (len(widths) - 1) > width:
            widths.pop(at, None)
    return ["  ".join(row[at].rjust(room) for at, room in widths.items()).rstrip() for row in rows]
