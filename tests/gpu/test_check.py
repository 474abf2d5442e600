"""The script for machines with a GPU, on the CPU: its parts, its JSON file, and that it can fail."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import check
import pytest

SCRIPT = Path(check.__file__).with_name("check.sh")


def shell(tmp_path, **variables):
    env = {**os.environ, "PYTHON": sys.executable, "SMALL": "1", "DEVICE": "cpu", **variables}
    command = ["bash", str(SCRIPT), "here.json"]
    return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)


@pytest.mark.slow
def test_every_part_runs_on_the_cpu_and_is_described_in_the_script(tmp_path):
    done = shell(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "here.json").read_text())
    assert (found["schema"], found["device"], found["small"], found["ok"]) == (
        "idim/gpu-check/1", "cpu", True, True,
    )  # fmt: skip
    parts = {part["name"]: part for part in found["parts"]}
    assert [*parts] == [*check.PARTS]
    assert parts.pop("tests")["status"] == "skipped"  # none of them runs on a CPU
    assert {part["status"] for part in parts.values()} == {"ok"}
    assert all(part["figures"] and part["seconds"] > 0 for part in parts.values())
    assert [*parts["sweep"]["figures"]["packs"]] == ["1", "2", "4"]
    described = SCRIPT.read_text()
    for name in (
        *found,
        *found["machine"],
        *check.PARTS,
        *(key for p in parts.values() for key in p["figures"]),
    ):
        assert re.search(rf"^#.*\b{re.escape(name)}\b", described, re.MULTILINE), name


def test_a_device_that_is_not_there_is_an_error(tmp_path):
    done = shell(tmp_path, DEVICE="abacus")
    assert done.returncode == 2
    assert "no device 'abacus'" in done.stderr
    assert not (tmp_path / "here.json").exists()


@pytest.fixture
def main(tmp_path, monkeypatch):
    def call(**parts):
        monkeypatch.setattr(check, "DEVICE", "cpu")
        monkeypatch.setattr(check, "SMALL", True)
        monkeypatch.setattr(check, "PARTS", parts)
        # Otherwise the budget counts from the import, which other tests may have made long ago.
        monkeypatch.setattr(check, "_BEGAN", time.monotonic())
        code = check.main(tmp_path / "out.json", tmp_path)
        return code, json.loads((tmp_path / "out.json").read_text())

    return call


def test_other_bits_fail(main, monkeypatch):
    monkeypatch.setattr(check, "_same_state", lambda one, other: type(one).__name__ != "Sparse")
    code, found = main(bits=check.bits)
    assert (code, found["ok"]) == (1, False)
    (part,) = found["parts"]
    assert (part["status"], part["why"]) == ("failed", "other than on the CPU: sparse")
    assert part["figures"]["projectors"]["tied"]["state_equal"]


def test_an_error_of_a_part_does_not_end_the_others_and_late_ones_are_skipped(main, monkeypatch):
    def broken(scratch):
        raise ValueError("broken")

    def endless(scratch):
        monkeypatch.setattr(check, "BUDGET", 0.0)
        return {}

    code, found = main(first=broken, second=endless, third=endless)
    assert code == 1
    assert [part["status"] for part in found["parts"]] == ["failed", "ok", "skipped"]
    assert found["parts"][0]["why"] == "ValueError: broken"


def test_a_part_ends_when_the_budget_is_spent(main, monkeypatch):
    monkeypatch.setattr(check, "left", lambda: 0.2)
    code, found = main(endless=lambda scratch: [None for _ in iter(int, 1)])
    assert code == 1
    assert found["parts"][0]["why"].startswith("TimeoutError")
