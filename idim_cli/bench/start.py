"""Start-up time: seconds from a command to its first lines, compared with the import of torch alone."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

import idim_cli
from idim_cli.bench.base import BenchRow, complete
from idim_cli.bench.timing import Timing
from idim_cli.core.errors import IdimError

COLUMNS = (
    "start", "rounds", "start_s", "start_min_s", "start_spread", "cpu_s", "torch_s", "torch_spread",
    "to_torch", "compiled",
)  # fmt: skip
_TORCH = "import torch"
_SWEEP = "sweep quickstart"
#: Lines of a sweep on stderr. Before the second one the data are read, and the model makes a trial step.
MARKS = {"first line": "", "runs are planned": r"\d+ runs", "first run done": r"\[1/\d+\]"}
_LOOPS = "from idim_cli.bench.start import compilations; print(compilations())"
_SIZES = (8, 100, 5000)  # of D; longer ones take other branches of the same loops


class StartTime(NamedTuple):
    """Seconds since a process was started, and of the processor that it has used."""

    seconds: float
    cpu: float


def measure(rounds: int, say: Callable[[str], None] = lambda _: None) -> Iterator[BenchRow]:
    """A row of `COLUMNS` for each command or line, and for compiled loops in two processes.

    Each round starts every process once, and one that imports torch alone. A first round does not count: it
    reads files from the disk and writes bytecode. `cpu_s` is processor time, which other work on the machine
    changes least. The loops start with an empty cache, and `compiled` is how many the first process compiled,
    and the second.

    Args:
        rounds: that count.
        say: receives messages on progress.

    Raises:
        IdimError: one of the commands failed.
    """
    seen: dict[str, list[StartTime]] = defaultdict(list)
    # A fresh folder for each round: in a used one, a sweep would find its runs done.
    with tempfile.TemporaryDirectory(prefix="idim-bench-") as name:
        folder = Path(name)
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}" if number else "a round that does not count")
            for what, sample in _round(folder / str(number)).items():
                seen[what].append(sample)
        torch = _timing(seen[_TORCH][1:])
        yield from (complete(_row(what, samples[1:], torch), COLUMNS) for what, samples in seen.items())
        for which in ("first", "second"):
            # A cache of its own: that of the user may have the loops already.
            sample, printed = _timed(["-c", _LOOPS], {"NUMBA_CACHE_DIR": str(folder / "loops")})
            row = _row(f"loops, {which} process", [sample], torch)
            yield complete({**row, "compiled": int(printed)}, COLUMNS)


def compilations(*kinds: str) -> int:
    """Use P and P' of these kinds, or of all, at some sizes; how many loops numba compiled for that."""
    import torch
    from numba.core import event

    from idim_cli.projectors import REGISTRY
    from idim_cli.projectors.base import build
    from idim_cli.recipe.schema import Component

    with event.install_recorder("numba:compile") as recorder:
        for name in kinds or REGISTRY:
            for D in _SIZES:
                d = D if name == "identity" else max(1, D // 5)
                P = build(Component(name=name), [D], d, 0)
                P.project(torch.ones(d))
                P.adjoint(torch.ones(D))
    return sum(1 for _, one in recorder.buffer if one.is_start)


def _round(folder: Path) -> dict[str, StartTime]:
    """Each thing once."""
    commands = {
        _TORCH: ["-c", "import torch"],
        "idim --help": ["-m", "idim_cli.cli.start", "--help"],
        "import idim_cli": ["-c", "import idim_cli"],
    }
    return {what: _timed(arguments)[0] for what, arguments in commands.items()} | _marks(folder)


def _marks(folder: Path) -> dict[str, StartTime]:
    """Each of `MARKS` in a sweep, which is then stopped."""
    found, left, began = dict[str, StartTime](), dict(MARKS), time.perf_counter()
    command = ["-m", "idim_cli.cli.start", *_SWEEP.split(), "--out", str(folder)]
    with subprocess.Popen(
        [sys.executable, *command],
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        watched = psutil.Process(process.pid)
        for line in process.stderr:
            for mark in [mark for mark, pattern in left.items() if re.match(pattern, line)]:
                # Read at once, because the process keeps using processor time.
                used = watched.cpu_times()
                found[f"sweep: {mark}"] = StartTime(time.perf_counter() - began, used.user + used.system)
                del left[mark]
            if not left:
                break
        # The rest of the sweep is not timed.
        process.terminate()
        # Emptied, because a full pipe would keep the process from ending.
        process.stderr.read()
    if left:
        raise IdimError(f"idim {_SWEEP} ended before its {next(iter(left))!r}", f"run: idim {_SWEEP}")
    return found


def _timed(arguments: list[str], more: Mapping[str, str] | None = None) -> tuple[StartTime, str]:
    """What a Python process takes, and what it prints."""
    command, before, began = [sys.executable, *arguments], os.times(), time.perf_counter()
    done = subprocess.run(command, env=_environment(more), capture_output=True, text=True)
    seconds, after = time.perf_counter() - began, os.times()
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise IdimError(f"python {' '.join(arguments)} failed: {last}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return StartTime(seconds, used), done.stdout


def _environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of the processes: this package, and bytecode that is written once as in any installation."""
    path = [str(Path(idim_cli.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    known = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**known, "PYTHONPATH": os.pathsep.join(filter(None, path)), **(more or {})}


def _timing(samples: Sequence[StartTime]) -> Timing:
    return Timing(tuple(sample.seconds for sample in samples))


def _row(what: str, samples: Sequence[StartTime], torch: Timing) -> BenchRow:
    timing = _timing(samples)
    return {
        "start": what,
        "rounds": len(samples),
        "start_s": timing.median,
        "start_min_s": timing.least,
        "start_spread": timing.spread if len(samples) > 1 else 0.0,
        "cpu_s": statistics.median(sample.cpu for sample in samples),
        "torch_s": torch.median,
        "torch_spread": torch.spread if len(torch.samples) > 1 else 0.0,
        "to_torch": timing.median / torch.median,
    }
