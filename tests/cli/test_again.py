"""`next` is a whole command, quoted for the shell, that fits what was done: it is run as it is printed."""

import json
import shlex
from pathlib import Path

import pytest

from idim_cli.cli import again
from idim_cli.recipe.load import loads
from idim_cli.thresholds import Reading

RECIPE = """
dataset: toy
model: toy
task: toy
device: cpu
training: {steps: 150, evaluate_every: 50, optimizer: {name: adam, lr: 0.5}}
sweep:
  d: [5, 20]
  seeds: 1
  baseline: {set: {training.optimizer.lr: 0.05}}
"""


def printed(done):
    """The command behind `next`."""
    lines = done.stdout.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("  next ")]
    return shlex.split(lines[at + 1])


@pytest.mark.parametrize("verb", ["sweep", "threshold"])
def test_the_command_does_what_it_says_beside_what_was_done(cli, verb):
    folder = Path("with space") / "my toy"
    Path("with space").mkdir()
    Path("with space/my toy.yaml").write_text(RECIPE)
    given = ["d=[1,2]", "--seeds", "2", "training.steps=60", "--out", str(folder.parent / "out"), "--pack=1"]
    first = cli("sweep", "with space/my toy.yaml", *given, "-q")
    assert first.exit_code == 3
    words = printed(first if verb == "sweep" else cli("threshold", "with space/out/my-toy"))
    assert words[:2] == ["idim", "sweep"]
    assert "sweep.d=[1,2,3,4,6,8]" in words
    assert "sweep.d=[1,2]" not in words
    second = cli(*words[1:], "--json")
    runs = json.loads(second.stdout)["runs"]
    assert runs["planned"] == 1 + 6 * 2
    assert "5 of them done before" in second.stderr, "with the same seeds, budget, place and recipe"


def test_nothing_to_run_is_no_command(cli):
    Path("toy.yaml").write_text(RECIPE)
    done = cli("sweep", "toy.yaml", "sweep.d=[8,9,10,11]", "sweep.seeds=2", "-q")
    if "  next " not in done.stdout:
        assert "idim sweep" not in done.stdout
    table = "d,performance,direct\n5,.1,0\n9,.2,0\n1000,1,1\n"  # of others: idim cannot make more of them
    Path("theirs.csv").write_text(table)
    told = cli("threshold", "theirs.csv").stdout
    assert "  next       add larger d: 14, 18, 27, 36\n" in told
    assert "idim sweep" not in told


def test_a_folder_that_was_moved_has_words_alone(cli):
    Path("toy.yaml").write_text(RECIPE)
    cli("sweep", "toy.yaml", "sweep.d=[1,2]", "-q")
    Path("results/toy").rename("results/other")
    told = cli("threshold", "results/other").stdout
    assert "  next       add larger d: sweep.d=[1,2,3,4,6,8]" in told
    assert "idim sweep" not in told


def reading(**changes):
    known = dict.fromkeys(Reading.__dataclass_fields__)
    return Reading(**{**known, "next": "x", "next_arguments": ("sweep.seeds=6",), **changes})


def recipe(sweep):
    return loads(f"{RECIPE.partition('sweep:')[0]}\nname: x\nsweep: {sweep}").recipe


@pytest.mark.parametrize(
    ("seeds", "argument"),
    [
        ("3", "sweep.seeds=6"),
        ("[4, 7]", "sweep.seeds=[4,7,8,9,10,11]"),
        ("{projector: [0, 1, 2, 3, 4, 5]}", "sweep.seeds.projector=[0,1,2,3,4,5,6]"),
    ],
)
def test_more_seeds_are_more_of_those_that_there_are(seeds, argument):
    made = again.command(reading(), recipe(f"{{d: [5], seeds: {seeds}}}"), ["a.yaml", f"{argument[:-1]},1]"])
    assert shlex.split(made) == ["idim", "sweep", "a.yaml", argument]


@pytest.mark.parametrize(
    ("search", "found", "argument"),
    [
        ("precision: 0.3", {"value": 100, "low": 80, "high": 120, "runs": 5}, ["--precision=15%"]),
        ("precision: 0.3, max_runs: 9", {"value": 100, "low": 20, "high": 500, "runs": 9}, ["--max-runs=18"]),
        ("max_epochs: 50", {"value": 100, "low": 20, "high": 500, "runs": 5}, ["--max-epochs=100"]),
        ("max_time: 50", {"value": 100, "low": 20, "high": 500, "runs": 5}, []),
        ("max_runs: 10", {"value": None, "low": 70, "high": None, "runs": 2}, ["--max-runs=20"]),
    ],
)
def test_a_search_is_given_the_limit_that_it_came_to(search, found, argument):
    counts = {"baseline_runs": 3, "solved": 3, "unsolved": 2}
    made = again.command(
        reading(**{**counts, **found}),
        recipe(f"{{search: {{name: adaptive, {search}}}}}"),
        ["a.yaml", "--precision=30%", "--max-runs=9", "--out=here"],
    )
    words = shlex.split(made)
    assert words[3:4] == argument[:1] or not argument
    assert len({word.partition("=")[0] for word in words}) == len(words)
    assert words[-1] == "--out=here"
