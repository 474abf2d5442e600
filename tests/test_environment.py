"""What this machine has, as far as it bears on how much is done at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from idim_cli.core import machine
from idim_cli.core.machine import cores


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
    assert machine._quota(tmp_path) == quota


@pytest.mark.parametrize(("quota", "expected"), [(None, None), (10_000, None), (1, 1), (0, 1)])
def test_cores_that_this_process_may_use(monkeypatch, quota, expected):
    monkeypatch.setattr(machine, "_quota", lambda: quota)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert cores() == (expected or allowed)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is not known on this system")
def test_the_most_memory_that_was_held():
    """In a process of its own: another test may have told the allocator to keep what is freed."""
    code = (
        "import torch; from idim_cli.core.machine import peak_bytes, reset_peak, resident_bytes;"
        "reset_peak();"
        "before = resident_bytes(); torch.ones(50_000_000).sum();"
        "print(peak_bytes() - before, resident_bytes() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    peak, now = map(int, done.stdout.split())
    assert peak >= 190_000_000
    assert now < 100_000_000


def test_what_is_missing_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "speed", lambda: {})
    monkeypatch.setattr(machine, "versions", lambda: {"numpy": "1", "torch": None})
    found = machine.describe(str(tmp_path / "absent"), tmp_path)
    assert found["problems"] == [
        "the package 'torch' is not installed",
        f"the folder of the data sets, {tmp_path / 'absent'}, does not exist",
    ]
    monkeypatch.setattr(machine, "versions", dict)
    assert machine.describe(str(tmp_path), tmp_path / "not" / "yet")["problems"] == []


def test_results_that_cannot_be_written_are_a_problem(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    assert machine.disk(tmp_path / "file" / "below")["writable"] is False
    assert machine.disk(tmp_path / "new")["writable"] is True
    assert not list(tmp_path.glob("[!f]*"))
    assert machine.disk(tmp_path / "new")["folder"] == str(tmp_path)


def test_extras_are_those_of_the_package(monkeypatch):
    lines = [
        "numpy>=2",
        "here>=1; extra == 'one'",
        "absent; extra == 'two'",
        "here; extra == 'two'",
        "x; extra == 'dev'",
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: lines)
    monkeypatch.setattr(machine, "_version", lambda name: None if name == "absent" else "1")
    assert machine.extras() == {"one": True, "two": False}


def test_the_speed_is_probed_for_as_long_as_asked():
    found = machine.speed(0.02)
    assert all(rate > 0 for rate in found.values())
    assert set(found) == {"matmul_gflops", "copy_gb_per_s"}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_a_folder_in_which_no_file_can_be_made():
    assert machine.disk("/proc/x")["writable"] is False
