"""Rounds take turns, and a timing is read from its samples."""

import pytest
import torch

from idim_cli.bench import timing
from idim_cli.bench.timing import Timing, interleaved

CPU = torch.device("cpu")


def test_figures_of_a_timing():
    one = Timing((4.0, 1.0, 2.0, 3.0, 5.0))
    assert (one.median, one.least, one.spread) == (3.0, 1.0, 2.0 / 3.0)


def test_repeats_take_turns_and_every_call_has_the_same_number_of_samples():
    calls = []
    found = interleaved({name: lambda name=name: calls.append(name) for name in "ABC"}, 0.0, CPU)
    rounds = timing.LEAST_ROUNDS
    assert "".join(calls).endswith("ABC" * rounds)
    assert {name: len(one.samples) for name, one in found.items()} == dict.fromkeys("ABC", rounds)


def test_a_quick_call_is_repeated_within_a_sample(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    counts = {"quick": 0, "slow": 0}

    def call(name, seconds):
        counts[name] += 1
        now[0] += seconds

    parts = {"quick": lambda: call("quick", 0.001), "slow": lambda: call("slow", 1.0)}
    found = interleaved(parts, 2.0, CPU)
    rounds = len(found["slow"].samples)
    assert rounds == 4  # two seconds for each call
    assert counts["slow"] == rounds + 1
    assert counts["quick"] >= rounds * 19
    assert found["quick"].median == pytest.approx(0.001)
    assert found["slow"].median == pytest.approx(1.0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_the_work_itself_is_timed_and_not_its_launch():
    large = torch.ones(4096, 4096, device="cuda")
    calls = {"small": lambda: large[:64, :64] @ large[:64, :64], "large": lambda: large @ large}
    found = interleaved(calls, 0.1, large.device)
    assert found["large"].least > 10 * found["small"].least
