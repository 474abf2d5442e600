"""Who gets which run next."""

import pytest

from idim_cli.execute import queue
from idim_cli.execute.base import Silent
from idim_cli.execute.queue import Queue
from idim_cli.recipe.load import loads
from idim_cli.runs.plan import kind, plan

TEXT = "{name: toy, dataset: toy, model: toy, task: toy, training: {steps: 2}, sweep: {d: [4, 8], seeds: 3}}"


@pytest.fixture
def runs():
    """One direct run, then six in subspaces."""
    return plan(loads(TEXT).recipe)


def drain(work, wanted=None):
    """All runs that one worker is handed while it ends none."""
    mine = {}
    while work.next(wanted, mine):
        pass
    return list(mine)


def test_in_order_with_what_else_there_is_of_the_kind(runs):
    work, mine = Queue(runs), {}
    first, second = work.next(None, mine), work.next(None, mine)
    assert (first.run, first.alike, first.widest) == (runs[0], 1, runs[0])
    assert (second.run, second.alike, second.widest.recipe.d) == (runs[1], 6, 8)
    assert list(mine) == [runs[0].run_id, runs[1].run_id]


def test_a_kind_that_is_requested(runs):
    work = Queue(runs)
    assert drain(work, kind(runs[1])) == [run.run_id for run in runs[1:]]
    assert drain(work, kind(runs[1])) == []
    assert drain(work) == [runs[0].run_id]


def test_equal_shares(runs):
    work = Queue(runs, workers=2)
    assert [len(drain(work)), len(drain(work)), len(drain(work))] == [4, 3, 0]


def test_a_run_that_killed_its_process_is_handed_out_first_and_alone(runs):
    work, mine = Queue(runs), {}
    killed = work.next(None, mine).run
    assert work.died(killed) == 1
    assert drain(work) == [killed.run_id]
    other = {runs[1].run_id: runs[1]}
    work.died(killed)
    assert work.next(None, other).run is not killed


def test_those_that_others_hold_come_last_and_are_waited_for(runs, monkeypatch):
    waits, told = [], []

    class Watch(Silent):
        def waiting(self, runs):
            told.append(runs)

    monkeypatch.setattr(queue.time, "sleep", waits.append)
    work = Queue(runs[:2])
    work.hold(work.next(None, {}).run)
    work.retry_held(Watch())
    assert (work.next(None, {}).run, work.held) == (runs[1], runs[:1])
    work.ended(runs[1])
    for _ in range(3):
        work.retry_held(Watch())
        assert work.next(None, {}).run is runs[0]
        work.hold(runs[0])
    assert (len(waits), told, work.left) == (2, [1], True)
