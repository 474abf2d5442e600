"""What holds for every tracker: registered, the user's own, and by an entry point."""

import json
import warnings

import pytest

from idim_cli.core.errors import ComponentError, MissingExtraError
from idim_cli.core.registry import registry
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import Component
from idim_cli.trackers import REGISTRY
from idim_cli.trackers.base import build

OWN = """
import json

class Lines:
    \"\"\"Appends a line for each call.\"\"\"

    def __init__(self, folder, *, file: str = "lines.jsonl"):
        self.path = folder / file

    def _write(self, *what):
        with self.path.open("a") as file:
            file.write(json.dumps(what) + chr(10))

    def begin(self, name, settings):
        self._write("begin", name, dict(settings))

    def row(self, name, step, figures):
        self._write("row", name, step, dict(figures))

    def end(self, name, figures, status):
        self._write("end", name, dict(figures), status)

    def close(self):
        self._write("close")
"""
PARAMS = {"wandb": {"mode": "offline"}}
RECIPE = """
name: toy
dataset: toy
model: toy
task: toy
device: cpu
training: {steps: 30, evaluate_every: 10, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 20], seeds: 1, baseline: {set: {training.optimizer.lr: 0.05}}}
"""


@pytest.fixture(params=[*registry("tracker"), "own", "entry"])
def name(request, own_file, entry_point, monkeypatch):
    for variable in ("MLFLOW_TRACKING_URI", "WANDB_MODE", "WANDB_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")  # tests talk to nobody
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    if request.param == "own":
        return own_file(OWN) + ":Lines"
    return entry_point("tracker", "Lines", OWN) if request.param == "entry" else request.param


def made(name, folder):
    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return build(Component(name=name, params=PARAMS.get(name, {})), folder)
        except MissingExtraError as error:
            pytest.skip(reason=str(error))


def test_records_may_be_under_way_at_once_and_begin_again(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = made(name, tmp_path / "toy")
        for record in ("a-1", "b_2"):
            first.begin(record, {"d": 5, "model": "fc", "lr": 0.1, "direct": True})
        for step in (1, 2):
            for record in ("a-1", "b_2"):
                first.row(record, step, {"loss": 1.0 / step})
        first.end("a-1", {"performance": 0.5}, "ok")
        first.close()
        again = made(name, tmp_path / "toy")
        again.begin("b_2", {"d": 5, "model": "fc", "lr": 0.1, "direct": True})
        for step in (1, 2, 3):
            again.row("b_2", step, {"loss": 1.0 / step})
        again.end("b_2", {}, "failed")
        again.close()
    assert any((tmp_path / "toy").rglob("*"))


def test_wrong_parameters_are_refused(name):
    with pytest.raises(ComponentError, match="flie"):
        REGISTRY.filled(name, {"flie": "x"})


def test_an_own_tracker_is_told_of_every_run_and_of_the_d_int(own_file, tmp_path):
    name = own_file(OWN) + ":Lines"
    outcome = sweep(loads(RECIPE, "toy.yaml", [f"trackers={{name: '{name}', file: seen.jsonl}}"]), tmp_path)
    lines = [json.loads(line) for line in (outcome.folder / "seen.jsonl").read_text().splitlines()]
    ended = {line[1]: line for line in lines if line[0] == "end"}
    assert set(ended) == {"d_int90", *outcome.table["run_id"]}
    for run in outcome.table.to_dict("records"):
        assert ended[run["run_id"]][2]["performance"] == pytest.approx(run["performance"])
        assert [line[2] for line in lines if line[:2] == ["row", run["run_id"]]] == [10, 20, 30]
    assert lines[-1] == ["close"]
