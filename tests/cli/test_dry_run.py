"""`--dry-run`: what would be done, and that nothing is."""

import json

import pytest
import typer
from typer.testing import CliRunner

from idim_cli.cli import console, sweep, train
from idim_cli.cli.verb import verb
from idim_cli.core.errors import RecipeError
from idim_cli.core.plain_text import duration

RECIPE = """
name: toy
dataset: toy
model: toy
task: toy
device: cpu
d: 5
training: {steps: 60, evaluate_every: 20, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 20], seeds: 2, over: {projector: [tied, dense]}}
"""


@pytest.fixture
def idim(tmp_path, monkeypatch):
    """Run `idim sweep` or `idim train` on the recipe, with results in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    for name in ("IDIM_OUT", "IDIM_DEVICE", "IDIM_JOBS", "IDIM_PACK"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "toy.yaml").write_text(RECIPE)

    def run(command, *arguments):
        console.messages.cache_clear()
        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(verb(command.command))
        return CliRunner().invoke(app, ["toy.yaml", *arguments], catch_exceptions=False)

    yield run
    console.messages.cache_clear()


def test_what_is_to_be_done_and_nothing_else(idim, tmp_path):
    done = idim(sweep, "--dry-run")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["d", "runs", "done", "D", "P", "training", "time"]
    assert [line.split()[0] for line in lines[1:4]] == ["direct", "tied", "dense"]
    assert lines[2].split()[1:7] == ["5", "..", "20", "4", "0", "1,000"]
    assert lines[-2].startswith("to do: 9 of 9 runs, ")
    assert lines[-1].endswith("nothing was written")
    assert max(map(len, lines)) <= 80
    assert not (tmp_path / "results").exists()


def test_what_is_done_already(idim):
    idim(sweep, "sweep.d=[5]", "-q")
    left = json.loads(idim(sweep, "--dry-run", "--json").stdout)
    assert (left["runs"], left["done"], left["at_most"]) == (9, 5, False)
    assert [(kind["projector"], kind["d"], kind["done"]) for kind in left["kinds"]] == [
        ("identity", [], 1),
        ("tied", [5, 20], 2),
        ("dense", [5, 20], 2),
    ]
    direct, tied, dense = left["kinds"]
    assert (direct["seconds"], direct["D"]) == (None, None)
    assert (dense["D"], dense["state_bytes"]) == (1000, 4 * 20 * 1000)
    assert dense["flops"] == 2 * 60 * 4 * 20 * 1000  # two runs; the toy itself multiplies nothing
    assert left["flops"] == tied["flops"] + dense["flops"]
    idim(sweep, "-q")
    assert idim(sweep, "--dry-run").stdout.splitlines()[-1] == "all 9 runs are done; results: results/toy"


def test_a_search_has_limits_in_place_of_a_plan(idim):
    shown = idim(sweep, "--dry-run", "sweep.search={name: adaptive, max_runs: 10}", "sweep.over={}")
    lines = shown.stdout.splitlines()
    assert lines[2].split()[:4] == ["tied", "<=", "9", "0"]
    assert lines[-2].startswith("to do: at most 10 of 10 runs")
    assert lines[-3].startswith("typical: 10 runs, about ")  # 19 where the limit allows


@pytest.mark.parametrize(("precision", "runs"), [(0.2, 1 + 12), (0.1, 1 + 18), (0.05, 1 + 60)])
def test_a_search_says_what_it_usually_takes(idim, precision, runs):
    search = f"sweep.search={{name: adaptive, precision: {precision}}}"
    told = json.loads(idim(sweep, "--dry-run", "--json", search, "sweep.over={}").stdout)
    assert (told["typical_runs"], told["runs"]) == (runs, 100)
    assert 0 < told["typical_seconds"] < told["seconds"]
    grid = json.loads(idim(sweep, "--dry-run", "--json").stdout)
    assert (grid["typical_runs"], grid["typical_seconds"]) == (None, None)


def test_one_run(idim, tmp_path):
    lines = idim(train, "--dry-run").stdout.splitlines()
    assert lines[1].split()[:4] == ["tied", "5", "1", "0"]
    assert lines[-2].startswith("to do: 1 of 1 runs")
    assert not (tmp_path / "results").exists()


def test_processes_and_packs(idim):
    told = json.loads(idim(sweep, "--dry-run", "--json", "--jobs", "3", "--pack", "1").stdout)
    assert (told["workers"], {kind["pack"] for kind in told["kinds"]}) == (3, {1})


def test_faults_are_those_of_the_sweep(idim):
    with pytest.raises(RecipeError, match=r"sweep\.d: d = 2,000 is more than D"):
        idim(sweep, "--dry-run", "sweep.d=[5, 2000]")


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_number_or_auto(idim, value):
    done = idim(sweep, f"--jobs={value}")
    assert done.exit_code == 2
    assert "must be auto or a positive whole number" in " ".join(done.stderr.replace("│", " ").split())


def test_options_by_environment(idim, monkeypatch):
    monkeypatch.setenv("IDIM_JOBS", "2")
    monkeypatch.setenv("IDIM_PACK", "auto")
    assert json.loads(idim(sweep, "--dry-run", "--json").stdout)["workers"] == 2


@pytest.mark.parametrize(
    ("seconds", "words"), [(3.14, "3.1 s"), (90, "1.5 min"), (7200, "2.0 h"), (200000, "2.3 days")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words
