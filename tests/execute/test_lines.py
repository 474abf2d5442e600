"""Progress of a sweep that is called from Python."""

import sys

import pytest

from idim_cli.execute.base import Silent
from idim_cli.execute.progress_lines import ProgressLines, usual
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import loads

RECIPE = """
dataset: toy
model: toy
task: toy
device: cpu
training: {steps: 5, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 20], seeds: 1}
"""


@pytest.mark.parametrize(("terminal", "watcher"), [(True, ProgressLines), (False, Silent)])
def test_where_somebody_reads_along(monkeypatch, terminal, watcher):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert type(usual()) is watcher
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert type(usual()) is ProgressLines


def test_one_line_a_run_on_stderr(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    sweep(loads(RECIPE, "toy.yaml"), tmp_path)
    told = capsys.readouterr()
    assert told.out == ""
    lines = [line for line in told.err.splitlines() if line.startswith("[")]
    assert [line.partition(" ")[0] for line in lines] == ["[1/3]", "[2/3]", "[3/3]"]
    assert lines[-1].split()[1] == "tied-d20-s0.0.0"
    sweep(loads(RECIPE, "toy.yaml"), tmp_path / "quiet", watcher=Silent())
    assert capsys.readouterr().err == ""
