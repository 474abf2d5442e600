"""The Python API: every name is there, light to import, and does the main job without the command line."""

import inspect
import re
from pathlib import Path

import pytest
from torch.nn import Linear

import idim_cli
from idim_cli.core.errors import IdimError

ROOT = Path(__file__).parents[1]


def test_every_name_can_be_had():
    assert set(idim_cli.__all__) == set(idim_cli._HOMES)
    assert len(idim_cli.__all__) >= 15
    for name in idim_cli.__all__:
        assert (getattr(idim_cli, name).__doc__ or "").strip(), name


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(idim_cli, "nothing_of_the_kind")


VERBS = ("train", "sweep", "threshold", "compress", "expand", "evaluate", "report")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_typed_and_the_command_line_uses_it(verb):
    function = getattr(idim_cli, verb)
    signature = inspect.signature(function)
    assert all(p.annotation is not p.empty for p in signature.parameters.values())
    assert signature.return_annotation is not signature.empty
    command = (ROOT / "idim_cli" / "cli" / f"{verb}.py").read_text(encoding="utf-8")
    home = idim_cli._HOMES[verb].partition(":")[0]
    assert home in command or f"from {home.rpartition('.')[0]} import {home.rpartition('.')[2]}" in command
    assert re.search(rf"\b{verb}\(|\bwrite\(", command)


def test_the_main_job(tmp_path):
    short = ["sweep.d=[20, 200]", "sweep.seeds=2", "training.epochs=3"]
    outcome = idim_cli.sweep(idim_cli.load_recipe("quickstart", short), tmp_path)
    assert outcome.ok == len(outcome.table) == 8
    one, *more = idim_cli.threshold(outcome.folder)
    assert not more
    assert one.reading.d_values == (20, 200)
    assert one.reading == outcome.estimates[0].reading


def test_a_recipe_may_be_named(tmp_path):
    text = idim_cli.load_recipe("quickstart", "training.epochs=1").source
    assert text
    with pytest.raises(IdimError, match="no recipe"):
        idim_cli.sweep("nothing_of_the_kind", tmp_path)
    with pytest.raises(IdimError, match="no recipe"):
        idim_cli.train("nothing_of_the_kind", tmp_path)


def test_a_reading_goes_by_the_recipe_of_its_folder_unless_told(tmp_path):
    short = ["sweep.d=[20, 200]", "sweep.seeds=2", "training.epochs=3", "threshold.rule=first"]
    folder = idim_cli.sweep(idim_cli.load_recipe("quickstart", short), tmp_path).folder
    rules = {
        "recipe": idim_cli.threshold(str(folder)),
        "changed": idim_cli.threshold(folder, rule="interpolate", fraction=None),
        "options": idim_cli.threshold(folder, idim_cli.Options()),
        "table": idim_cli.threshold(idim_cli.read_results(folder)),
    }
    found = {name: estimates[0].reading.rule for name, estimates in rules.items()}
    assert found == {"recipe": "first", "changed": "interpolate", "options": "isotonic", "table": "isotonic"}


def test_a_plan_is_had_from_whatever_is_a_recipe():
    loaded = idim_cli.load_recipe("toy")
    runs = idim_cli.plan(loaded)
    assert runs == idim_cli.plan("toy") == idim_cli.plan(loaded.recipe)
    assert len({run.run_id for run in runs}) == len(runs) == 1 + 11 * 3


TABLE = ROOT / "docs" / "measured" / "mnist-fc.csv"


def tied(kind="tied"):
    """P for the parameters of Linear(3, 2)."""
    return idim_cli.build_projector(kind, [6, 2], 4, 0)


MISTAKES = {
    "confidence: 'x'": lambda out: idim_cli.report(TABLE, out, confidence="x"),
    "fraction: '0.9'": lambda out: idim_cli.threshold(TABLE, fraction="0.9"),
    "no column 'nope'": lambda out: idim_cli.threshold(TABLE, by="nope"),
    "paths must be a path or a list of paths, got 3": lambda out: idim_cli.report(3),
    "file is not a folder": lambda out: idim_cli.report(TABLE, out / "file"),
    r"toy\S* is not a folder": lambda out: idim_cli.train("toy", out / "toy"),
    r"sweep\S* is not a folder": lambda out: idim_cli.sweep("toy", out / "sweep"),
    "a dict is no recipe": lambda out: idim_cli.sweep({"d": 3}, out),
    "a int is no recipe": lambda out: idim_cli.train(3, out),
    "a list is no recipe": lambda out: idim_cli.plan([]),
    "where must be a Where, got 'cpu'": lambda out: idim_cli.train("toy", out, where="cpu"),
    "where must be a Where, got 'gpu'": lambda out: idim_cli.sweep("toy", out, where="gpu"),
    "argument '3': should be key=value": lambda out: idim_cli.load_recipe("toy", [3]),
    "options is {'rule': 'first'}, not an Options": lambda out: idim_cli.threshold(TABLE, {"rule": "first"}),
    "a path must be text or a Path, got a float": lambda out: idim_cli.expand(3.5),
    "a path must be text or a Path, got a list": lambda out: idim_cli.evaluate([]),
    "a path must be text or a Path, got a set": lambda out: idim_cli.compress({3}),
    "a int is no override": lambda out: idim_cli.load_recipe("toy", 3),
    "options is {}": lambda out: idim_cli.threshold(TABLE, {}),
    "options is 'first'": lambda out: idim_cli.report(TABLE, out, "first"),
    "rul is not an option of a reading": lambda out: idim_cli.threshold(TABLE, rul="first"),
    "seed: 'x'": lambda out: idim_cli.threshold(TABLE, seed="x"),
    "seed: -1": lambda out: idim_cli.Options(seed=-1),
    "baseline: True": lambda out: idim_cli.threshold(TABLE, baseline=True),
    "by must be names of columns, got 3": lambda out: idim_cli.threshold(TABLE, by=3),
    r"by must be names of columns, got \[3\]": lambda out: idim_cli.threshold(TABLE, by=[3]),
    "a dict is not a table of runs": lambda out: idim_cli.threshold({"d": [3]}),
    "a path must be text or a Path, got a int": lambda out: idim_cli.report(TABLE, 3),
    "a path must be text or a Path, got a NoneType": lambda out: idim_cli.read_results(None),
    "log must be True, False or None, got 'x'": lambda out: idim_cli.report(TABLE, out, log="x"),
    "a float is no recipe": lambda out: idim_cli.load_recipe(3.5),
    "module is a int": lambda out: idim_cli.Subspace(3, 4),
    "module is a str": lambda out: idim_cli.native_parameters("net"),
    "projector is a int": lambda out: idim_cli.Subspace(Linear(3, 2), 4),
    "trainable is 'bias'": lambda out: idim_cli.Subspace.of(Linear(3, 2), 2, trainable="bias"),
    r"trainable is \[3\]": lambda out: idim_cli.Subspace(Linear(3, 2), tied(), [3]),
    "needs a name, not 5": lambda out: idim_cli.Subspace.of(Linear(3, 2), 2, 5),
    "needs a name, not None": lambda out: idim_cli.build_projector(None, [6, 2], 4, 0),
    "unknown projector 'tid'": lambda out: idim_cli.build_projector("tid", [6, 2], 4, 0),
    "sizes must be a list of whole numbers, got 8": lambda out: idim_cli.build_projector("tied", 8, 4, 0),
    "a size must be a whole number, got 'x'": lambda out: idim_cli.build_projector("tied", ["x"], 4, 0),
    "a size must be at least 0, got -1": lambda out: idim_cli.build_projector("tied", [-1, 9], 4, 0),
    "d must be a whole number, got '4'": lambda out: idim_cli.build_projector("tied", [6, 2], "4", 0),
    "jobs must be .* got '2'": lambda out: idim_cli.Local(jobs="2"),
    "pack must be .* got 0": lambda out: idim_cli.Local(pack=0),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_wrong_value_is_an_error_of_ours(tmp_path, message):
    for name in ("file", "toy", "sweep"):
        (tmp_path / name).touch()
    with pytest.raises(IdimError, match=message):
        MISTAKES[message](tmp_path)


def test_a_projector_is_named_as_in_a_recipe():
    made = [tied(kind) for kind in ("tied", {"name": "tied"}, idim_cli.Component(name="tied"))]
    assert len({repr(one) for one in made}) == 1
