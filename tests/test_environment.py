"""What this machine has, as far as it bears on how much is done at once."""

import os
from pathlib import Path

import pytest
import torch

from idim_cli import environment
from idim_cli.environment import cores, peak_bytes, reset_peak, resident_bytes


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "50000 100000\n"}, 0),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_a_container(tmp_path, files, quota):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert environment._quota(tmp_path) == quota


@pytest.mark.parametrize(("quota", "expected"), [(None, None), (10_000, None), (1, 1), (0, 1)])
def test_cores_that_this_process_may_use(monkeypatch, quota, expected):
    monkeypatch.setattr(environment, "_quota", lambda: quota)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert cores() == (expected or allowed)


def test_the_most_memory_that_was_held():
    reset_peak()
    before = resident_bytes()
    torch.ones(50_000_000).sum()
    if Path("/proc/self/status").exists():  # elsewhere the peak is not known
        assert peak_bytes() >= before + 190_000_000
    assert resident_bytes() < before + 200_000_000
