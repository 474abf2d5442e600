"""Sweeps: what is run, what is written, and that nothing is lost or run twice."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest
import torch

from idim_cli import results
from idim_cli.errors import IdimError, RecipeError
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import loads

RECIPE = """
name: toy
dataset: toy
model: toy
task: toy
device: cpu
training: {steps: 30, evaluate_every: 10, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 20], seeds: 2, baseline: {set: {training.optimizer.lr: 0.05}}}
"""
TIMES = ["seconds", "peak_memory_bytes"]


class Watch:
    """Writes down what it is told."""

    def __init__(self, at=None, act=None):
        self.ended, self.at, self.act, self.counts = [], at, act, None

    def planned(self, runs, pending):
        self.counts = (runs, pending)

    def progress(self, run, progress):
        if self.at == (len(self.ended), progress.step):
            self.act()

    def finished(self, run, result):
        self.ended.append(run.run_id)


@pytest.fixture
def often(monkeypatch):
    """Progress is told at every step."""
    monkeypatch.setattr("idim_cli.training.sitting.TICK_SECONDS", -1.0)


def table(folder):
    return pd.read_csv(folder / "toy" / results.TABLE).drop(columns=TIMES)


def test_grid_baseline_and_summary(tmp_path):
    watch = Watch()
    outcome = sweep(loads(RECIPE), tmp_path, watcher=watch)
    assert watch.counts == (5, 5)
    assert list(outcome.table["run_id"]) == watch.ended
    assert list(outcome.table["d"]) == [1000, 5, 5, 20, 20]
    assert list(outcome.table["direct"]) == [True, False, False, False, False]
    assert (outcome.ok, outcome.failed, outcome.problems) == (5, 0, [])
    (estimate,) = outcome.estimates
    assert list(estimate.points.d) == [5, 20]
    summary = json.loads((outcome.folder / results.SUMMARY).read_text())
    assert summary["estimates"][0]["runs"] == 4
    assert summary["runs"] == {"planned": 5, "ok": 5, "failed": 0}
    assert json.loads((outcome.folder / results.PLAN).read_text())["runs"] == watch.ended


def test_recipe_yaml_says_the_same_sweep(tmp_path):
    outcome = sweep(loads(RECIPE), tmp_path)
    watch = Watch()
    sweep(loads((outcome.folder / results.RECIPE).read_text()), tmp_path, watcher=watch)
    assert watch.counts == (5, 0)


def test_each_combination_has_an_estimate_and_shares_its_baseline(tmp_path):
    over = RECIPE.replace("seeds: 2", "seeds: 1, over: {projector: [tied, dense]}")
    outcome = sweep(loads(over), tmp_path)
    assert [one.group["projector"] for one in outcome.estimates] == ["tied", "dense"]
    assert [one.reading.baseline_runs for one in outcome.estimates] == [1, 1]
    assert outcome.planned == 5


def test_results_csv_is_rewritten_after_every_run(tmp_path):
    lengths = []

    class Count(Watch):
        def finished(self, run, result):
            lengths.append(len(table(tmp_path)))

    sweep(loads(RECIPE), tmp_path, watcher=Count())
    assert lengths == [1, 2, 3, 4, 5]


def test_a_wider_grid_adds_only_what_is_new(tmp_path):
    sweep(loads(RECIPE), tmp_path)
    watch = Watch()
    outcome = sweep(loads(RECIPE, overrides=["sweep.d=[5, 10, 20]"]), tmp_path, watcher=watch)
    assert watch.counts == (7, 2)
    assert list(outcome.table["d"]) == [1000, 5, 5, 10, 10, 20, 20]


def test_a_narrower_grid_shows_only_its_own_runs(tmp_path):
    sweep(loads(RECIPE), tmp_path)
    outcome = sweep(loads(RECIPE, overrides=["sweep.d=[20]"]), tmp_path)
    assert list(outcome.table["d"]) == [1000, 20, 20]


def test_a_failed_run_does_not_stop_the_others(tmp_path):
    diverging = RECIPE.replace("seeds: 2", "seeds: 1, over: {training.optimizer.lr: [1.0e+30, 0.5]}")
    outcome = sweep(loads(diverging, overrides=["sweep.baseline=null", "threshold.baseline=best"]), tmp_path)
    assert list(outcome.table["status"]) == ["failed", "failed", "ok", "ok"]
    assert (outcome.ok, outcome.failed) == (2, 2)
    assert outcome.table["performance"].isna().tolist() == [True, True, False, False]
    assert [one.group["training.optimizer.lr"] for one in outcome.estimates] == [0.5]


def test_a_sweep_without_an_estimate_says_why(tmp_path):
    outcome = sweep(loads(RECIPE, overrides=["sweep.baseline=null"]), tmp_path)
    assert outcome.estimates == []
    assert "baseline" in outcome.problems[0]


def test_faults_come_before_anything_is_written(tmp_path):
    with pytest.raises(RecipeError, match=r"sweep\.d: d = 2,000 is more than D = 1,000"):
        sweep(loads(RECIPE, overrides=["sweep.d=[5, 2000]"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_recipe_without_a_grid_is_refused(tmp_path):
    with pytest.raises(IdimError, match="no sweep"):
        sweep(loads(RECIPE, overrides=["sweep=null", "d=5"]), tmp_path)


@pytest.mark.parametrize("step", [1, 4])
def test_after_an_interruption_nothing_is_lost_or_run_twice(tmp_path, often, step):
    def crash():
        raise KeyboardInterrupt

    broken, rest = Watch((2, step), crash), Watch()
    with pytest.raises(KeyboardInterrupt):
        sweep(loads(RECIPE), tmp_path / "broken", watcher=broken)
    sweep(loads(RECIPE), tmp_path / "broken", watcher=rest)
    undisturbed = sweep(loads(RECIPE), tmp_path / "whole")
    assert broken.ended + rest.ended == list(undisturbed.table["run_id"])
    pd.testing.assert_frame_equal(table(tmp_path / "broken"), table(tmp_path / "whole"), check_exact=True)


def test_kill_9_in_the_middle_of_a_run(tmp_path):
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_sweep import RECIPE, Watch, loads, sweep
        from idim_cli.training import sitting
        sitting.TICK_SECONDS = sitting.SAVE_SECONDS = -1.0
        sitting.SAVE_SHARE = float("inf")
        kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
        from pathlib import Path
        sweep(loads(RECIPE), Path({str(tmp_path / "killed")!r}), watcher=Watch((3, 4), kill))
    """
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    root = str(Path(results.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=root, env={**os.environ, **threads}, timeout=120
    )
    assert done.returncode == -signal.SIGKILL
    rest = Watch()
    sweep(loads(RECIPE), tmp_path / "killed", watcher=rest)
    whole = sweep(loads(RECIPE), tmp_path / "whole")
    assert rest.counts == (5, 2)
    log = tmp_path / "killed" / "toy" / "runs" / rest.ended[0] / "log.txt"
    assert "goes on at step 3 of 30" in log.read_text()
    pd.testing.assert_frame_equal(table(tmp_path / "killed"), table(tmp_path / "whole"), check_exact=True)
    assert whole.failed == 0
