"""Kills sweeps at random moments: nothing may be lost, doubled or half written.

    python tests/hostile/kill.py --kills 500 --seed 0

Each sweep is killed a few times, by SIGKILL, SIGTERM or SIGINT, in one process or several, and then ends
undisturbed: with the same results as one that never was killed. After each kill all files are whole. Progress
goes to stderr.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

RECIPE = """
name: killed
dataset: toy
model: toy
task: toy
device: cpu
training: {steps: 1500, evaluate_every: 300, optimizer: {name: adam, lr: 0.05}}
sweep: {d: [5, 10, 20], seeds: 2, baseline: {seeds: 2}}
"""
RUNS = 8
_WAYS = (["--jobs", "1", "--pack", "1"], ["--jobs", "2", "--pack", "1"])
_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_KEPT = ("run_id", "performance", "d", "epoch", "status")


def start(folder: Path, way: list[str]) -> subprocess.Popen[bytes]:
    """A sweep, in a process group of its own."""
    command = [sys.executable, "-m", "idim_cli.cli.start", "sweep", "r.yaml", *way, "--json", "--trust-code"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True
        )


def kill(rng: random.Random, running: subprocess.Popen[bytes], seconds: float) -> str:
    """Wait for a random moment and send a signal; how the process ended."""
    number = rng.choice(_SIGNALS)
    time.sleep(rng.uniform(0, seconds))
    if running.poll() is not None:
        return "had ended"
    if number == signal.SIGKILL and rng.random() < 0.5:
        os.killpg(running.pid, number)  # its workers too
    else:
        running.send_signal(number)
    running.wait(60)
    return signal.Signals(number).name


def whole(folder: Path) -> int:
    """How many runs have a result; AssertionError if a file is half written, or a run is there twice."""
    results = folder / "results/killed"
    ended = [json.loads(path.read_bytes()) for path in (results / "runs").glob("*/result.json")]
    assert all(one["status"] == "ok" for one in ended), ended
    for name in ("plan.json", "summary.json"):
        if (results / name).exists():
            json.loads((results / name).read_bytes())
    if (results / "results.csv").exists():
        rows = list(csv.DictReader((results / "results.csv").read_text().splitlines()))
        names = [row["run_id"] for row in rows]
        assert len(names) == len(set(names)), "a run stands twice in results.csv"
        assert set(names) <= {one["run_id"] for one in ended}, "results.csv knows more than the runs"
    return len(ended)


def finish(folder: Path, way: list[str]) -> list[tuple[Any, ...]]:
    """Go on to the end; what came of each run. AssertionError for what is left half done."""
    running = start(folder, way)
    assert running.wait(600) in (0, 3), (folder / "said.txt").read_text()[-2000:]
    said = (folder / "said.txt").read_text()
    assert "Traceback" not in said, said[-4000:]
    assert whole(folder) == RUNS
    results = folder / "results/killed"
    left = list((results / "runs").rglob(".*.tmp"))
    assert not left, f"temporary files are left: {left}"
    rows = list(csv.DictReader((results / "results.csv").read_text().splitlines()))
    assert len(rows) == RUNS, f"{len(rows)} rows"
    return sorted(tuple(row[key] for key in _KEPT) for row in rows)


def campaign(folder: Path, kills: int, seed: int) -> Counter[str]:
    """So many kills; how the processes ended."""
    rng, ended = random.Random(seed), Counter[str]()
    (folder / "r.yaml").write_text(RECIPE)
    began = time.monotonic()
    reference = finish(folder, _WAYS[0])
    seconds = 1.2 * (time.monotonic() - began)
    print(f"undisturbed: {seconds / 1.2:.1f} s", file=sys.stderr, flush=True)
    while sum(ended.values()) - ended["had ended"] < kills:
        shutil.rmtree(folder / "results", ignore_errors=True)
        (folder / "said.txt").unlink(missing_ok=True)
        before = 0
        for _ in range(rng.choice([1, 2, 4])):
            ended[kill(rng, start(folder, rng.choice(_WAYS)), seconds)] += 1
            now = whole(folder)
            assert now >= before, "a result is lost"
            before = now
            tell(began, ended, kills, f"{now} of {RUNS} runs have ended")
        assert finish(folder, rng.choice(_WAYS)) == reference, "other numbers than undisturbed"
        tell(began, ended, kills, "finished with the same numbers")
    return ended


def tell(began: float, ended: Counter[str], kills: int, what: str) -> None:
    """A line on stderr, so that a long campaign can be followed."""
    done = sum(ended.values()) - ended["had ended"]
    print(f"{time.monotonic() - began:6.0f} s  {done} of {kills} kills: {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Print how many kills of each kind were survived, as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(campaign(Path(folder), given.kills, given.seed)))


if __name__ == "__main__":
    main()
