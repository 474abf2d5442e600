"""d_int while a sweep is under way: its level once it is known, and readings that cost next to nothing."""

import json
from dataclasses import replace

import pytest

from idim_cli.execute import running_estimate
from idim_cli.execute.running_estimate import Running
from idim_cli.recipe.load import loads
from idim_cli.runs import results
from idim_cli.runs.early_stop import Goal
from idim_cli.runs.plan import plan, purposes

TEXT = "{name: toy, dataset: toy, model: toy, task: toy, training: {steps: 10}, sweep: {d: [4, 8, 16]}}"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def recipe():
    return loads(TEXT).recipe


def write(folder, runs, performance):
    """A plan of all runs, and results of those that have a performance."""
    planned = [{"run_id": run.run_id, "over": {}, "baseline_config": run.baseline} for run in runs]
    folder.mkdir(exist_ok=True)
    (folder / results.PLAN).write_text(results.plan_text("toy", planned))
    for run, value in zip(runs, performance, strict=False):
        home = folder / results.RUNS / run.run_id
        home.mkdir(parents=True, exist_ok=True)
        told = {
            "run_id": run.run_id, "recipe": "toy", "status": "ok", "direct": run.direct, "dataset": "toy",
            "model": "toy", "projector": "identity" if run.direct else "tied", "task": "toy", "D": 1000,
            "d": run.recipe.d or 1000, "performance": value, "config": run.config, "metric": "accuracy",
            **{f"seed_{name}": seed for name, seed in run.recipe.seeds.model_dump().items()},
        }  # fmt: skip
        told |= {"seed_projector": None} if run.direct else {}
        (home / results.RESULT).write_text(json.dumps(told))


def test_the_level_is_known_from_the_direct_runs_on(recipe, tmp_path):
    runs, clock = plan(recipe), Clock()
    found = Running(recipe, tmp_path, clock)
    assert [one.reading for one in found.estimates()] == [None]
    assert found.level(runs[1]) is None
    write(tmp_path, runs, [0.8])
    clock.now += running_estimate.REST_SECONDS
    found.estimates()
    assert found.level(runs[1]) == pytest.approx(0.72)
    assert found.level(runs[0]) is None


def test_a_fixed_baseline_and_a_goal_are_known_immediately(recipe, tmp_path):
    run = plan(recipe)[1]
    fixed = loads(TEXT[:-1] + ", threshold: {baseline: 0.5}}").recipe
    assert Running(fixed, tmp_path).level(run) == 0.45

    assert Running(recipe, tmp_path).level(replace(run, goal=Goal(0.3, ()))) == 0.3


def test_it_reads_again_only_after_a_rest(recipe, tmp_path, monkeypatch):
    runs, clock, count = plan(recipe), Clock(), []
    write(tmp_path, runs, [1.0, 0.2, 0.2, 0.25, 0.95, 0.96, 0.97])
    table = results.table

    def counted(*arguments):
        count.append(1)
        clock.now += 0.5  # what a reading costs
        return table(*arguments)

    monkeypatch.setattr(results, "table", counted)
    found = Running(recipe, tmp_path, clock)
    (one,) = found.estimates()
    assert one.reading.value in range(5, 9)
    found.estimates()
    assert len(count) == 1
    clock.now += running_estimate.REST_SECONDS  # the first one also imports, which does not count
    found.estimates()
    assert len(count) == 2
    clock.now += running_estimate.REST_SECONDS
    found.estimates()
    assert len(count) == 2
    clock.now += 0.5 / running_estimate.TIME_SHARE
    found.estimates()
    assert len(count) == 3
    found.catch_up()
    found.estimates()
    assert len(count) == 4


def test_it_reads_the_plan_of_its_own_sweep(recipe, tmp_path):
    runs = plan(recipe)
    write(tmp_path, runs, [1.0, 0.2, 0.95])
    found = Running(recipe, tmp_path, Clock())
    found.plan = purposes(runs[:2])
    (one,) = found.estimates()
    assert sorted(one.sample.d) == [4]
