"""Compiled loops: the transform at every length, parts that cover everything, threads, caches."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from scipy.linalg import hadamard as reference_hadamard

from idim_cli.projectors.kernels import loops
from idim_cli.projectors.kernels.butterflies import transform


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("bits", range(14))
def test_butterflies_equal_the_explicit_matrix(bits, kind):
    n = 1 << bits
    x = np.sin(np.arange(3.0 * n))[n : 2 * n].astype(kind)  # not aligned to a vector
    expected = reference_hadamard(n).astype(np.float64) @ x
    transform(x)
    assert np.abs(x - expected).max() <= (2e-6 if kind is np.float32 else 1e-13) * n**0.5 * 4


@pytest.mark.parametrize(("size", "count"), [(0, 1), (10, 3), (16, 16), (1000, 7)])
def test_parts_cover_everything_once(size, count):
    covered = [i for part in range(count) for i in range(*loops.bounds(size, count, part))]
    assert covered == list(range(size))


def test_how_many_parts_does_not_depend_on_threads(monkeypatch):
    counts = []
    for threads in (1, 8):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        counts.append([loops.parts(size) for size in (1, 200_000, 1_000_000, 60_000_000)])
    assert counts[0] == counts[1] == [1, 1, 4, 16]
    assert loops.parts(60_000_000, 3) == 2


def test_every_part_is_done_and_an_error_is_not_lost(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    done = torch.zeros(100)

    def loop(x: np.ndarray, part: int, first: int, last: int) -> None:
        x[first:last] += 1 // (9 - part)

    loops.in_parts(loop, 100, 9, done)
    assert done[:88].eq(0).all()
    assert done[88:].eq(1).all()
    with pytest.raises(ZeroDivisionError):
        loops.in_parts(loop, 100, 10, done)


def test_at_the_end_of_the_interpreter_it_is_done_without_threads():
    code = """
import atexit, torch
from idim_cli.projectors.tied import Tied
torch.set_num_threads(2)
P, v = Tied(600_000, 3000, 0), torch.linspace(-1, 1, 3000)
before = P.project(v)
atexit.register(lambda: print(torch.equal(P.project(v), before)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_forked_process_has_threads_of_its_own():
    assert loops._pool(2, os.getpid()) is loops._pool(2, os.getpid())
    assert loops._pool(2, os.getpid()) is not loops._pool(2, os.getpid() + 1)


def test_without_a_folder_for_machine_code_it_is_compiled_anew(monkeypatch):
    njit = numba.njit

    def refuse(**options: object) -> object:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", refuse)
    x = np.zeros(3)

    @loops.compiled
    def fill(x: np.ndarray) -> None:
        for i in range(x.size):
            x[i] = i

    fill(x)
    assert x.tolist() == [0, 1, 2]


def test_an_installation_that_cannot_be_written_to_keeps_machine_code_in_the_cache_of_the_user(tmp_path):
    package = Path(loops.__file__).parents[2]
    shutil.copytree(package, tmp_path / "idim_cli", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("projectors", "projectors/kernels"):
        (tmp_path / "idim_cli" / folder / "__pycache__").touch()  # no folder can be made in its place
    code = "from idim_cli.bench.start import compilations; print(compilations('tied'))"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA", "XDG"))}
    env |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    run = functools.partial(subprocess.run, capture_output=True, check=True, env=env, cwd=tmp_path)
    first, second = (int(run([sys.executable, "-c", code]).stdout) for _ in range(2))
    assert first > 0
    assert second == 0
    assert [*(tmp_path / "home").rglob("*.nbc")]
