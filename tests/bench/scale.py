"""What large inputs cost: processor time and peak memory of whole commands, on inputs made here.

    python tests/bench/scale.py                      all cases
    python tests/bench/scale.py report-rows first    some of them; --scale 0.1 for smaller inputs

Each command is a process of its own; its children count. Compare processor time: it does not depend on what
else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

IDIM = [sys.executable, "-m", "idim_cli.cli.app"]
RECIPE = """
name: many
dataset: toy
model: toy
task: toy
device: cpu
training: {{steps: 1, evaluate_every: 1, optimizer: {{name: adam, lr: 0.5}}}}
sweep: {{d: {d}, seeds: {seeds}, baseline: {{seeds: 1, set: {{training.optimizer.lr: 0.05}}}}}}
"""


class Case(NamedTuple):
    """A command on inputs made in a folder, and what it may take: seconds of processor time, MB.

    Of the memory, torch with CUDA takes 500 MB where it is imported.
    """

    command: Callable[[Path, float], list[str]]
    seconds: float
    megabytes: float


def table(groups: int, d: int, seeds: int, direct: int = 3) -> pd.DataFrame:
    """Runs of `groups` models at so many d with so many seeds, in the columns of results.csv."""
    rng = np.random.default_rng(0)
    dims = np.unique(np.geomspace(10, 4000, d).astype(int))
    base = {"recipe": "many", "status": "ok", "dataset": "digits", "projector": "tied", "task": "classify"}
    parts = []
    for group in range(groups):
        model = {**base, "model": "fc", "model.width": group + 8, "D": 4810}
        size = len(dims) * seeds
        swept = pd.DataFrame(
            {
                **model,
                "direct": False,
                "d": np.repeat(dims, seeds),
                "seed_theta0": np.tile(np.arange(seeds), len(dims)),
                "config": f"tied-{group}",
                "baseline_config": f"direct-{group}",
                "performance": 0.97 - 0.5 / np.repeat(dims, seeds) ** 0.4 + rng.normal(0, 0.004, size),
            }
        )
        swept["seed_projector"], swept["seed_data"] = swept["seed_theta0"] + 1, swept["seed_theta0"] // 2
        own = pd.DataFrame(
            {
                **model,
                "direct": True,
                "d": 4810,
                "seed_theta0": np.arange(direct),
                "seed_data": np.arange(direct),
                "config": f"direct-{group}",
                "performance": 0.96 + rng.normal(0, 0.002, direct),
            }
        )
        parts += [own, swept]
    runs = pd.concat(parts, ignore_index=True)
    runs["projector"] = runs["projector"].where(~runs["direct"], "identity")
    runs.insert(0, "run_id", [f"run-{i}" for i in range(len(runs))])
    first = ["run_id", "recipe", "status", "direct", "dataset", "model", "projector", "task", "model.width"]
    runs = runs[[*first, *runs.columns.difference(first)]].assign(metric="accuracy", score_on="validation")
    # The keys of sweep.over stand between task and D, as `idim` writes them.
    head = [*first, "D", "d"]
    return runs[[*head, *runs.columns.difference(head)]]


def csv(folder: Path, groups: int, d: int, seeds: int) -> Path:
    """The same as a file."""
    path = folder / f"{groups}x{d}x{seeds}.csv"
    if not path.exists():
        table(groups, d, seeds).to_csv(path, index=False)
    return path


def recipe(folder: Path, d: int, seeds: int) -> Path:
    """A recipe of d * seeds + 1 runs of one step each."""
    path = folder / f"many-{d}.yaml"
    path.write_text(RECIPE.format(d=list(range(5, 5 + d)), seeds=seeds))
    return path


def finished(folder: Path, d: int, seeds: int) -> Path:
    """The recipe of a sweep whose runs all have a result.json already, below folder/out."""
    from idim_cli.execute.sweep import sweep
    from idim_cli.recipe.load import load
    from idim_cli.runs import results
    from idim_cli.runs.plan import plan

    path = recipe(folder, d, seeds)
    runs = folder / "out" / "many" / results.RUNS
    wanted = plan(load(path))
    if (runs / wanted[-1].run_id / results.RESULT).exists():
        return path
    sweep(load(recipe(folder, 1, 1)), folder / "one")
    made = {path.parent.name: json.loads(path.read_text()) for path in (folder / "one").rglob(results.RESULT)}
    direct, swept = (next(r for r in made.values() if r["direct"] is kind) for kind in (True, False))
    for run in wanted:
        seeds_of, like = run.recipe.seeds, direct if run.direct else swept
        own = {"run_id": run.run_id, "config": run.config, "d": like["D"] if run.direct else run.recipe.d}
        own |= {"seed_theta0": seeds_of.theta0, "seed_data": seeds_of.data}
        own |= {} if run.direct else {"seed_projector": seeds_of.projector}
        results.write_atomic(
            runs / run.run_id / results.RESULT, json.dumps({**like, **own}, indent=2), durable=False
        )
    return path


def _threshold(*options: str, groups: float, d: int, seeds: float) -> Callable[[Path, float], list[str]]:
    def command(folder: Path, scale: float) -> list[str]:
        few, many = max(1, round(groups * (scale if groups > 1 else 1))), seeds
        path = csv(folder, few, d, max(2, round(many * (scale if groups == 1 else 1))))
        return [*IDIM, "threshold", str(path), *options]

    return command


def _report(*options: str, groups: int, d: int, seeds: int) -> Callable[[Path, float], list[str]]:
    reads = _threshold(*options, groups=groups, d=d, seeds=seeds)

    def command(folder: Path, scale: float) -> list[str]:
        given = reads(folder, scale)
        return [*IDIM, "report", *given[4:], "--out", str(folder / "figures")]

    return command


def _resume(folder: Path, scale: float) -> list[str]:
    path = finished(folder, round(100 * scale), 100)
    return [*IDIM, "sweep", str(path), "--out", str(folder / "out"), "--jobs", "1", "-q"]


def _first(folder: Path, scale: float) -> list[str]:
    path = recipe(folder, round(100 * scale), 20)
    out = tempfile.mkdtemp(dir=folder)
    return [*IDIM, "sweep", str(path), "--out", out, "--jobs", "1", "--pack", "1", "-q"]


def _expand(folder: Path, scale: float) -> list[str]:
    """A file of about 10 kB, from a short training."""
    out, file = folder / "net", folder / "net.idim"
    if not file.exists():
        run = ["d=4000", "training.epochs=1", "model.width=200", "--out", str(out), "--json"]
        made = subprocess.run([*IDIM, "train", "quickstart", *run], capture_output=True, check=True)
        trained = json.loads(made.stdout)["folder"]
        subprocess.run([*IDIM, "compress", trained, "--out", str(file), "--lossless"], check=True)
    return [*IDIM, "expand", str(file)]


def _start(folder: Path, scale: float) -> list[str]:
    return [*IDIM, "--version"]


def _workers(jobs: int) -> Callable[[Path, float], list[str]]:
    def command(folder: Path, scale: float) -> list[str]:
        out = tempfile.mkdtemp(dir=folder)
        small = ["sweep.d=[16, 32]", "sweep.seeds=2", "sweep.baseline.seeds=1", "training.epochs=1"]
        return [*IDIM, "sweep", "quickstart", *small, "--out", out, "--jobs", str(jobs), "--pack", "1", "-q"]

    return command


CASES = {
    "start": Case(_start, 0.3, 60),
    "expand": Case(_expand, 3, 700),
    "jobs-1": Case(_workers(1), 15, 1100),
    "jobs-2": Case(_workers(2), 20, 1100),
    "threshold-rows": Case(_threshold(groups=1, d=100, seeds=1000), 10, 600),
    "curve-rows": Case(_threshold("--rule", "curve", groups=1, d=100, seeds=1000), 10, 600),
    "report-rows": Case(_report(groups=1, d=100, seeds=1000), 30, 600),
    "report-100-groups": Case(_report(groups=100, d=100, seeds=10), 30, 600),
    "threshold-groups": Case(_threshold(groups=2000, d=10, seeds=5), 20, 600),
    "report-groups": Case(_report(groups=2000, d=10, seeds=5), 60, 600),
    "resume": Case(_resume, 5, 400),
    "first": Case(_first, 60, 1100),
}


def measure(command: list[str], limit: float) -> tuple[float, float, float, int]:
    """Processor seconds with all children, seconds, peak MB of the largest process, exit code."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    # A process in between, as the peak is that of the largest child ever waited for.
    probe = (
        "import json, resource, subprocess, sys\n"
        "try: code = subprocess.run(json.loads(sys.argv[1]), stdout=subprocess.DEVNULL,"
        " stderr=subprocess.DEVNULL, timeout=float(sys.argv[2])).returncode\n"
        "except subprocess.TimeoutExpired: code = -1\n"
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    child = subprocess.run(
        [sys.executable, "-c", probe, json.dumps(command), str(limit)], capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    code, peak = map(int, child.stdout.split())
    return spent, time.monotonic() - began, peak / 1024, code


def lines(names: list[str], folder: Path, scale: float, limit: float) -> Iterator[str]:
    """One for each case."""
    yield f"{'case':18} {'cpu s':>7} {'asked':>6} {'MB':>6} {'asked':>6} {'wall s':>7}  exit"
    for name in names:
        case = CASES[name]
        spent, wall, peak, code = measure(case.command(folder, scale), limit)
        yield (
            f"{name:18} {spent:7.1f} {case.seconds:6g} {peak:6.0f} {case.megabytes:6g} {wall:7.1f}  "
            f"{'limit' if code == -1 else code}"
        )


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows, groups and runs")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which a command is ended")
    parser.add_argument("--folder", type=Path, help="for inputs, which are kept for the next call")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        for line in lines(given.cases or list(CASES), folder, given.scale, given.limit):
            print(line, flush=True)


if __name__ == "__main__":
    main()
