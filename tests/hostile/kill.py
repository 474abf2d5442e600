"""Kills sweeps at random moments: nothing may be lost, doubled or half written.

    python tests/hostile/kill.py --kills 500 --seed 0

Each sweep is killed a few times, by SIGKILL, SIGTERM or SIGINT, in one process or several, and then ends
undisturbed: with the same results as one that never was killed. After each kill all files are whole. Progress
goes to stderr. Most sweeps are forks of this process, which has imported what takes time (--cold: none is).
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import multiprocessing
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
training: {steps: 80, evaluate_every: 20, optimizer: {name: adam, lr: 0.05}}
sweep: {d: [5, 10, 20], seeds: 2, baseline: {seeds: 2}}
"""
RUNS = 8
_ALONE, _WORKERS = ["--jobs", "1", "--pack", "1"], ["--jobs", "2", "--pack", "1"]
_WAYS = (_ALONE, _ALONE, _ALONE, _WORKERS)  # workers take long to start
_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_exit = os._exit  # which the command line forbids to foreign code
_RESULTS = "results/killed/runs/*/result.json"
_KEPT = ("run_id", "performance", "d", "epoch", "status")


class Forked:
    """A sweep in a fork of this process, in a group of its own, in the manner of `subprocess.Popen`."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.process = multiprocessing.get_context("fork").Process(target=_run, args=(folder, arguments))
        self.process.start()
        self.pid = int(self.process.pid or 0)
        with contextlib.suppress(OSError):  # the child has done so, or ended
            os.setpgid(self.pid, self.pid)

    def poll(self) -> int | None:
        """How it ended; None while it has not."""
        return self.process.exitcode

    def wait(self, seconds: float) -> int | None:
        """How it ended; None if it has not by then."""
        self.process.join(seconds)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """To the process alone."""
        os.kill(self.pid, number)


def _run(folder: Path, arguments: list[str]) -> None:
    from idim_cli.cli.start import main

    os.setpgid(0, 0)
    os.chdir(folder)
    with Path("said.txt").open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr, sys.argv = open(1, "w"), open(2, "w"), ["idim", *arguments]  # noqa: SIM115
    code: object = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        _exit(code if isinstance(code, int) else 1)


def start(folder: Path, way: list[str], warm: bool) -> Forked | subprocess.Popen[bytes]:
    """A sweep, in a process group of its own."""
    arguments = ["sweep", "r.yaml", *way, "--json", "--trust-code"]
    if warm:
        return Forked(folder, arguments)
    command = [sys.executable, "-m", "idim_cli.cli.start", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True
        )


def kill(rng: random.Random, running: Forked | subprocess.Popen[bytes], folder: Path) -> str:
    """Wait until a random number of runs has ended, and a moment more, and send a signal; how it ended."""

    def done() -> int:
        return len(list(folder.glob(_RESULTS)))

    number, before = rng.choice(_SIGNALS), done()
    until = rng.randint(min(before, RUNS - 1), RUNS - 1)
    while running.poll() is None and done() < until:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.2 if until > before else 2))  # it is a long way to the first run
    if running.poll() is not None:
        return "had ended"
    if number == signal.SIGKILL and rng.random() < 0.5:
        os.killpg(running.pid, number)  # its workers too
    else:
        running.send_signal(number)
    assert running.wait(60) is not None, "it does not end"
    return signal.Signals(number).name


def whole(folder: Path) -> int:
    """How many runs have a result; AssertionError if a file is half written, or a run is there twice."""
    results = folder / "results/killed"
    ended = [json.loads(path.read_bytes()) for path in folder.glob(_RESULTS)]
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


def finish(folder: Path, way: list[str], warm: bool = False) -> list[tuple[Any, ...]]:
    """Go on to the end; what came of each run. AssertionError for what is left half done."""
    running = start(folder, way, warm)
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


def campaign(folder: Path, kills: int, seed: int, warm: float = 0.0) -> Counter[str]:
    """So many kills, of sweeps of which a share is forked; how the processes ended."""
    rng, ended = random.Random(seed), Counter[str]()
    (folder / "r.yaml").write_text(RECIPE)
    reference = finish(folder, _WAYS[0])
    began = time.monotonic()
    shutil.rmtree(folder / "results")
    assert finish(folder, _WAYS[0], warm > 0) == reference, "a fork has other numbers"
    while sum(ended.values()) - ended["had ended"] < kills:
        shutil.rmtree(folder / "results", ignore_errors=True)
        (folder / "said.txt").unlink(missing_ok=True)
        before = 0
        for _ in range(rng.choice([1, 2, 4])):
            ended[kill(rng, start(folder, rng.choice(_WAYS), rng.random() < warm), folder)] += 1
            now = whole(folder)
            assert now >= before, "a result is lost"
            before = now
            tell(began, ended, kills, f"{now} of {RUNS} runs have ended")
        assert finish(folder, rng.choice(_WAYS), rng.random() < warm) == reference, (
            "other numbers than undisturbed"
        )
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
    parser.add_argument("--cold", action="store_true", help="start each sweep as a shell does")
    given = parser.parse_args()
    if not given.cold:
        import torch._dynamo

        import idim_cli.execute.sweep  # noqa: F401

        torch.set_num_threads(1)  # a fork has no other threads
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(campaign(Path(folder), given.kills, given.seed, 0.0 if given.cold else 0.9)))


if __name__ == "__main__":
    main()
