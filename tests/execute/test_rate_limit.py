"""Tables of a sweep under way: written seldom, and up to date at the end, however that comes."""

import pandas as pd
import pytest

from idim_cli.core.errors import IdimError
from idim_cli.execute import rate_limit
from idim_cli.execute.rate_limit import RateLimited
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import loads
from idim_cli.runs import results

MANY = """
name: toy
dataset: toy
model: toy
task: toy
device: cpu
training: {steps: 1, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 6, 7, 8, 9, 10, 11, 12, 13, 14], seeds: 3, baseline: {seeds: 1}}
"""


class Clock:
    """Time passes when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now


def test_no_more_than_its_share_of_the_time_goes_into_it():
    clock, spent, events = Clock(), [], []

    def work():  # costs more each time, as a table does
        spent.append(0.001 * len(events))
        clock.now += spent[-1]

    often = RateLimited(work, clock)
    for event in range(5000):
        clock.now += 0.02
        events.append(event)
        often.event()
    assert len(spent) > 3
    assert sum(spent) < 3 * rate_limit.SHARE * clock.now


def test_the_first_event_counts_immediately_and_the_last_is_caught_up():
    clock, done = Clock(), []
    often = RateLimited(lambda: done.append(clock.now), clock)
    often.event()
    assert done == [0.0]
    often.catch_up()
    assert done == [0.0]
    often.due = 10.0
    often.event()
    often.catch_up()
    assert len(done) == 2


@pytest.fixture
def writes(monkeypatch):
    """The numbers of rows of each table that is written."""
    rows, text = [], results.to_csv

    def counted(frame):
        rows.append(len(frame))
        return text(frame)

    monkeypatch.setattr(results, "to_csv", counted)
    monkeypatch.setattr("idim_cli.runs.table.to_csv", counted)
    return rows


def test_a_sweep_of_many_runs_writes_few_tables(tmp_path, monkeypatch, writes):
    monkeypatch.setattr(rate_limit, "SHARE", 1e-9)
    sweep(loads(MANY), tmp_path)
    assert writes == [1, 31]  # after the first run, and at the end
    assert len(pd.read_csv(tmp_path / "toy" / results.TABLE)) == 31


def test_a_sweep_that_is_stopped_leaves_all_its_runs_in_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr(rate_limit, "SHARE", 1e-9)

    class Stops:
        ended = 0

        def __getattr__(self, name):
            return lambda *told: None

        def finished(self, run, result):
            self.ended += 1
            if self.ended == 20:
                raise IdimError("stopped")

    with pytest.raises(IdimError, match="stopped"):
        sweep(loads(MANY), tmp_path, watcher=Stops())
    assert len(pd.read_csv(tmp_path / "toy" / results.TABLE)) == 20
