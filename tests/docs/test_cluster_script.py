"""The job script of docs/cluster.md on a real Slurm, where there is one."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPE = """
name: job
dataset: toy
model: toy
task: toy
training: {steps: 4000, evaluate_every: 50, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 10, 20, 40], seeds: 3, baseline: {set: {training.optimizer.lr: 0.05}}}
"""


def slurm(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def working() -> bool:
    """Whether a controller answers, and has a node for a job."""
    if shutil.which("sbatch") is None:
        return False
    return "idle" in subprocess.run(["sinfo", "-h"], capture_output=True, text=True, timeout=60).stdout


def until(true, seconds=180):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.5)


@pytest.fixture
def job(tmp_path, monkeypatch):
    """The script as it stands in the docs, with two small tasks and folders that are here, queued."""
    (script,) = re.findall(r"```sh\n(#!/bin/bash\n.*?)```", (ROOT / "docs/cluster.md").read_text(), re.DOTALL)
    for there, here in {
        "1-8": "1-2",
        "task=4": "task=1",
        "/data": "/",
        "/shared/results": str(tmp_path),
    }.items():
        assert there in script
        script = script.replace(there, here)
    (tmp_path / "job.sh").write_text(script)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    idim = tmp_path / "idim"
    idim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m idim_cli.cli.app "$@"\n')
    idim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    number = slurm("sbatch", "--parsable", "job.sh").strip()
    yield number
    subprocess.run(["scancel", number], check=False)


def states(job):
    """Of each task: its state, and how often it was queued again."""
    shown = slurm("scontrol", "show", "job", job)
    tasks, were, again = (
        re.findall(rf"{key}=(\w+)", shown) for key in ("ArrayTaskId", "JobState", "Restarts")
    )
    return {task: (state, int(n)) for task, state, n in zip(tasks, were, again, strict=True)}


@pytest.mark.skipif(not working(), reason="a Slurm with an idle node is needed")
def test_a_task_is_queued_again_alone_and_ends_well(job, tmp_path):
    until(lambda: list((tmp_path / "job" / "runs").glob("*/checkpoint.safetensors")))
    assert states(job) == {"1": ("RUNNING", 0), "2": ("RUNNING", 0)}
    # Of the last task the number is that of the array.
    slurm("scancel", "--signal=USR1", f"{job}_2")
    until(lambda: states(job)["2"] == ("PENDING", 1))
    assert states(job)["1"] == ("RUNNING", 0)
    slurm("scontrol", "update", f"jobid={job}_2", "StartTime=now")
    until(lambda: {state for state, _ in states(job).values()} == {"COMPLETED"})
    assert states(job) == {"1": ("COMPLETED", 0), "2": ("COMPLETED", 1)}
    said = [(tmp_path / f"slurm-{job}_{task}.out").read_text() for task in (1, 2)]
    assert said[1].startswith("stopped: ")
    assert [text.rstrip().endswith("/job") for text in said] == [True, True]
