"""Progress of several runs at the same time, and of a search that asks for more."""

import re
from dataclasses import dataclass

import pytest

from idim_cli.cli import console, progress
from idim_cli.plan import plan
from idim_cli.recipe.load import loads
from idim_cli.training.sitting import Progress

TEXT = "{name: toy, dataset: toy, model: toy, task: toy, training: {steps: 10}, sweep: {d: [4], seeds: 3}}"
DONE = {"status": "ok", "score_on": "train", "metric": "accuracy", "performance": 0.5, "seconds": 1.0}


@dataclass
class Columns:
    sampled: int = 4
    norm_min: float = 1.0
    norm_max: float = 1.0
    coherence: float = 0.1
    layer_share: tuple = ()

    def __post_init__(self):
        self.layer_share = {"weight": 1.0}


@pytest.fixture
def runs():
    return plan(loads(TEXT).recipe)


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 100 columns that is drawn on at every call."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(progress, "REDRAW", -1.0)
    console.talk.cache_clear()
    yield
    console.talk.cache_clear()


def at(step):
    return Progress(step, 10, 1, 2, {"validation_accuracy": 0.25}, Columns())


def ended(run, **changes):
    return {**DONE, "run_id": run.run_id, **changes}


def test_the_bar_is_as_long_as_all_runs_together(terminal, runs, capfd):
    with progress.Bar() as bar:
        bar.planned(5, 4)
        bar.progress(runs[0], at(5))
        bar.progress(runs[1], at(2))
        (task,) = bar.bars.tasks
        assert (task.completed, task.total) == (pytest.approx(0.7), 4)
        assert task.description == "tied-d4-s0.0.0 +1"
        bar.finished(runs[0], ended(runs[0]))
        assert (task.completed, task.fields["count"]) == (pytest.approx(1.2), "2/5")
        bar.say("d = 8 is next")
        bar.planned(7, 5)
        assert task.total == 9
    assert "d = 8 is next" in capfd.readouterr().err


def test_the_bar_is_not_drawn_for_each_of_many_reports(terminal, runs, monkeypatch):
    monkeypatch.setattr(progress, "REDRAW", 1000.0)
    with progress.Bar() as bar:
        bar.planned(4, 4)
        for step in range(1, 10):
            bar.progress(runs[0], at(step))
        assert bar.bars.tasks[0].completed == pytest.approx(0.1)


def test_plain_lines_count_on_when_a_search_asks_for_more(runs, capsys):
    console.talk.cache_clear()
    with progress.Plain() as plain:
        plain.planned(1, 1)
        plain.finished(runs[0], ended(runs[0]))
        plain.say("d = 4: a first bracket")
        plain.planned(3, 2)
        plain.finished(runs[1], ended(runs[1], status="solved", epoch=3, epochs=10))
    lines = capsys.readouterr().err.splitlines()
    console.talk.cache_clear()
    assert [re.sub(r"-[0-9a-f]{8} ", " ", line) for line in lines] == [
        "1 runs",
        "[1/1] direct-s0.0  train accuracy 0.5000  1.0 s",
        "d = 4: a first bracket",
        "[2/3] tied-d4-s0.0.0  train accuracy 0.5000  1.0 s  solved after 3 of 10 epochs",
    ]
