"""Sweeps: what is run, what is written, and that nothing is lost or run twice."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest
import torch

import idim_cli
from idim_cli import thresholds
from idim_cli.core.errors import IdimError, RecipeError
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import load as recipe_load
from idim_cli.recipe.load import loads
from idim_cli.runs import results
from idim_cli.training.run import train

RECIPE = """
name: toy
dataset: toy
model: toy
task: toy
device: cpu
training: {steps: 30, evaluate_every: 10, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 20], seeds: 2, baseline: {set: {training.optimizer.lr: 0.05}}}
"""
TIMES = ["seconds", "peak_memory_bytes", "date"]


class Watch:
    """Writes down what it is told."""

    def __init__(self, at=None, act=None):
        self.ended, self.at, self.act, self.counts = [], at, act, None

    def planned(self, runs, pending):
        self.counts = (len(runs), pending)

    def progress(self, run, progress):
        if self.at == (len(self.ended), progress.step):
            self.act()

    def finished(self, run, result):
        self.ended.append(run.run_id)

    def waiting(self, runs):
        pass

    def say(self, line):
        pass


@pytest.fixture
def often(monkeypatch):
    """Progress is told at every step."""
    monkeypatch.setattr("idim_cli.training.session.REPORT_SECONDS", -1.0)


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
    assert list(estimate.sample.d) == [5, 20]
    summary = json.loads((outcome.folder / results.SUMMARY).read_text())
    assert summary["estimates"][0]["runs"] == 4
    assert summary["runs"] == {"planned": 5, "ok": 5, "failed": 0}
    planned = json.loads((outcome.folder / results.PLAN).read_text())["runs"]
    assert [run["run_id"] for run in planned] == watch.ended


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


def test_results_csv_is_rewritten_as_runs_end(tmp_path, monkeypatch):
    monkeypatch.setattr("idim_cli.execute.rate_limit.SHARE", math.inf)  # else it rests, see test_seldom.py
    lengths = []

    class Count(Watch):
        def finished(self, run, result):
            written = next(tmp_path.glob("*/results.csv"), None)
            lengths.append(0 if written is None else len(table(tmp_path)))

    sweep(loads(RECIPE), tmp_path, watcher=Count())
    assert lengths == [0, 1, 2, 3, 4]  # a run is shown before the table has it
    assert len(table(tmp_path)) == 5


def test_a_wider_grid_adds_only_what_is_new(tmp_path):
    sweep(loads(RECIPE), tmp_path)
    watch = Watch()
    outcome = sweep(loads(RECIPE, overrides=["sweep.d=[5, 10, 20]"]), tmp_path, watcher=watch)
    assert watch.counts == (7, 2)
    assert list(outcome.table["d"]) == [1000, 5, 5, 10, 10, 20, 20]


def test_another_grid_reads_all_finished_runs_of_its_configurations(tmp_path):
    whole = sweep(loads(RECIPE), tmp_path)
    told = Watch()
    added = sweep(loads(RECIPE, overrides=["sweep.d=[40]"]), tmp_path, watcher=told)
    assert told.counts == (7, 2)  # runs in all, and those that are new
    assert list(added.table["d"]) == [1000, 40, 40, 5, 5, 20, 20]
    assert set(added.table["run_id"]) > set(whole.table["run_id"])
    assert added.estimates[0].reading.value == whole.estimates[0].reading.value
    # `idim threshold` and `idim report` read the folder by its plan, and so the same.
    assert list(results.table(added.folder)["run_id"]) == list(added.table["run_id"])
    shorter = sweep(loads(RECIPE, overrides=["sweep.d=[40]", "training.steps=20"]), tmp_path)
    assert set(shorter.table["d"]) == {40, 1000}


def test_a_result_in_the_folder_of_another_run_is_named_and_made_again(tmp_path, caplog):
    first = sweep(loads(RECIPE), tmp_path)
    small, large = (next(first.folder.glob(f"runs/*-d{d}-s0.*/result.json")) for d in (5, 20))
    kept = small.read_text()
    large.write_text(kept)  # of d = 5, in the folder of d = 20
    assert list(results.table(first.folder)["d"]) == [1000, 5, 5, 20]
    told = Watch()
    again = sweep(loads(RECIPE), tmp_path, watcher=told)
    assert told.counts == (5, 1)
    assert "is the result of another run" in caplog.text
    pd.testing.assert_frame_equal(again.table.drop(columns=TIMES), first.table.drop(columns=TIMES))
    small.write_text(kept.replace('"d": 5,', '"d": 48,'))
    assert sweep(loads(RECIPE), tmp_path).table["d"].tolist() == [1000, 5, 5, 20, 20]
    assert "has d = 48, unlike its run" in caplog.text
    small.write_text("{")
    assert sweep(loads(RECIPE), tmp_path).ok == 5


def readings(outcome):
    """All that is said of each group, but for where the results lie."""
    told = json.dumps([(one.group, one.as_dict()) for one in outcome.estimates])
    return json.loads(told.replace(str(outcome.folder.parent), "OUT"))


DEPTHS = """
name: net
dataset: digits
model: {name: fc, width: 5}
device: cpu
d: 20
training: {steps: 20}
sweep: {d: [10, 20], seeds: 1}
"""


@pytest.mark.parametrize("before", ["sweep", "train", "train direct"])
def test_runs_of_an_earlier_plan_serve_the_present_one(tmp_path, before):
    over = loads(DEPTHS, overrides=["sweep.over={model.depth: [1, 2]}"])
    if before == "sweep":
        sweep(loads(DEPTHS), tmp_path / "used")
    else:
        kind = {"train": "tied", "train direct": "identity"}[before]
        train(loads(DEPTHS, overrides=[f"projector={kind}"]), tmp_path / "used")
    watch = Watch()
    used, fresh = sweep(over, tmp_path / "used", watcher=watch), sweep(over, tmp_path / "fresh")
    assert watch.counts[1] < watch.counts[0] == 6
    assert readings(used) == readings(fresh)
    assert [one.reading.baseline_runs for one in used.estimates] == [1, 1]
    assert len({one.reading.baseline for one in used.estimates}) == 2
    assert used.table["model.depth"].tolist() == [1, 1, 1, 2, 2, 2]


def test_null_among_the_values_has_a_baseline_of_its_own(tmp_path):
    over = "sweep.over={training.clip_norm: [null, 0.01]}"
    outcome = sweep(loads(DEPTHS, overrides=[over]), tmp_path)
    direct = outcome.table[outcome.table["direct"]]["performance"].tolist()
    assert [one.reading.baseline for one in outcome.estimates] == direct
    again = thresholds.threshold(results.read(outcome.folder / results.TABLE))
    assert [one.reading.baseline for one in again] == direct


def test_a_baseline_that_two_of_three_groups_share(tmp_path):
    optimizers = "[{name: adam, lr: 0.1}, {name: adam, lr: 0.2}, {name: sgd, lr: 0.1}]"
    over = f"sweep.over={{training.optimizer: {optimizers}}}"
    # With one rate the first two are trained alike; the third has a direct run of its own.
    outcome = sweep(
        loads(DEPTHS, overrides=[over, "sweep.baseline={set: {training.optimizer.lr: 0.05}}"]), tmp_path
    )
    first, other = outcome.table[outcome.table["direct"]]["performance"].tolist()
    assert [one.reading.baseline for one in outcome.estimates] == [first, first, other]
    assert [one.reading.baseline_runs for one in outcome.estimates] == [1, 1, 1]


def test_each_result_is_read_once_while_runs_go_on(tmp_path, monkeypatch):
    reads, read = [], results.read_result

    def counted(folder):
        result = read(folder)
        reads.extend([folder.name] if result else [])
        return result

    monkeypatch.setattr(results, "read_result", counted)
    monkeypatch.setattr("idim_cli.runs.reading.read_result", counted)
    outcome = sweep(loads(RECIPE), tmp_path)
    # Once at the end, for all that other processes may have written.
    assert sorted(reads) == sorted(outcome.table["run_id"])
    reads.clear()
    again = sweep(loads(RECIPE), tmp_path)
    assert sorted(reads) == sorted(outcome.table["run_id"])
    pd.testing.assert_frame_equal(again.table, outcome.table)


@pytest.mark.slow
def test_two_processes_share_a_folder(tmp_path):
    code = f"""
        import sys, torch
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_sweep import DEPTHS, Watch, loads, sweep
        from idim_cli.execute import queue
        queue.WAIT_SECONDS = 0.05
        print("ready", flush=True)
        sys.stdin.readline()
        outcome = sweep(loads(DEPTHS, overrides=["sweep.seeds=4", "training.steps=50"]), {str(tmp_path)!r})
        print(len(outcome.table), outcome.failed)
    """
    both = [started(code) for _ in range(2)]
    assert [one.stdout.readline() for one in both] == ["ready\n"] * 2
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [one.communicate(timeout=120)[0] for one in both] == ["9 0\n"] * 2
    folder = tmp_path / "net"
    logs = [path.read_text() for path in (folder / results.RUNS).glob("*/log.txt")]
    assert [log.count(" done in ") for log in logs] == [1] * 9
    assert [log.count(": D = ") for log in logs] == [1] * 9
    assert pd.read_csv(folder / results.TABLE)["status"].tolist() == ["ok"] * 9


def started(code):
    """A process of its own, with the threads of this one."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    root = str(Path(idim_cli.__file__).parents[1])
    command = [sys.executable, "-c", textwrap.dedent(code)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=root, env=environment, **pipes)


def test_a_failed_run_does_not_stop_the_others(tmp_path):
    diverging = RECIPE.replace("seeds: 2", "seeds: 1, over: {training.optimizer.lr: [1.0e+30, 0.5]}")
    outcome = sweep(loads(diverging, overrides=["sweep.baseline=null", "threshold.baseline=best"]), tmp_path)
    assert list(outcome.table["status"]) == ["failed", "failed", "ok", "ok"]
    assert (outcome.ok, outcome.failed) == (2, 2)
    assert outcome.table["performance"].isna().tolist() == [True, True, False, False]
    found = {one.group["training.optimizer.lr"]: one for one in outcome.estimates}
    assert found[0.5].reading is not None
    assert "2 of its rows have a status other than ok" in found[1e30].problem
    assert outcome.problems == [f"{found[1e30].label}: {found[1e30].problem}"]
    told = json.loads((outcome.folder / results.SUMMARY).read_text())["estimates"]
    assert ["error" in one for one in told] == [True, False]


def test_a_sweep_without_an_estimate_says_why(tmp_path):
    outcome = sweep(loads(RECIPE, overrides=["sweep.baseline=null"]), tmp_path)
    assert [one.reading for one in outcome.estimates] == [None]
    assert "baseline" in outcome.problems[0]


def test_faults_come_before_anything_is_written(tmp_path):
    with pytest.raises(RecipeError, match=r"sweep\.d: d = 2,000 is more than D = 1,000"):
        sweep(loads(RECIPE, overrides=["sweep.d=[5, 2000]"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_recipe_without_a_grid_is_refused(tmp_path):
    with pytest.raises(IdimError, match=r"sweep\.d: is missing"):
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
        from idim_cli.training import session
        session.REPORT_SECONDS = session.SAVE_SECONDS = -1.0
        session.SAVE_SHARE = float("inf")
        kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
        from pathlib import Path
        sweep(loads(RECIPE), Path({str(tmp_path / "killed")!r}), watcher=Watch((3, 4), kill))
    """
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    root = str(Path(idim_cli.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=root, env={**os.environ, **threads}, timeout=120
    )
    assert done.returncode == -signal.SIGKILL
    rest = Watch()
    sweep(loads(RECIPE), tmp_path / "killed", watcher=rest)
    whole = sweep(loads(RECIPE), tmp_path / "whole")
    assert rest.counts == (5, 2)
    log = tmp_path / "killed" / "toy" / "runs" / rest.ended[0] / "log.txt"
    assert "resumes at step 3 of 30" in log.read_text()
    pd.testing.assert_frame_equal(table(tmp_path / "killed"), table(tmp_path / "whole"), check_exact=True)
    assert whole.failed == 0


def test_a_sweep_reads_its_own_plan_while_another_replaces_the_file(tmp_path):
    """Two sweeps in one folder: neither may take the other's runs for its own."""
    told: list[str] = []

    class Intruder(Watch):
        def finished(self, run, result):
            path = tmp_path / "toy" / results.PLAN
            path.write_text(results.plan_text("toy", []), encoding="utf-8")
            super().finished(run, result)

        def say(self, line):
            told.append(line)

    one = sweep(loads(RECIPE, overrides=["sweep.d=[5, 12]"]), tmp_path, watcher=Intruder())
    assert set(one.table["d"]) == {5, 12, 1000}
    assert not told
    shorter = ["sweep.d=[7, 12]", "training.steps=20"]
    other = sweep(loads(RECIPE, overrides=shorter), tmp_path, watcher=Intruder())
    assert set(other.table["d"]) == {7, 12, 1000}
    assert len(told) == 1
    assert "left out 5 finished runs of other sweeps in" in told[0]


def files(folder):
    """What the files of a results folder are about: the d of each, and how many runs."""
    plan = json.loads((folder / results.PLAN).read_text())["runs"]
    return (
        loads((folder / results.RECIPE).read_text()).recipe.sweep.d,
        sorted(set(pd.read_csv(folder / results.TABLE)["d"]) - {1000}),
        [len(plan), json.loads((folder / results.SUMMARY).read_text())["runs"]["planned"]],
    )


def test_the_files_of_two_sweeps_in_one_folder_are_those_of_the_one_that_ended_last(tmp_path):
    """A second sweep begins and ends while the first is under way."""
    found = []

    class Meanwhile(Watch):
        def finished(self, run, result):
            if not found:
                sweep(loads(RECIPE, overrides=["sweep.d=[7, 9, 11]"]), tmp_path)
            found.append(files(tmp_path / "toy"))

    sweep(loads(RECIPE), tmp_path, watcher=Meanwhile())
    assert found == [([7, 9, 11], [7, 9, 11], [7, 7])] * 5
    assert files(tmp_path / "toy") == ([5, 20], [5, 20], [5, 5])


def test_a_sweep_that_has_begun_has_no_summary_of_another(tmp_path):
    sweep(loads(RECIPE, overrides=["sweep.d=[7]"]), tmp_path)
    there = []

    class Look(Watch):
        def finished(self, run, result):
            there.append((tmp_path / "toy" / results.SUMMARY).exists())

    sweep(loads(RECIPE), tmp_path, watcher=Look())
    assert there == [False] * 4


def test_a_sweep_that_is_done_writes_nothing(tmp_path, monkeypatch):
    whole = sweep(loads(RECIPE), tmp_path)
    other = sweep(loads(RECIPE, overrides=["sweep.d=[5]"]), tmp_path)
    told = []

    def refuse(path, *content, **settings):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr("idim_cli.runs.files.write_atomic", refuse)
    assert sweep(loads(RECIPE, overrides=["sweep.d=[5]"]), tmp_path).as_dict() == other.as_dict()
    watch = Watch()
    watch.say = told.append
    assert sweep(loads(RECIPE), tmp_path, watcher=watch).as_dict() == whole.as_dict()
    assert told == [f"the tables in {tmp_path / 'toy'} are unchanged: Read-only file system"]


def test_damaged_and_edited_results_are_named_once_and_made_again(tmp_path, caplog):
    recipe = recipe_load("toy", ["name=r", "sweep.d=[2, 4]", "sweep.seeds=2", "training.steps=20"])
    first = sweep(recipe, tmp_path)
    torn, edited = (next(first.folder.glob(f"runs/*-d{d}-s0.*/result.json")) for d in (2, 4))
    whole = json.loads(edited.read_text())
    torn.write_text("{")
    edited.write_text(json.dumps({**whole, "D": 7}))
    caplog.clear()
    sweep(recipe, tmp_path)
    told = [record.getMessage() for record in caplog.records]
    assert sorted(line.partition(" ")[0] for line in told) == sorted([str(torn), str(edited)])
    assert all(line.endswith("; the run is made again") for line in told)
    assert json.loads(edited.read_text())["D"] == whole["D"]
    assert json.loads(torn.read_text())["status"] == "ok"
