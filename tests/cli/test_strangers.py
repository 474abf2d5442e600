"""No file runs code that it names unless this user made it, or says --trust-code: every way is listed."""

import html
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import idim_cli
from idim_cli.compression.format import container
from idim_cli.core import tensor_digest
from idim_cli.core.errors import IdimError
from idim_cli.recipe import trust
from idim_cli.recipe.schema import COMPONENTS, TRACKERS, Recipe
from idim_cli.reports.page import reproduce
from idim_cli.runs import checkpoint, origin
from idim_cli.runs.results import CHECKPOINT
from idim_cli.thresholds import read_runs, table_origin

#: Code that leaves a trace where it ran, as a component.
HARM = {"name": "os:system", "command": "touch ran"}
PLAIN = {
    "dataset": "digits",
    "model": {"name": "fc", "depth": 1, "width": 4},
    "d": 3,
    "training": {"epochs": 1},
    "sweep": {"d": [2, 3], "seeds": 1},
}
#: Every place of a recipe that holds, or would set, a component, with code in it.
PLACES = {
    "dataset": {"dataset": HARM},
    "model": {"model": HARM},
    "model.inner": {"model": {**PLAIN["model"], "inner": HARM}},
    "task": {"task": HARM},
    "task.loss": {"task": {"name": "loss", "loss": "os:abort"}},
    "task.score": {"task": {"name": "loss", "loss": "./none.py:loss", "score": "os:abort"}},
    "task.loss over": {
        "task": {"name": "loss", "loss": "./none.py:loss"},
        "sweep": {"d": [2], "over": {"task.loss": ["os:abort"]}},
    },
    "projector": {"projector": HARM},
    "projector.inner": {"projector": {"name": "layerwise", "inner": HARM}},
    "method": {"method": HARM},
    "training.optimizer": {"training": {"epochs": 1, "optimizer": HARM}},
    "training.schedule": {"training": {"epochs": 1, "schedule": HARM}},
    "sweep.search": {"sweep": {"search": HARM}},
    "trackers": {"trackers": [HARM]},
    "over projector": {"sweep": {"d": [2], "over": {"projector": ["tied", HARM]}}},
    "over inner": {"projector": "layerwise", "sweep": {"d": [2], "over": {"projector.inner": [HARM]}}},
    "over training": {"sweep": {"d": [2], "over": {"training": [{"epochs": 1, "optimizer": HARM}]}}},
    "over optimizer": {"sweep": {"d": [2], "over": {"training.optimizer": [HARM, "adam"]}}},
    "over schedule": {"sweep": {"d": [2], "over": {"training.schedule.name": ["linear", "os:abort"]}}},
    "baseline optimizer": {"sweep": {"d": [2], "baseline": {"set": {"training.optimizer": HARM}}}},
    "over model": {"sweep": {"d": [2], "over": {"model": ["fc", HARM]}}},
    "over labels": {"sweep": {"d": [2], "over": {"model": {"small": "fc", "evil": HARM}}}},
    "over name": {"model": {"name": "fc"}, "sweep": {"d": [2], "over": {"model.name": ["fc", "os:abort"]}}},
    "over dataset": {"sweep": {"d": [2], "over": {"dataset": [HARM]}}},
    "baseline": {"sweep": {"d": [2], "baseline": {"set": {"model": HARM}}}},
    "hf": {"dataset": {"name": "hf", "path": ".", "train_split": "evil.py"}},
    "start": {"start": "os:system"},
    "published": {"published": "os:system"},
    "data_root": {"data_root": "os:system", "dataset": "mnist"},
}
#: A script that leaves a trace if it is run, or if an annotation in it is evaluated.
EVIL = """
from typing import Annotated
open('ran', 'w')

def network(
    shape,
    *,
    one: open('ran', 'w') = 1,
    two: "open('ran', 'w')" = 2,
    three: list["open('ran', 'w')"] = (),
    four: Annotated[int, open('ran', 'w')] = 4,
    five: Literal[open('ran', 'w')] = 5,
    six: int | [open('ran', 'w')] = open('ran', 'w'),
): ...
"""
#: All that takes a recipe.
WAYS = {
    "train": lambda cli: cli("train", "r.yaml"),
    "train --dry-run": lambda cli: cli("train", "r.yaml", "--dry-run"),
    "sweep": lambda cli: cli("sweep", "r.yaml", "--jobs", "1"),
    "sweep --dry-run": lambda cli: cli("sweep", "r.yaml", "--dry-run"),
    "bench step": lambda cli: cli("bench", "step", "--recipe", "r.yaml", "--seconds", "0.01", "--d", "2"),
    "bench pack": lambda cli: cli("bench", "pack", "--recipe", "r.yaml", "--seconds", "0.01", "--runs", "1"),
    "idim_cli.train": lambda cli: idim_cli.train("r.yaml"),
    "idim_cli.sweep": lambda cli: idim_cli.sweep("r.yaml"),
}


@pytest.fixture
def here(tmp_path, tmp_path_factory, monkeypatch):
    """A folder of a user who allowed nothing yet, with a script that leaves a trace if it is run."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text(EVIL)
    yield tmp_path
    assert not (tmp_path / "ran").exists(), "code was run"


def write(changes, path="r.yaml"):
    with open(path, "w") as file:
        file.write(yaml.safe_dump({**PLAIN, **changes}))


def is_open(place):
    """Whether code may stand there at all, so that --trust-code is what it lacks."""
    inside = {TRACKERS, "projector.inner", "task.loss", "task.loss over", "task.score"}
    return place in {".".join(path) for path in COMPONENTS} | inside or swept_by(place)


def swept_by(place):
    """Whether only a sweep makes use of what stands there."""
    return place.startswith(("over", "baseline", "sweep"))


def test_every_place_of_a_recipe_is_listed():
    keys = {".".join(path) for path in COMPONENTS} | {TRACKERS}
    assert keys <= PLACES.keys()
    assert {"start", "published", "data_root"} <= Recipe.model_fields.keys()


@pytest.mark.parametrize("place", PLACES)
def test_a_recipe_runs_no_code_of_somebody_else(cli, here, place):
    write(PLACES[place])
    with pytest.raises(IdimError) as caught:
        cli("sweep", "r.yaml", "--dry-run")
    if is_open(place):
        assert "code that you did not make" in str(caught.value)
        assert "os:" in str(caught.value)
        assert "r.yaml:" in str(caught.value)
        assert "--trust-code" in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", [place for place in PLACES if is_open(place)])
def test_nothing_that_takes_a_recipe_runs_it(cli, here, way, place):
    write(PLACES[place])
    if "train" in way and swept_by(place):
        WAYS[way](cli)  # it makes no use of the sweep
        return
    # A file that does not exist has no code to be trusted: it is named as missing.
    with pytest.raises(IdimError, match=r"code that you did not make|no file 'none\.py'"):
        WAYS[way](cli)


def test_check_lists_what_would_run(cli, here):
    (here / "mine.py").write_text("def data(): ...\n")
    write({"model": HARM, "dataset": "./mine.py:data"})
    said = cli("recipes", "check", "r.yaml").stdout
    assert "runs dataset ./mine.py:data\n" in said
    assert 'model os:system {"command": "touch ran"}, which you did not make: needs --trust-code' in said
    codes = json.loads(cli("recipes", "check", "r.yaml", "--json").stdout)["files"][0]["code"]
    assert [(one["name"], one["allowed"]) for one in codes] == [
        ("./mine.py:data", True),
        ("os:system", False),
    ]
    assert codes[1]["params"] == {"command": "touch ran"}


def results_of(recipe):
    """A results folder as a stranger may send it: a plan that has not ended, and its recipe."""
    os.makedirs("results/r/runs/x")
    write({"name": "r", **recipe}, "results/r/recipe.yaml")
    with open("results/r/plan.json", "w") as file:
        runs = [{"run_id": name, "over": {}, "baseline_config": None} for name in "xy"]
        json.dump({"recipe": "r", "runs": runs}, file)
    result = {"run_id": "x", "status": "ok", "d": 3, "D": 9, "performance": 0.5, "direct": False}
    with open("results/r/runs/x/result.json", "w") as file:
        json.dump({**result, "projector": "tied"}, file)


def test_threshold_and_report_say_what_a_command_would_run(cli, here):
    results_of({"model": HARM})
    strange = 'code that you did not make, or that changed since: model os:system {"command": "touch ran"}'
    origin = table_origin("results/r", read_runs("results/r"))
    assert strange in origin.warning
    assert f"  # it names {strange}" in origin.command(["sweep.seeds=5"])
    line = reproduce._training(SimpleNamespace(path=Path("results/r"), folders={}, lone=False))
    assert line.startswith("idim sweep results/r/recipe.yaml")
    assert f"  # it names {strange}" in line
    cli("report", "results/r")
    (place,) = here.rglob("*report.html")
    page = place.read_text()
    said = "# it names code that you did not make, or that changed since: model os:system"
    assert said in html.unescape(page)
    with pytest.raises(IdimError):
        cli("threshold", "results/r")  # of one run there is no reading; and nothing was run
    write({"name": "r"}, "results/r/recipe.yaml")
    assert "1 of 2 planned runs are done" in table_origin("results/r", read_runs("results/r")).warning
    assert "code" not in table_origin("results/r", read_runs("results/r")).warning
    assert "#" not in table_origin("results/r", read_runs("results/r")).command(["sweep.seeds=5"])


def planted(folder, component, kind="model", **extra):
    """A checkpoint that names code, with what a stranger can put into it."""
    import torch
    from safetensors.torch import save

    recipe = {"name": "r", "dataset": "digits", "model": "fc", "d": 3, "training": {"epochs": 1}}
    said = {"recipe": {**recipe, kind: component}, "D": 9, "d": 3, "shape": [1], "classes": 2, **extra}
    text = {key: json.dumps(value) for key, value in said.items()}
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {"coords": torch.zeros(3)}
    checksum = tensor_digest.of(tensors, text)  # which a stranger can put there too
    data = save(tensors, {"format": checkpoint.FORMAT, "checksum": checksum, **text})
    (folder / CHECKPOINT).write_bytes(data)
    return folder / CHECKPOINT


@pytest.mark.parametrize("kind", origin.NEEDED)
@pytest.mark.parametrize("extra", [{}, {"mark": ""}, {"mark": "0" * 64}, {"mark": None}])
def test_a_checkpoint_runs_no_code_of_somebody_else(cli, here, kind, extra):
    path = planted(here / "run", HARM, kind, **extra)
    path.rename(here / "solution.idim")
    for name in ("solution.idim", "run", "run/" + CHECKPOINT):
        if name == "run":
            planted(here / "run", HARM, kind, **extra)
        for verb in ("evaluate", "compress"):
            with pytest.raises(IdimError, match=r"code that you did not make, .*: .* os:system"):
                cli(verb, name, *(["--out", "out.idim"] if verb == "compress" else []))
        for call in (idim_cli.evaluate, lambda path: idim_cli.compress(path, "out.idim")):
            with pytest.raises(IdimError, match="code that you did not make"):
                call(name)


def test_trusted_code_is_shown_before_it_runs(cli, here, caplog):
    path = planted(here / "run", {"name": "os:getcwdb", "odd": "\x1b[31m"})
    with pytest.raises(IdimError, match="getcwdb"):  # which takes no parameters
        cli("evaluate", str(path), "--trust-code")
    assert 'runs code named by the checkpoint: model os:getcwdb {"odd": "\\u001b[31m"}' in caplog.text


OWN = """
from torch import nn

def network(shape, classes, width=4):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, classes))
"""


@pytest.fixture
def mine(here):
    """A recipe and code that the user wrote side by side."""
    (here / "mine.py").write_text(OWN)
    write({"model": {"name": "./mine.py:network", "width": 3}})
    return here


def test_ones_own_work_needs_no_word(cli, mine):
    assert cli("train", "r.yaml", "-q").exit_code == 0
    (run,) = (mine / "results/r/runs").iterdir()
    assert cli("evaluate", str(run)).exit_code == 0
    assert cli("compress", str(run), "--lossless").exit_code == 0
    assert cli("train", str(run / "run.yaml"), "--out", "again").exit_code == 0  # signed by idim
    with pytest.raises(IdimError, match="code that you did not make"):  # a file of few bytes holds no mark
        cli("evaluate", str(run / "checkpoint.idim"))
    assert cli("evaluate", str(run / "checkpoint.idim"), "--trust-code").exit_code == 0
    with pytest.raises(IdimError, match="code that you did not make"):
        cli("expand", str(run / "checkpoint.idim"))


def test_a_run_of_ones_own_next_to_other_code_is_of_somebody_else(cli, mine):
    # A published run with its mark, sent back beside another file of the same name.
    cli("train", "r.yaml", "-q")
    (run,) = (mine / "results/r/runs").iterdir()
    (mine / "mine.py").write_text(OWN + "open('ran', 'w')\n")
    for arguments in (["evaluate", str(run)], ["train", str(run / "run.yaml"), "--out", "again"]):
        with pytest.raises(IdimError, match=r"code that you did not make|has changed since"):
            cli(*arguments)


def test_a_mark_is_of_the_parameters_too(cli, mine):
    cli("train", "r.yaml", "-q")
    (run,) = (mine / "results/r/runs").iterdir()
    text = (run / "run.yaml").read_text()
    assert text.count("width: 3") == 1
    (run / "run.yaml").write_text(text.replace("width: 3", "width: 5"))
    with pytest.raises(IdimError, match="code that you did not make"):
        cli("train", str(run / "run.yaml"), "--out", "again")


def test_trust_in_a_recipe_is_remembered_for_its_code_and_parameters(cli, mine):
    (mine / "recipes").mkdir()
    (mine / "r.yaml").rename(mine / "recipes/r.yaml")  # so that its code does not lie beside it
    with pytest.raises(IdimError, match="code that you did not make"):
        cli("train", "recipes/r.yaml")
    assert cli("train", "recipes/r.yaml", "--trust-code", "-q").exit_code == 0
    assert cli("train", "recipes/r.yaml", "training.epochs=2", "-q").exit_code == 0
    text = (mine / "recipes/r.yaml").read_text()
    (mine / "recipes/r.yaml").write_text(text.replace("width: 3", "width: 5"))
    with pytest.raises(IdimError, match="code that you did not make"):
        cli("train", "recipes/r.yaml")
    (mine / "recipes/r.yaml").write_text(text)
    (mine / "mine.py").write_text(OWN + "open('ran', 'w')\n")
    with pytest.raises(IdimError, match="code that you did not make"):
        cli("train", "recipes/r.yaml")


def test_what_is_typed_is_trusted(cli, mine):
    (mine / "elsewhere").mkdir()
    (mine / "mine.py").rename(mine / "elsewhere/mine.py")
    write({})
    assert cli("train", "r.yaml", "model=elsewhere/mine.py:network", "-q").exit_code == 0
    write({"model": HARM})  # and what it replaces is not run
    assert cli("train", "r.yaml", "model=elsewhere/mine.py:network", "-q").exit_code == 0
    with pytest.raises(IdimError, match="code that you did not make"):
        cli("train", "r.yaml", "model.extra=1")


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("open_one", ["r.yaml", "mine.py", "."])
def test_a_file_that_others_may_write_is_not_ones_own(mine, open_one):
    loaded = idim_cli.load_recipe("r.yaml")
    assert trust.untrusted(loaded) == []
    mode = os.stat(open_one).st_mode
    os.chmod(open_one, mode | 0o002)
    assert [one.name for one in trust.untrusted(loaded)] == ["./mine.py:network"]
    os.chmod(open_one, mode)


@pytest.mark.skipif(os.name != "posix", reason="owners are those of POSIX")
def test_a_file_of_another_user_is_not_ones_own(mine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert trust.untrusted(idim_cli.load_recipe("r.yaml"))


def test_installed_code_is_not_next_to_a_recipe(here):
    site = here / "venv/lib/python3/site-packages"
    site.mkdir(parents=True)
    (site / "evil.py").write_text("open('ran', 'w')\n")
    for name in ("os:system", "subprocess:run", "torch.hub:load", "builtins:exec", "__main__:x", "no.such:x"):
        write({"model": name})
        assert trust.untrusted(idim_cli.load_recipe("r.yaml")), name


def test_a_golden_file_names_no_code():
    golden = Path(__file__).parents[1] / "codec/golden"
    content = container.unpack(sorted(golden.glob("mnist-*.idim"))[0].read_bytes())
    assert trust.of_components({"model": content.spec.model, "dataset": content.spec.dataset}) == []
