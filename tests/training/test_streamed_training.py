"""Trainings on data that are read while they go on: the same bits whoever reads, and after a kill."""

import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from idim_cli.compression.compress import compress
from idim_cli.compression.evaluate import evaluate
from idim_cli.core.errors import DataError, RecipeError
from idim_cli.datasets.base import load
from idim_cli.datasets.split import Order
from idim_cli.execute.base import Silent
from idim_cli.execute.inline import Inline
from idim_cli.execute.local.pool import Pool
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import Component
from idim_cli.runs import checkpoint
from idim_cli.runs.plan import plan, single
from idim_cli.runs.results import row
from idim_cli.training.preflight import preflight
from idim_cli.training.prepare import Where
from idim_cli.training.probe import probe
from idim_cli.training.run import run
from idim_cli.training.stop import StoppedError

CPU = Where(device="cpu")
CODE = """
import os, random
import numpy as np
import torch
from torch.utils.data import Dataset
from idim_cli.datasets.split import Source

class Points(Dataset):
    def __init__(self, n, broken=None):
        self.targets, self.broken = [i % 2 for i in range(n)], broken
    def __len__(self):
        return len(self.targets)
    def plain(self, i):
        return torch.tensor([i % 2 - .5, (i * .37) % 1, (i * .61) % 1]), self.targets[i]
    def __getitem__(self, i):
        if i == self.broken:
            raise ValueError("a broken example")
        x, y = self.plain(i)
        return x + .3 * torch.randn(3) + .1 * random.random() + .1 * np.random.rand(), y

class Unknown(Points):
    def __init__(self, n):
        super().__init__(n)
        self.labels = self.targets
        del self.targets
    def __len__(self):
        return len(self.labels)
    def plain(self, i):
        return torch.zeros(3), self.labels[i]

def points(n=60, broken=None):
    test = Points(20)
    return Source(Points(n, broken), lambda: test, 2, Points(20))

def one():
    return Points(60)

def pair():
    return Points(60), Points(20)

def unknown():
    return Unknown(60), Unknown(20)

def wrong():
    return 3
"""
TEXT = """
name: r
dataset: {name: '%s:points'}
model: {name: fc, width: 5, depth: 1}
d: 10
device: cpu
training: {epochs: 4, batch_size: 8, optimizer: {name: adam, lr: 0.05}}
"""


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return path


@pytest.fixture
def loaded(code):
    return lambda *overrides: loads(TEXT % code, "r.yaml", overrides)


@pytest.fixture
def one(loaded):
    return lambda *overrides: single(loaded(*overrides).recipe)


def content(folder):
    """The solution and all evaluations of a run, without times."""
    tensors, metadata = checkpoint.load(folder / "checkpoint.safetensors")
    rows = [{**row, "seconds": None} for row in metadata["state"]["rows"]]
    return {name: tensor.tolist() for name, tensor in tensors.items()}, rows


def no_children():
    return multiprocessing.active_children() == []


def test_the_number_of_workers_changes_nothing(one, tmp_path):
    alone, four = one("data_workers=0"), one("data_workers=4")
    assert alone.run_id == four.run_id
    assert run(alone, tmp_path / "0")["status"] == "ok"
    run(four, tmp_path / "4")
    assert content(tmp_path / "0") == content(tmp_path / "4")
    run(one("data_workers=0", "seeds.data=1"), tmp_path / "other")
    assert content(tmp_path / "other") != content(tmp_path / "0")
    assert no_children()


@pytest.mark.parametrize("workers", [0, 2])
def test_going_on_after_a_kill_in_the_middle_of_an_epoch(one, code, tmp_path, workers):
    program = f"""
import os, signal
from pathlib import Path
from idim_cli.recipe.load import loads
from idim_cli.runs.plan import single
from idim_cli.training import session
from idim_cli.training.run import run
session.REPORT_SECONDS = session.SAVE_SECONDS = -1.0
session.SAVE_SHARE = float("inf")
def kill(progress):
    if progress.step == 12:
        os.kill(os.getpid(), signal.SIGKILL)
one = single(loads({TEXT % code!r}, "r.yaml", ["data_workers={workers}"]).recipe)
run(one, Path({str(tmp_path / "cut")!r}), on_step=kill)
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, timeout=120)
    assert ran.returncode == -signal.SIGKILL
    batch = checkpoint.load(tmp_path / "cut" / "checkpoint.safetensors")[1]["state"]["batch"]
    assert 0 < batch < 8
    run(one(f"data_workers={workers}"), tmp_path / "cut")
    run(one("data_workers=0"), tmp_path / "whole")
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_a_signal_saves_and_ends_the_workers(one, tmp_path):
    def stop(progress):
        if progress.step >= 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError):
        run(one("data_workers=2", "training.epochs=2000"), tmp_path / "cut", on_step=stop)
    assert no_children()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_meets_a_broken_example_fails_and_names_it(one, tmp_path, workers):
    result = run(one(f"data_workers={workers}", "dataset.broken=33"), tmp_path / "broken")
    assert result["status"] == "failed"
    assert "example 33: ValueError: a broken example" in result["reason"]
    assert "mine.py" in result["reason"]
    assert no_children()


def test_a_pool_reads_with_workers_of_its_own(loaded, tmp_path):
    recipe = loaded("data_workers=2", "sweep={d: [4, 10], seeds: 1}").recipe
    runs = plan(recipe)
    with Pool(2) as pool:
        pooled = {run.run_id: result for run, result in pool.map(runs, tmp_path / "pool", CPU, Silent())}
    inline = {run.run_id: result for run, result in Inline().map(runs, tmp_path / "inline", CPU, Silent())}
    times = ("seconds", "peak_memory_bytes", "date")
    assert len(pooled) == len(runs)
    for one, result in pooled.items():
        assert {k: v for k, v in result.items() if k not in times} == {
            k: v for k, v in inline[one].items() if k not in times
        }


def test_packs_leave_them_to_be_trained_alone(loaded, tmp_path):
    lines = []

    class Watch(Silent):
        def say(self, line):
            lines.append(line)

    runs = plan(loaded("sweep={d: [4, 10], seeds: 1}").recipe)
    results = [result for _, result in Inline(4).map(runs, tmp_path, CPU, Watch())]
    assert [result["status"] for result in results] == ["ok"] * 3
    assert any("not in memory" in line for line in lines)


def test_preflight_and_probe(one, loaded):
    assert preflight([one()], CPU, loaded().source) == [32]
    found = probe(one("data_workers=2"), CPU)
    assert found.steps == 4 * 8
    assert min(found.seconds_per_step, found.seconds_per_evaluation) > 0
    assert no_children()


def test_a_broken_first_batch_is_a_fault_of_the_data_set(one, loaded):
    with pytest.raises(RecipeError, match="a broken example"):
        preflight([one("dataset.broken=33", "training.batch_size=60")], CPU, loaded().source)


def test_evaluate_and_compress(one, tmp_path):
    folder = tmp_path / "runs" / "one"
    result = run(one("data_workers=2"), folder)
    for split in ("validation", "train"):
        score = evaluate(folder, split, trust_code=True)
        assert score.metrics["accuracy"] == row(result)[f"{split}_accuracy"]
    assert evaluate(folder, "test", trust_code=True).examples == 20
    file = compress(folder, trust_code=True)
    assert file is not None


def test_what_every_data_set_can_be_put_through(code):
    def data(**params):
        return load(Component(name=f"{code}:points", params=params))

    def labels(split):
        return [y for _, ys in split.batches(Order(), 8, "cpu") for y in ys.tolist()]

    usual = data()
    assert (len(usual.train), len(usual.validation), usual.shape) == (60, 20, (3,))
    held = data(validation=10)
    assert (len(held.train), len(held.validation)) == (50, 10)
    half = data(fraction=0.5)
    assert len(half.train) == 30
    mixed = data(shuffle_labels=3)
    assert labels(mixed.train) == mixed.train.targets.tolist() != labels(usual.train)
    assert sorted(labels(mixed.train)) == sorted(labels(usual.train))
    assert labels(mixed.validation) == labels(usual.validation)
    with pytest.raises(DataError, match="shuffle_pixels"):
        data(shuffle_pixels=1)


def test_datasets_without_a_source(code):
    def data(name, **params):
        return load(Component(name=f"{code}:{name}", params=params))

    assert (len(data("one").train), len(data("one").validation)) == (54, 6)
    pair = data("pair")
    assert (len(pair.train), len(pair.validation), pair.classes) == (60, 20, None)
    with pytest.raises(DataError, match="no test split"):
        pair.test()
    with pytest.raises(DataError, match="targets"):
        data("unknown", shuffle_labels=1)
    with pytest.raises(Exception, match="returned a int"):
        data("wrong")


def test_the_environment_says_how_many_workers(code, monkeypatch):
    def workers(asked=None):
        return load(Component(name=f"{code}:points"), workers=asked).train.workers

    monkeypatch.setenv("IDIM_DATA_WORKERS", "3")
    assert (workers(), workers(1)) == (3, 1)
    monkeypatch.setenv("IDIM_DATA_WORKERS", "many")
    with pytest.raises(Exception, match="IDIM_DATA_WORKERS"):
        workers()
