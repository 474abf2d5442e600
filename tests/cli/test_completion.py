"""Completion as bash and zsh ask for it, through the protocol of the installed script."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def asked(folder, **variables):
    known = {name: value for name, value in os.environ.items() if not name.startswith("IDIM_")}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "idim_cli.cli.app"], cwd=folder, capture_output=True, text=True, timeout=60,
        env={**known, "PYTHONPATH": path, **variables},
    )  # fmt: skip


def bash(folder, line, **variables):
    """What is offered for the last word of the line; bash breaks words at = too."""
    words = line.replace("=", " = ").split(" ") if "=" in line else line.split(" ")
    words = [word for word in words[:-1] if word] + words[-1:]
    if words[-1] == "" and words[-2:-1] == ["="]:
        words.pop()
    done = asked(
        folder,
        _IDIM_COMPLETE="complete_bash",
        COMP_WORDS=" ".join(words),
        COMP_CWORD=str(len(words) - 1),
        **variables,
    )
    assert done.stderr == ""
    return [word for word in done.stdout.splitlines() if word]


@pytest.fixture
def here(tmp_path):
    """A folder with a recipe, results with a run, a table and a compressed file."""
    run = tmp_path / "results" / "toy" / "runs" / "tied-d5"
    run.mkdir(parents=True)
    for path in (run / "checkpoint.safetensors", run.parents[1] / "plan.json"):
        path.touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "mine.yaml").write_text("projector: {name: sparse}\ntraining: {epochs: 7}\n")
    (tmp_path / "own.py").write_text("raise RuntimeError\n\ndef loss(): ...\n\ndef _no(): ...\n")
    for name in ("runs.csv", "a.idim", "notes.txt", "sub/more.csv", "sub/notes.txt"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("idim sw", ["sweep"]),
        ("idim sweep q", ["quickstart"]),
        ("idim sweep mi", ["mine.yaml"]),
        ("idim recipes co", ["copy", "components"]),
        ("idim recipes show to", ["toy"]),
        ("idim sweep mine.yaml training.ep", ["training.epochs=", "training.epochs=7"]),
        ("idim sweep mine.yaml projector=t", ["tied"]),
        ("idim sweep mine.yaml training.precision=", ["float32", "bf16"]),
        ("idim sweep mine.yaml projector.", ["projector.density="]),
        ("idim sweep mine.yaml d=3 training.schedule=co", ["constant", "cosine"]),
        ("idim bench projectors --projector den", ["dense"]),
        ("idim new x --dataset mn", ["mnist"]),
        ("idim new x --model l", ["lenet"]),
        ("idim new x --task c", ["classify"]),
        ("idim new x --optimizer torch:NA", ["torch:NAdam"]),
        ("idim new x --task ./o", ["./own.py:"]),
        ("idim new x --task ./own.py:lo", ["./own.py:loss"]),
        ("idim new x --model ./s", ["./sub/"]),
        ("idim train toy --device c", ["cpu", "cuda"]),
        ("idim sweep toy --tracker ", ["mlflow", "tensorboard", "wandb"]),
        ("idim threshold results/t", ["results/toy"]),
        ("idim threshold ru", ["runs.csv"]),
        ("idim report results/t", ["results/toy"]),
        ("idim report a", ["a.idim"]),
        ("idim compress results/toy/r", ["results/toy/runs/tied-d5", "results/toy/runs/"]),
        ("idim evaluate a", ["a.idim"]),
        ("idim expand a", ["a.idim"]),
        ("idim threshold no", []),
        ("idim threshold sub", ["sub/", "sub/more.csv"]),
    ],
)
def test_bash_is_offered(here, line, expected):
    assert sorted(bash(here, line)) == sorted(expected)


def test_zsh_and_fish_complete_the_word_as_a_whole(here):
    zsh = asked(here, _IDIM_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="idim sweep mine.yaml projector=s")
    assert '"projector=sparse"' in zsh.stdout
    fish = asked(
        here, _IDIM_COMPLETE="complete_fish", _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS="idim sweep mine.yaml training.schedule=cos",
    )  # fmt: skip
    assert fish.stdout.strip() == "training.schedule=cosine"
    fish = asked(
        here, _IDIM_COMPLETE="complete_fish", _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS="idim sweep mine.yaml training.optimizer=./own.py:",
    )  # fmt: skip
    assert fish.stdout.strip() == "training.optimizer=./own.py:loss"


def test_results_are_searched_where_they_go(here):
    (here / "elsewhere" / "toy").mkdir(parents=True)
    (here / "elsewhere" / "toy" / "plan.json").touch()
    assert bash(here, "idim threshold else", IDIM_OUT="elsewhere") == ["elsewhere/toy", "elsewhere/"]


def test_a_faulty_recipe_or_none_is_no_error(here):
    (here / "bad.yaml").write_text("a:\n\tb: 1\n")
    assert bash(here, "idim sweep bad.yaml training.ep") == ["training.epochs="]
    assert bash(here, "idim sweep absent training.ep") == ["training.epochs="]


def test_every_key_of_a_recipe_is_offered(here):
    offered = bash(here, "idim sweep mine.yaml ")
    assert {"d=", "seeds=", "seeds.theta0=", "sweep.d=", "sweep.d.from=", "threshold.rule="} <= set(offered)
    assert len(offered) >= 45


def test_nothing_heavy_is_imported(here):
    code = (
        "import os, sys; sys.argv = ['idim']\n"
        "os.environ.update(_IDIM_COMPLETE='complete_bash', COMP_WORDS='idim sweep toy tr', COMP_CWORD='3')\n"
        "from idim_cli.cli import app\n"
        "try: app.main()\n"
        "finally: print(*{'torch', 'numpy', 'pandas', 'scipy'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "training.epochs=" in done.stdout
    assert done.stderr.strip() == ""


def test_the_installed_script_asks_so(here, tmp_path):
    """The function that `--install-completion` sets up, called as bash calls it."""
    script = asked(here, _IDIM_COMPLETE="source_bash").stdout
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "idim").write_text(f'#!/bin/sh\nexec {sys.executable} -m idim_cli.cli.app "$@"\n')
    (folder / "idim").chmod(0o755)
    code = f"{script}\nCOMP_WORDS=(idim sweep mine.yaml projector = t); COMP_CWORD=5\n"
    code += '_idim_completion idim; echo "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", code], cwd=here, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.strip() == "tied"
