"""Measured steps, and the size of a pack that comes out of them."""

import pytest
import torch

from idim_cli.recipe.load import loads
from idim_cli.runs.plan import single
from idim_cli.training.batched import pack_size as packs
from idim_cli.training.batched.pack_size import packing
from idim_cli.training.prepare import Where
from idim_cli.training.probe import Probe, network_flops, probe

TEXT = """
name: net
dataset: digits
model: {name: fc, depth: 1, width: 16}
d: 30
training: {epochs: 3, batch_size: 32, evaluate_every: 2, optimizer: {name: adam, lr: 0.05}}
"""
CPU = Where(device="cpu")


def one(*overrides):
    return single(loads(TEXT, overrides=overrides).recipe)


def test_what_a_run_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = torch.get_rng_state()
    found = probe(one(), CPU)
    assert torch.equal(torch.get_rng_state(), before)
    assert list(tmp_path.iterdir()) == []
    assert found.D == 64 * 16 + 16 + 16 * 10 + 10
    assert (found.steps, found.evaluations) == (3 * 38, 2)
    # Products by layer: forward, gradients of both kernels, gradient of the hidden layer.
    first, second = 2 * 32 * 64 * 16, 2 * 32 * 16 * 10
    network = (first + second) + (first + second) + second
    assert 0 < found.seconds_per_step < found.seconds
    flops = network_flops(one(), CPU)
    assert flops.per_step == network
    assert flops.per_evaluation == pytest.approx((first + second) / 32 * 300, rel=0.01)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_of_one_step():
    found = probe(one("training.epochs=null", "training.steps=1"), CPU)
    assert (found.steps, found.evaluations) == (1, 1)
    assert found.seconds_per_step > 0


@pytest.fixture
def timed(monkeypatch):
    """Packs whose steps take what a test says; the sizes that are tried come back."""

    def times(alone, memory=0, steps=10000, **by_size):
        tried = []

        def seconds(loops):
            tried.append(len(loops))
            return by_size[f"at{len(loops)}"]

        found = Probe((10,), steps, 1, alone, 0.0, 1.0, memory)
        monkeypatch.setattr(packs, "_cache", {})
        monkeypatch.setattr(packs, "probe", lambda run, where: found)
        monkeypatch.setattr(packs, "_step_seconds", seconds)
        monkeypatch.setattr(packs, "problem", lambda run, where: None)
        monkeypatch.setattr(packs, "Loop", lambda *_: None)
        monkeypatch.setattr(packs, "free_bytes", lambda device: 1000)
        return tried

    return times


def test_packs_grow_while_that_makes_steps_faster(timed):
    tried = timed(1.0, at2=0.95, at4=0.5, at8=0.4, at16=0.38, at32=0.39)
    found = packing(one(), CPU, 1000)
    assert (found.size, tried) == (8, [2, 4, 8, 16, 32])
    assert found.seconds == pytest.approx(1 + 10000 * 0.4)
    packing(one("seeds=3"), CPU, 1000)
    assert len(tried) == 5  # a kind is measured once


def test_no_pack_where_it_is_slower(timed):
    tried = timed(1.0, at2=1.1, at4=1.2)
    assert (packing(one(), CPU, 1000).size, tried) == (1, [2, 4])


def test_no_more_than_there_are_runs_or_memory(timed):
    tried = timed(1.0, at2=0.6, at4=0.4)
    assert (packing(one(), CPU, 7).size, tried) == (4, [2, 4])
    tried = timed(1.0, memory=150, at2=0.6)
    assert (packing(one(), CPU, 64).size, tried) == (2, [2])


def test_trying_is_a_small_part_of_the_work(timed):
    # Two runs of 100 s grant 4 s, and a few steps of both take 16 s.
    tried = timed(1.0, steps=100)
    assert (packing(one(), CPU, 2).size, tried) == (1, [])


def test_what_cannot_be_batched_is_not(timed):
    tried = timed(1.0, at2=None)
    assert (packing(one(), CPU, 64).size, tried) == (1, [2])
