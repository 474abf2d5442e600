"""The pool: real processes, that are killed, stopped and left alone by their parent."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from multiprocessing import Pipe
from pathlib import Path

import psutil
import pytest
import torch

import idim_cli
from idim_cli.core import machine
from idim_cli.core.errors import IdimError
from idim_cli.execute.base import Silent
from idim_cli.execute.inline import Inline
from idim_cli.execute.local import fork_server, worker_process
from idim_cli.execute.local import pool as pools
from idim_cli.execute.local.pool import Pool
from idim_cli.recipe.load import loads
from idim_cli.runs import results
from idim_cli.runs.plan import plan
from idim_cli.training.finished import run_folder
from idim_cli.training.prepare import Where
from idim_cli.training.stop import StoppedError

TEXT = """
name: net
dataset: digits
model: {name: fc, width: 5}
device: cpu
training: {steps: 300, evaluate_every: 4, optimizer: {name: adam, lr: 0.05}}
sweep: {d: [10, 20], seeds: 2}
"""
TIMES = ("seconds", "peak_memory_bytes", "date")
CPU = Where(device="cpu")


class Watch(Silent):
    """Acts once, when a run has made its first steps."""

    def __init__(self, act):
        self.act, self.lines = act, []

    def progress(self, run, progress):
        if progress.step and self.act:
            act, self.act = self.act, None
            act(run)


def runs(*overrides):
    return plan(loads(TEXT, overrides=overrides).recipe)


def plain(done):
    """Results without what differs from one time to the next, by run_id."""
    return {run.run_id: {k: v for k, v in result.items() if k not in TIMES} for run, result in done}


@pytest.fixture(scope="module")
def inline(tmp_path_factory):
    return plain(Inline().map(runs(), tmp_path_factory.mktemp("inline"), CPU, Silent()))


@pytest.fixture(scope="module")
def pool():
    with Pool(2, threads=torch.get_num_threads()) as pool:
        yield pool


def test_the_same_results_as_in_one_process(pool, inline, tmp_path):
    assert plain(pool.map(runs(), tmp_path, CPU, Silent())) == inline
    assert len(pool.members) == 2


def test_packs_in_each_worker(pool, inline, tmp_path):
    before = [one.process.pid for one in pool.members]
    pool.pack = 2
    try:
        packed = plain(pool.map(runs(), tmp_path, CPU, Silent()))
    finally:
        pool.pack = 1
    assert packed.keys() == inline.keys()
    for run_id, result in packed.items():
        assert result["performance"] == pytest.approx(inline[run_id]["performance"], abs=0.05)
    assert [one.process.pid for one in pool.members] == before


def test_what_another_process_holds_is_waited_for(pool, inline, tmp_path):
    some = runs()
    holder = results.sole_writer(run_folder(tmp_path, some[1]))
    holder.__enter__()

    class Holder(Silent):
        def waiting(self, runs):
            assert runs == 1
            holder.__exit__(None, None, None)

    done = list(pool.map(some, tmp_path, CPU, Holder()))
    assert done[-1][0] == some[1]
    assert plain(done) == inline


def test_kill_9_of_a_worker_costs_nothing_but_time(pool, inline, tmp_path):
    killed = []

    def kill(run):
        (worker,) = [one for one in pool.members if run.run_id in one.runs]
        killed.append(run.run_id)
        worker.process.kill()

    assert plain(pool.map(runs(), tmp_path, CPU, Watch(kill))) == inline
    log = tmp_path / "net" / "runs" / killed[0] / results.LOG
    assert log.read_text().count(": D = ") == 2


def test_a_killed_worker_is_noticed_though_its_connection_stays_open(inline, tmp_path, monkeypatch):
    held, killed, noticed = [], [], []

    def pipe():
        ours, theirs = Pipe()
        held.append(os.dup(theirs.fileno()))  # as a process that the worker has started may do
        return ours, theirs

    class Killed(Watch):
        def say(self, line):
            if "killed by SIGKILL" in line:
                noticed.append(time.monotonic())

    def kill(run):
        (worker,) = [one for one in pool.members if run.run_id in one.runs]
        worker.process.kill()
        killed.append(time.monotonic())

    monkeypatch.setattr(worker_process, "Pipe", pipe)
    with Pool(2, pack=2) as pool:
        done = plain(pool.map(runs(), tmp_path, CPU, Killed(kill)))
        for number in held:
            os.close(number)
    assert set(done) == set(inline)
    assert noticed[0] - killed[0] < 60  # without the check it would wait for ever


def test_a_signal_is_passed_on_and_the_runs_are_saved(pool, inline, tmp_path):
    began = []

    def stop(run):
        began.append(run.run_id)
        os.kill(os.getpid(), signal.SIGTERM)

    long = runs("training.steps=30000")
    with pytest.raises(StoppedError, match=r"in training; the state is saved") as stopped:
        list(pool.map(long, tmp_path, CPU, Watch(stop)))
    assert stopped.value.exit_code == 143
    assert pool.members == []
    folder = tmp_path / "net" / "runs" / began[0]
    assert "its state is saved" in (folder / results.LOG).read_text()
    assert (folder / results.CHECKPOINT).exists()


def test_a_worker_that_gets_a_signal_stops_all(pool, tmp_path):
    def stop(run):
        member = next(one for one in pool.members if run.run_id in one.runs)
        os.kill(member.process.pid, signal.SIGTERM)

    with pytest.raises(StoppedError, match=r"^1 run was in training; the state is saved") as stopped:
        list(pool.map(runs("training.steps=30000")[:1], tmp_path, CPU, Watch(stop)))
    assert stopped.value.exit_code == 143


DEADLY = """
import os, signal
from torch import nn

class Deadly(nn.Linear):
    def forward(self, x):
        if self.training:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x.flatten(1))

def deadly(classes):
    return Deadly(64, classes)
"""


def test_a_run_that_kills_its_process_fails_in_the_end(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(pools, "DEATHS", 1)
    (tmp_path / "deadly.py").write_text(DEADLY)
    some = runs(f"model={tmp_path / 'deadly.py'}:deadly")[:1]
    ((run, result),) = pool.map(some, tmp_path, CPU, Silent())
    assert (result["status"], result["again"]) == ("failed", True)
    assert result["reason"] == "its process ended 1 times before it did: killed by SIGKILL"
    assert json.loads((run_folder(tmp_path, run) / results.RESULT).read_text()) == result


def test_what_no_worker_could_do_is_raised(pool, tmp_path):
    (tmp_path / "net").write_text("a file where the results should go")
    with pytest.raises(OSError, match="net"):
        list(pool.map(runs()[:1], tmp_path, CPU, Silent()))
    assert pool.members == []


def test_workers_save_and_end_when_their_parent_is_killed(tmp_path):
    # A script without a main guard: it is not run again in the workers.
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_pool import CPU, Path, Pool, Watch, runs
        pool = Pool(1)
        def kill(run):
            print(run.run_id, pool.members[0].process.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        list(pool.map(runs("training.steps=30000")[:1], Path({str(tmp_path)!r}), CPU, Watch(kill)))
    """
    root = str(Path(idim_cli.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    run_id, number = done.stdout.split()
    until = time.monotonic() + 60
    while psutil.pid_exists(int(number)) and time.monotonic() < until:
        time.sleep(0.05)
    log = tmp_path / "net" / "runs" / run_id / results.LOG
    assert "its state is saved" in log.read_text()


def test_workers_that_cannot_start(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(
        fork_server if fork_server.usable() else worker_process, "_PROGRAM", "raise SystemExit(3)"
    )
    with Pool(2) as pool, pytest.raises(IdimError, match="cannot start: exit code 3"):
        list(pool.map(runs(), tmp_path, CPU, Silent()))


def test_seats_share_out_cores_and_gpus(monkeypatch):
    monkeypatch.setattr(worker_process, "cores", lambda: 8)
    monkeypatch.setattr(machine, "cores", lambda: 8)
    for name in ("OMP_NUM_THREADS", "IDIM_DATA_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    cpu = torch.device("cpu")
    assert [(slot.number, slot.threads) for slot in worker_process.slots(cpu, None)] == [
        (i, 1) for i in range(8)
    ]
    assert [slot.threads for slot in worker_process.slots(cpu, 3)] == [2, 2, 2]
    assert worker_process.slots(cpu, 1, threads=5)[0].environment == {
        "OMP_NUM_THREADS": "5",
        "MKL_NUM_THREADS": "5",
        "IDIM_DATA_WORKERS": "7",
    }
    assert [slot.readers for slot in worker_process.slots(cpu, 4)] == [1] * 4
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert [slot.threads for slot in worker_process.slots(cpu, 2)] == [3, 3]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    cuda = torch.device("cuda")
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in worker_process.slots(cuda, 3)] == [
        "2",
        "5",
        "2",
    ]
    assert len(worker_process.slots(cuda, None)) == 2
    assert [slot.gpu for slot in worker_process.slots(torch.device("cuda:1"), 2)] == [None, None]


@pytest.mark.parametrize("everybody", [False, True])
def test_a_notice_of_a_cluster_saves_all_and_asks_to_be_queued_again(tmp_path, everybody):
    """SIGUSR1, to the process alone or to its workers too, as a scheduler may send it to all of a job."""
    (tmp_path / "net.yaml").write_text(TEXT)
    asked = "sweep net.yaml training.steps=999999 --jobs 2 --pack 1"
    process = subprocess.Popen(
        [sys.executable, "-m", "idim_cli.cli.app", *asked.split()],
        cwd=tmp_path, start_new_session=True, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(idim_cli.__file__).parents[1])},
    )  # fmt: skip
    folder = tmp_path / "results" / "net" / "runs"
    while process.poll() is None and len(list(folder.glob(f"*/{results.METRICS}"))) < 2:
        time.sleep(0.1)
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGUSR1)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 75, said
    assert "2 runs were in training; the state is saved" in said
    assert len(list(folder.glob(f"*/{results.CHECKPOINT}"))) == 2


def loud(outputs):
    """A model of the user's, as tests/execute is on the path of workers too."""
    warnings.warn("an old net", FutureWarning, stacklevel=1)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, outputs))


def test_workers_pass_warnings_on_each_once(pool, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda *warning: shown.append(warning))
    done = pool.map(runs("model=test_pool:loud", "training.steps=2"), tmp_path, CPU, Silent())
    assert {result["status"] for _, result in done} == {"ok"}
    assert [(message, kind, Path(file).name) for message, kind, file, _ in shown] == [
        ("an old net", FutureWarning, "test_pool.py")
    ]
