"""What every verb prints under --json is the document that is described, for all documents there are."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from idim_cli.bench import start
from idim_cli.cli import documents
from idim_cli.cli.app import app

TOY = """
dataset: toy
model: toy
task: toy
device: cpu
d: 12
training: {steps: 60, evaluate_every: 20, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 20], seeds: 2, baseline: {seeds: 2, set: {training.optimizer.lr: 0.05}}}
"""
BRIEF = ["--seconds", "0"]
STEPS = [
    ("train/1", ["train", "toy.yaml", "--out", "one"]),
    ("train/1", ["train", "toy.yaml", "--out", "one", "training.optimizer.lr=1e30"]),
    ("dry-run/1", ["train", "toy.yaml", "--dry-run"]),
    ("dry-run/1", ["sweep", "toy.yaml", "--dry-run"]),
    ("sweep/1", ["sweep", "toy.yaml"]),
    ("threshold/1", ["threshold", "results/toy"]),
    ("threshold/1", ["threshold", "unread.csv", "--group-by", "net"]),
    ("readings/1", ["threshold", "results/toy", "--all"]),
    ("report/1", ["report", "results/toy"]),
    ("compress/3", ["compress", "RUN", "-o", "toy.idim"]),
    ("compress/3", ["compress", "RUN", "-o", "toy.idim", "--frontier", "--d", "12", "--levels", "2,256"]),
    ("report/1", ["report", "toy.idim"]),
    ("expand/1", ["expand", "toy.idim"]),
    ("evaluate/1", ["evaluate", "toy.idim", "--split", "train"]),
    ("bench-projectors/1", ["bench", "projectors", "--D", "1k", "--projector", "tied", *BRIEF]),
    ("bench-step/1", ["bench", "step", "--recipe", "toy.yaml", "--d", "10", "--projector", "tied", *BRIEF]),
    ("bench-pack/1", ["bench", "pack", "--recipe", "toy.yaml", "--runs", "1,2", *BRIEF]),
    ("bench-start/1", ["bench", "start", "--rounds", "1"]),
    ("bench-data/1", ["bench", "data", "--workers", "0", "--examples", "20", *BRIEF]),
    ("doctor/1", ["doctor"]),
    ("new/1", ["new", "mine"]),
    ("recipes-list/1", ["recipes", "list"]),
    ("recipes-show/1", ["recipes", "show", "toy"]),
    ("recipes-copy/1", ["recipes", "copy", "toy", "copy.yaml"]),
    ("recipes-check/1", ["recipes", "check", "toy", "faulty.yaml"]),
    ("recipes-components/1", ["recipes", "components"]),
    ("recipes-schema/1", ["recipes", "schema"]),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_every_verb_prints_its_document(cli, monkeypatch):
    monkeypatch.setattr(start, "_round", lambda folder: {"import torch": start.StartTime(1.0, 1.0)})
    monkeypatch.setattr(start, "_timed", lambda *_: (start.StartTime(1.0, 1.0), "0"))
    Path("toy.yaml").write_text(TOY)
    Path("faulty.yaml").write_text("model: {name: fc, widht: 1}\n")
    Path("unread.csv").write_text("net,d,performance\na,10,.5\na,20,.95\na,0,1\nb,10,.5\n")
    for name, arguments in STEPS:
        run = next(Path().glob("one/toy/runs/tied*/checkpoint.safetensors"), None)
        said = cli(*(str(run.parent) if word == "RUN" else word for word in arguments), "--json", "-q").stdout
        told = json.loads(said)
        jsonschema.validate(told, documents.schema(name), jsonschema.Draft202012Validator)
        assert told["schema"] == f"idim/{name}"
        if arguments[0] == "train" and len(arguments) > 4:
            shutil.rmtree(Path(told["folder"]))


def test_all_documents_are_tried():
    assert {"error/1", *(name for name, _ in STEPS)} == set(documents.documents())


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        (["sweep", "faulty.yaml"], 3),
        (["train", "faulty.yaml", "--dry-run"], 3),
        (["threshold", "nothing"], 0),
        (["expand", "nothing.idim"], 0),
        (["train", "no-such-recipe"], 0),
    ],
)
def test_what_cannot_be_done_is_a_document_too(tmp_path, monkeypatch, arguments, faults):
    monkeypatch.chdir(tmp_path)
    Path("faulty.yaml").write_text("model: {name: fc, widht: 1}\n")
    told = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    jsonschema.validate(told, documents.schema("error/1"), jsonschema.Draft202012Validator)
    assert told["message"]
    assert (told["exit_code"], len(told["faults"])) == (2, faults)


@pytest.mark.parametrize(
    "change", [{"bytes": "554"}, {"bytes": None}, {"more": 1}, {"schema": "idim/expand/2"}, {"tensors": ...}]
)
def test_a_document_of_another_form_is_distinguished(change):
    told = {"schema": "idim/expand/1", "path": "a.safetensors", "bytes": 1, "tensors": 2}
    jsonschema.validate(told, documents.schema("expand/1"))
    other = {key: value for key, value in {**told, **change}.items() if value is not ...}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(other, documents.schema("expand/1"))


def test_an_estimate_has_a_reading_or_a_reason():
    whole = documents.schema("threshold/1")
    for one, right in (({"group": {}, "error": "x", "hint": ""}, True), ({"group": {}, "value": 3}, False)):
        told = {"schema": "idim/threshold/1", "estimates": [one]}
        assert jsonschema.Draft202012Validator(whole).is_valid(told) is right


@pytest.mark.parametrize("name", documents.documents())
def test_the_schemas_are_schemas(name):
    found = documents.schema(name)
    jsonschema.Draft202012Validator.check_schema(found)
    assert all(field.get("description") for field in found["properties"].values())
