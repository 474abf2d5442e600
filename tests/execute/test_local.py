"""How many processes a sweep gets unless it is told."""

import pytest

from idim_cli.execute.base import Silent
from idim_cli.execute.local import executor, pool, worker_process
from idim_cli.execute.local.executor import Local, workers
from idim_cli.recipe.load import loads
from idim_cli.runs.plan import plan
from idim_cli.training.batched import pack_size
from idim_cli.training.prepare import Where

TEXT = "{name: toy, dataset: toy, model: toy, task: toy, training: {steps: 20}, sweep: {d: [4, 8], seeds: 3}}"
CPU = Where(device="cpu")


@pytest.fixture
def runs():
    return plan(loads(TEXT).recipe)


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Four cores, plenty of memory, and workers that start in no time."""
    monkeypatch.setattr(worker_process, "cores", lambda: 4)
    monkeypatch.setattr(executor, "free_bytes", lambda: 1 << 50)
    monkeypatch.setattr(executor, "START_SECONDS", 0.0)


def test_as_many_as_requested_but_no_more_than_runs(runs):
    assert [workers(runs, CPU, jobs) for jobs in (1, 3, 100)] == [1, 3, 7]
    assert workers([], CPU, 3) == 1


def test_one_a_core(runs):
    assert workers(runs, CPU) == 4
    assert workers(runs[:2], CPU) == 2


def test_one_alone_when_starting_takes_longer_than_the_work(runs, monkeypatch):
    monkeypatch.setattr(executor, "START_SECONDS", 1000.0)
    assert workers(runs, CPU) == 1
    assert workers(runs, CPU, spent=2000.0) == 4


def test_no_more_than_there_is_memory_for(runs, monkeypatch):
    held = 1 << 40  # beside which what a run needs is nothing
    monkeypatch.setattr(executor, "resident_bytes", lambda: held)
    monkeypatch.setattr(executor, "free_bytes", lambda: 2.6 * held)
    assert workers(runs, CPU) == 2


def test_what_cannot_be_measured_is_left_to_the_runs(monkeypatch):
    broken = plan(loads(TEXT, overrides=["training.optimizer={name: sgd, lr: 0.1}"]).recipe)

    def fails(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(pack_size, "packing", fails)
    assert workers(broken, CPU) == 1


def test_a_search_is_not_measured_again_once_it_has_workers(runs, tmp_path, monkeypatch):
    class Pool:
        def __init__(self, number, pack):
            self.number = number

        def map(self, runs, out, where, watcher):
            yield from ((run, self.number) for run in runs)

        def close(self):
            closed.append(self.number)

    class Watch(Silent):
        def say(self, line):
            said.append(line)

    closed, said = [], []
    monkeypatch.setattr(pool, "Pool", Pool)
    with Local() as executor:
        for part in (runs[:3], runs[3:4]):
            assert list(executor.map(part, tmp_path, CPU, Watch())) == [(run, 4) for run in part]
    assert (closed, said) == ([4], ["3 worker processes"])  # a later batch may be larger
