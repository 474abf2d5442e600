"""`next` is a whole command, quoted for the shell, that fits what was done: it is run as it is printed."""

import html
import json
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from toy_recipe import RECIPE

from idim_cli.cli import adaptive
from idim_cli.recipe.load import loads
from idim_cli.thresholds import Reading, TableOrigin
from idim_cli.thresholds.next_step import decide


def printed(done):
    """The command behind `next`."""
    lines = done.stdout.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("  next ")]
    return shlex.split(lines[at + 1])


@pytest.mark.parametrize("verb", ["sweep", "threshold"])
def test_the_command_does_what_it_says_next_to_what_was_done(cli, verb):
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
    assert "5 of them already done" in second.stderr, "with the same seeds, budget, place and recipe"


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
    known = {
        **dict.fromkeys((field.name for field in fields(Reading)), 0),
        "value": None,
        "low": None,
        "high": None,
    }
    return Reading(**{**known, "next": "x: sweep.seeds=6", "next_arguments": ("sweep.seeds=6",), **changes})


def following(sweep, words, **found):
    """What is to be run after a sweep of this kind."""
    recipe = loads(f"{RECIPE.partition('sweep:')[0]}\nname: x\nsweep: {sweep}").recipe
    then = decide(reading(**found), TableOrigin(words, recipe))
    assert (then.next == f"{then.next_words}: {then.next_command}") is bool(then.next_command)
    return then


@pytest.mark.parametrize(
    ("seeds", "argument"),
    [
        ("3", "sweep.seeds=6"),
        ("[4, 7]", "sweep.seeds=[4,7,8,9,10,11]"),
        ("{projector: [0, 1, 2, 3, 4, 5]}", "sweep.seeds.projector=[0,1,2,3,4,5,6]"),
    ],
)
def test_more_seeds_are_more_of_those_that_there_are(seeds, argument):
    then = following(f"{{d: [5], seeds: {seeds}}}", ["a.yaml", f"{argument[:-1]},1]"])
    assert shlex.split(then.next_command) == ["idim", "sweep", "a.yaml", argument]


NARROW, WIDE = {"value": 100, "low": 95, "high": 105}, {"value": 100, "low": 20, "high": 500}


@pytest.mark.parametrize(
    ("search", "found", "words", "argument"),
    [
        (
            "precision: 0.3",
            {"value": 100, "low": 80, "high": 120, "runs": 5},
            "requested precision reached (±30 %); for a narrower interval",
            ["--precision=15%"],
        ),
        (
            "precision: 0.3, max_runs: 9",
            {**WIDE, "runs": 9},
            "the search used all 9 runs; allow more",
            ["--max-runs=18"],
        ),
        (
            "max_epochs: 50",
            {**WIDE, "runs": 5},
            "the search used its 50 epochs; allow more",
            ["--max-epochs=100"],
        ),
        (
            "max_time: 50",
            {**WIDE, "runs": 5},
            "the search ended before the requested precision; continue with",
            [],
        ),
        (
            "max_runs: 10",
            {"low": 70, "runs": 2},
            "the search used all 10 runs; allow more",
            ["--max-runs=20"],
        ),
    ],
)
def test_a_search_is_given_the_limit_that_it_came_to(search, found, words, argument):
    counts = {"baseline_runs": 3, "solved": 3, "unsolved": 2}
    given = [f"sweep.search.{one}" for one in ("name=adaptive", "precision=0.3", "max_runs=9")]
    then = following(
        f"{{search: {{name: adaptive, {search}}}}}", ["a.yaml", *given, "--out=here"], **counts, **found
    )
    assert then.next_words == words
    told = shlex.split(then.next_command)
    assert told[:4] == ["idim", "sweep", "a.yaml", "--adaptive"]
    assert set(argument) <= set(told)
    assert len({word.partition("=")[0] for word in told}) == len(told), "each key once"
    assert "sweep.search" not in then.next_command


@pytest.mark.parametrize("search", ["precision: 0.1", "lr: [0.1, 0.2]"])
def test_a_search_that_has_what_was_requested_asks_for_nothing(search):
    found = NARROW if "lr" not in search else WIDE  # of rates that race, most are dropped early
    then = following(f"{{search: {{name: adaptive, {search}}}}}", ["a.yaml"], runs=5, **found)
    assert (then.next, then.next_command) == ("", "")


def test_a_finished_search_says_how_to_go_further_wherever_it_is_read(cli):
    Path("toy.yaml").write_text(RECIPE)
    done = cli("sweep", "toy.yaml", "--precision=40%", "--max-runs=9", "--out=some where", "-q")
    at_once = printed(done)
    assert at_once[:3] == ["idim", "sweep", "toy.yaml"]
    assert "--out=some where" in at_once
    told = json.loads(cli("threshold", "some where/toy", "--json").stdout)["estimates"][0]["next_command"]
    assert shlex.split(told) == printed(cli("threshold", "some where/toy"))
    reported = json.loads(cli("report", "some where/toy", "--json", "-q").stdout)["groups"][0]["reading"]
    assert reported["next_command"] == told
    (page,) = Path("some where").rglob("*report.html")
    assert told in html.unescape(re.sub(r"<[^>]*>", "", page.read_text()))  # its words may be wrapped
    summary = json.loads(Path("some where/toy/summary.json").read_text())["estimates"][0]
    assert summary["next_command"] == told
    assert printed(cli("threshold", "some where/toy/results.csv"))[:2] == ["idim", "sweep"]


def test_the_options_of_a_search_are_those_of_the_command(cli):
    given = ["--precision=30%", "--max-runs=8", "--max-epochs=900", "--max-time=240.0", "--no-early-stop"]
    words = adaptive.overrides(
        True, precision=0.3, max_runs=8, max_epochs=900, max_time=240.0, early_stop=False, lr="[0.1, 0.2]"
    )
    command = shlex.split(TableOrigin(["a.yaml", *words]).command())
    assert command[3:] == ["--adaptive", *given, "--lr=0.1,0.2"]
