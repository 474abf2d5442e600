"""Short forms of recipe keys on the command line, and what `d=5` means in a sweep."""

import json

import pytest

from idim_cli.core.errors import RecipeError


def kinds(done):
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    return [(kind["d"], kind["runs"]) for kind in told["kinds"] if kind["projector"] != "identity"]


@pytest.mark.parametrize(
    ("words", "d", "runs", "said"),
    [
        (["d=5", "seeds=2"], [5], 2, ["reads d=5 as sweep.d=[5]", "reads seeds=2 as sweep.seeds=2"]),
        (["d=[5, 6]", "sweep.seeds=1"], [5, 6], 2, ["reads d=[5, 6] as sweep.d=[5, 6]"]),
        (["--d", "5,6", "--seeds", "3"], [5, 6], 6, []),
        (["--d", "7", "--seeds", "3,4"], [7], 2, []),
    ],
)
def test_a_sweep_takes_them_for_its_own_and_says_so(cli, words, d, runs, said):
    done = cli("sweep", "toy", *words, "--epochs", "1", "--dry-run", "--json")
    assert kinds(done) == [(d, runs)]
    notes = [line.partition("sweep` ")[2] for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert notes == said


def test_train_takes_one_of_each(cli):
    told = json.loads(cli("train", "toy", "--d", "7", "--seeds", "3", "--epochs", "2", "--json").stdout)
    seeds = {told[f"seed_{name}"] for name in ("theta0", "projector", "data")}
    assert (told["d"], told["epochs"], seeds) == (7, 2, {3})


@pytest.mark.parametrize("value", ["x", "1,,2", "1.5", "-3"])
def test_what_is_no_number_is_refused(cli, value):
    done = cli("sweep", "toy", f"--d={value}")
    assert done.exit_code == 2
    assert "must be whole numbers" in " ".join(done.stderr.replace("│", " ").split())
    with pytest.raises(RecipeError, match=r"sweep\.d"):
        cli("sweep", "toy", "d=x")


def test_a_search_says_what_it_does_not_use(cli):
    done = cli("sweep", "toy", "--adaptive", "d=5", "--seeds", "2", "--dry-run")
    assert "sweep.d=[5], sweep.seeds=2 is ignored: the search adaptive" in done.stderr
    assert "not used" not in cli("sweep", "toy", "--adaptive", "--dry-run").stderr
