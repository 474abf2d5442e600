"""What is imported when: nothing heavy before the first line is out, or where nothing is trained."""

import os
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "scipy",
    "pandas",
    "numba",
    "torchvision",
    "sklearn.base",
    "matplotlib",
    "sympy",
    "torch._dynamo",
    "numpy",
    "rich",
)
#: Tells on stderr when each of these is imported first.
PROGRAM = f"""
import sys
class Told:
    def find_spec(self, name, path=None, target=None):
        if name in {HEAVY!r}:
            print("imports", name, file=sys.stderr, flush=True)
sys.meta_path.insert(0, Told())
sys.argv = ["idim", *sys.argv[1:]]
from idim_cli.cli.start import main
main()
"""
SMALL = ["sweep.d=[16, 32]", "sweep.seeds=1", "sweep.baseline.seeds=1", "training.epochs=1"]


def idim(*args, cwd, **more):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *args], capture_output=True, text=True, cwd=cwd, env=env, timeout=120
    )
    return done.stdout, done.stderr.splitlines()


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["recipes", "check", "quickstart"]])
def test_nothing_heavy_is_imported(tmp_path, args):
    out, lines = idim(*args, cwd=tmp_path)
    assert out
    drawn = {"imports rich"} if args == ["--help"] else set()  # Typer draws the help with it
    assert {line for line in lines if line.startswith("imports")} == drawn


def test_the_first_line_of_a_sweep_is_out_before_torch_is_imported_and_a_finished_one_needs_none(tmp_path):
    out, lines = idim("sweep", "quickstart", *SMALL, "--jobs", "1", cwd=tmp_path)
    first = next(line for line in lines if not line.startswith("imports"))
    assert first == "quickstart: 3 runs; loading torch ..."
    assert "imports torch" in lines
    assert lines.index(first) == 0  # nothing heavy is imported before
    again, lines = idim("sweep", "quickstart", *SMALL, "--jobs", "1", cwd=tmp_path)
    assert again == out
    assert not {"imports torch", "imports numba", "imports torchvision"} & set(lines)


def test_a_sweep_on_the_cpu_imports_no_compiler_of_torch_and_no_scikit_learn(tmp_path):
    _, lines = idim("sweep", "quickstart", *SMALL, "--jobs", "1", cwd=tmp_path)
    assert not {"imports torch._dynamo", "imports sklearn.base"} & {*lines}
    done = next(at for at, line in enumerate(lines) if line.startswith("[1/3]"))
    assert "imports pandas" not in lines[:done]
    assert "imports pandas" in lines  # it would be seen


def test_the_first_line_of_a_search_and_of_a_run_too(tmp_path):
    for verb, told in (
        ("sweep", "quickstart: a search; loading torch ..."),
        ("train", "quickstart: 1 run; loading torch ..."),
    ):
        more = ["--adaptive", "sweep.search.max_runs=2"] if verb == "sweep" else []
        _, lines = idim(verb, "quickstart", "training.epochs=1", *more, cwd=tmp_path)
        assert lines[0] == told


def test_on_a_terminal_rich_alone_comes_before_the_first_line(tmp_path):
    _, lines = idim("sweep", "quickstart", *SMALL, "--jobs", "1", cwd=tmp_path, FORCE_COLOR="1", TERM="xterm")
    first = next(at for at, line in enumerate(lines) if "loading torch" in line)
    assert [line for line in lines[:first] if "imports" in line] == ["imports rich"]
    assert any("imports numpy" in line for line in lines[first:])


def test_growing_a_network_needs_neither_numba_nor_a_compiler(tmp_path):
    idim("train", "quickstart", "training.epochs=1", "--out", "results", cwd=tmp_path)
    (run,) = (tmp_path / "results/quickstart/runs").iterdir()
    idim("compress", str(run), "--lossless", "--out", "net.idim", cwd=tmp_path)
    out, lines = idim("expand", "net.idim", cwd=tmp_path)
    assert "net.state.safetensors" in out
    assert {line for line in lines if line.startswith("imports")} == {"imports torch", "imports numpy"}
