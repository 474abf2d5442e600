"""Progress of several runs at the same time, and of a search that asks for more."""

import re
import time
from dataclasses import dataclass, field

import pandas
import pytest

from idim_cli.cli import console, live, progress, watch
from idim_cli.recipe.load import loads
from idim_cli.runs.plan import plan
from idim_cli.thresholds import threshold
from idim_cli.training.session import Progress

TEXT = "{name: toy, dataset: toy, model: toy, task: toy, training: {steps: 10}, sweep: {d: [4], seeds: %d}}"
DONE = {"status": "ok", "score_on": "train", "metric": "accuracy", "performance": 0.5, "seconds": 1.0}


@dataclass
class Columns:
    sampled: int = 4
    norm_min: float = 1.0
    norm_max: float = 1.0
    coherence: float = 0.1
    layer_share: dict = field(default_factory=lambda: {"weight": 1.0})


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@dataclass
class Running:
    """What is known of d_int while a sweep goes on."""

    found: list = field(default_factory=list)
    known: float | None = None
    over: tuple = ()
    plan: list | None = None

    def estimates(self):
        return self.found

    def catch_up(self):
        self.caught_up = True

    def level(self, run):
        return None if run.direct else self.known


@pytest.fixture
def runs():
    return plan(loads(TEXT % 3).recipe)


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns and 24 lines."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    console.messages.cache_clear()
    yield
    console.messages.cache_clear()


def at(step, **changes):
    figures = {"validation_accuracy": 0.25} if step else {}
    return Progress(step, 10, step // 5, 2, figures, Columns(), **changes)


def ended(run, **changes):
    return {**DONE, "run_id": run.run_id, **changes}


def drawn(view):
    """How often the view is drawn from now on."""
    count = []
    view.screen.refresh = lambda: count.append(1)
    return count


def test_the_bar_is_as_long_as_all_runs_together(terminal, runs, capfd):
    with live.Live(clock=(clock := Clock())) as view:
        view.planned(runs[:1] * 5, 4)
        for run, step in ((runs[0], 5), (runs[1], 2)):
            clock.now += 1
            view.progress(run, at(step))
        (task,) = view.bars.tasks
        assert (task.completed, task.total) == (pytest.approx(0.7), 4)
        view.finished(runs[0], ended(runs[0]))
        assert (task.completed, task.fields["count"]) == (pytest.approx(1.2), "2/5")
        view.say("d = 8 is next")
        view.planned(runs[:1] * 7, 5)
        assert task.total == 9
    assert "d = 8 is next" in capfd.readouterr().err


def test_the_bar_moves_before_the_first_run_reports(terminal, runs, monkeypatch):
    monkeypatch.setattr(live, "PULSE", 0.01)
    with live.Live() as view:
        count = drawn(view)
        view.planned(runs, 4)
        while len(count) < 3:  # from a thread, as workers take seconds to start
            time.sleep(0.01)
        (task,) = view.bars.tasks
        assert (task.description, task.total, task.fields["count"]) == ("starting", None, "0/4")
        assert re.fullmatch(r"0:00:\d\d", task.fields["time"])
        view.progress(runs[0], at(1))
        assert not view.pulse.is_alive()
        assert (task.description, task.total) == ("training", 4)


def test_the_time_left_is_reported_from_the_first_epoch_on(terminal, runs):
    with live.Live(clock=(clock := Clock())) as view:
        view.planned(runs, 4)
        view.progress(runs[0], at(0))
        (task,) = view.bars.tasks
        assert task.fields["time"] == ""
        for step in (1, 2):  # half a second a tenth of a run: 20 s for four
            clock.now += 0.5
            view.progress(runs[0], at(step))
        assert task.fields["time"] == "ETA 0:00:19"


def test_a_view_that_ends_before_anything_was_reported(terminal, runs):
    with live.Live() as view:
        view.planned(runs, 4)
    assert not view.pulse.is_alive()


def test_it_is_not_drawn_for_each_of_many_reports(terminal, runs):
    with live.Live(clock=(clock := Clock())) as view:
        view.planned(runs[:1] * 4, 4)
        view.progress(runs[0], at(0))
        count = drawn(view)
        for step in range(1, 9):
            clock.now += live.REDRAW / 4
            view.progress(runs[0], at(step))
    assert len(count) == 2


def test_a_line_for_each_run_with_its_score_its_level_and_its_time_left(terminal, runs):
    with live.Live(Running(), clock=(clock := Clock())) as view:
        view.planned(runs[:1] * 4, 4)
        for run in runs[:2]:
            view.progress(run, at(0))
        clock.now = 20.0
        for run in runs[:2]:
            view.progress(run, at(5))
        clock.now = 25.0  # nothing was heard for five seconds
        first = view.lines(24, 80)
        view.running.known = 0.2
        second = view.lines(24, 80)
        narrow = [view.lines(24, width)[0].split() for width in (40, 32, 30)]
    assert [line.split() for line in first] == [
        ["d", "seed", "epoch", "accuracy", "ETA"],
        ["direct", "0", "1/2", "0.2500", "0:00:15"],
        ["4", "0", "1/2", "0.2500", "0:00:15"],
    ]
    assert second[0].split() == ["d", "seed", "epoch", "accuracy", "level", "ETA"]
    assert second[2].split() == ["4", "0", "1/2", "0.2500", "0.2000", "0:00:15"]
    assert narrow == [
        ["d", "seed", "epoch", "accuracy", "ETA"],
        ["d", "epoch", "accuracy", "ETA"],
        ["d", "accuracy", "ETA"],
    ]


@pytest.mark.parametrize(("height", "rows"), [(24, 8), (10, 6), (6, 2), (3, 1)])
def test_many_runs_never_fill_the_screen(terminal, height, rows):
    with live.Live(clock=Clock()) as view:
        for run in plan(loads(TEXT % 32).recipe):
            view.progress(run, at(5))
        lines = view.lines(height, 80)
    assert len(lines) == rows + 2
    assert lines[-1] == f"  + {33 - rows} more"
    assert max(map(len, lines)) <= 60


def test_d_int_is_reported_with_what_it_is_based_on(terminal, runs):
    table = pandas.DataFrame({"d": [0, 0, 8, 8, 16, 16], "performance": [1, 0.98, 0.5, 0.52, 0.95, 0.97]})
    with live.Live(Running(threshold(table)), clock=Clock()) as view:
        assert view.lines(24, 80) == []  # before anything has ended
        view.finished(runs[0], ended(runs[0]))
        headline, rests = view.lines(24, 80)
        narrow = view.lines(24, 40)
    assert view.running.caught_up
    assert max(map(len, narrow)) <= 40
    assert " ".join(" ".join(narrow).split()) == " ".join(f"{headline} {rests}".split())
    assert re.fullmatch(r"d_int90 so far: \d+ \(\d+-\d+\)", headline)  # and no verdict
    assert rests == "  rule isotonic, level 0.9 x baseline model"


def test_a_single_run_counts_its_epochs(terminal, runs):
    with live.Live(clock=Clock()) as view:
        view.progress(runs[0], at(5))
        assert view.bars.tasks[0].fields["count"] == "epoch 1/2"


def test_a_finished_run_fits_a_narrow_terminal(terminal, runs, monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "40")
    with live.Live(clock=Clock()) as view:
        view.planned(runs[:1] * 54, 54)
        view.finished(runs[1], ended(runs[1]))
    assert "[1/54] tied-d4-s0.0.0  0.5000  1.0 s" in capfd.readouterr().err


def test_groups_are_distinguished_by_what_differs(terminal):
    rows = [(d, y, net) for net in ("a", "b") for d, y in ((0, 1.0), (0, 0.98), (8, 0.5), (16, 0.95))]
    found = threshold(pandas.DataFrame(rows, columns=["d", "performance", "net"]), by=["net"])
    lines = list(live._reading_lines(found, ()))
    assert [line.partition(":")[0] for line in lines[:2]] == ["net a", "net b"]
    assert next(live._reading_lines(found[:1], ["net"])).startswith("net a: d_int90 ")
    assert list(live._reading_lines(found * 3, ()))[3] == "  + 3 more"


def test_seeds_that_differ_are_distinguished():
    text = TEXT.replace("seeds: %d", "seeds: {theta0: [1], projector: [2, 1], data: [1]}")
    _, *swept = plan(loads(text).recipe)
    assert [live._seeds(run) for run in swept] == ["1.2.1", "1"]


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_be_drawn_on_gets_plain_lines(terminal, monkeypatch, term):
    monkeypatch.setenv("TERM", term)
    console.messages.cache_clear()
    assert isinstance(watch.shown(loads(TEXT % 1).recipe, None), progress.Plain)


def test_runs_of_few_values_say_how_many(terminal, capfd):
    text = TEXT.replace("sweep:", "quantise: {levels: 3}, d: 4, sweep:") % 1
    run = next(run for run in plan(loads(text).recipe) if not run.direct)
    with live.Live() as view:
        view.planned([run], 1)
        view.progress(run, at(5))
        assert "3 values" in view.lines(24, 80)[1]
        view.finished(run, ended(run))
    assert "[1/1] tied-d4-s0.0.0  3 values  accuracy 0.5000  1.0 s" in capfd.readouterr().err
    with progress.Plain() as plain:
        plain.finished(run, ended(run))
        plain.spoke = -progress.PATIENCE
        plain.progress(run, at(5))
    shown_text = capfd.readouterr().err
    assert f"{run.run_id}  3 values  train accuracy 0.5000" in shown_text
    assert f"{run.run_id}  3 values: 50% of 2 epochs" in shown_text


def test_plain_lines_count_on_when_a_search_asks_for_more(runs, capsys):
    console.messages.cache_clear()
    with progress.Plain() as plain:
        plain.planned(runs[:1] * 1, 1)
        plain.finished(runs[0], ended(runs[0]))
        plain.say("d = 4: initial bracket")
        plain.planned(runs[:1] * 3, 2)
        plain.finished(runs[1], ended(runs[1], status="solved", epoch=3, epochs=10))
    lines = capsys.readouterr().err.splitlines()
    console.messages.cache_clear()
    assert [re.sub(r"-[0-9a-f]{8} ", " ", line) for line in lines] == [
        "1 run",
        "[1/1] direct-s0.0  train accuracy 0.5000  1.0 s",
        "d = 4: initial bracket",
        "[2/3] tied-d4-s0.0.0  train accuracy 0.5000  1.0 s  solved after 3 of 10 epochs",
    ]
