"""Every tracker: what was sent to it is there, once, when its own library reads it back."""

import os
import signal
import warnings
from pathlib import Path

import pytest
from tracker_readers import READERS

from idim_cli.core.errors import IdimError
from idim_cli.core.registry import registry
from idim_cli.execute.inline import Inline
from idim_cli.execute.local.pool import Pool
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import loads
from idim_cli.runs import results
from idim_cli.runs.plan import plan
from idim_cli.trackers.mlflow import MLflow
from idim_cli.training.run import train
from idim_cli.training.stop import StoppedError

RECIPE = """
name: toy
dataset: toy
model: toy
task: toy
device: cpu
d: 5
training: {steps: 30, evaluate_every: 10, optimizer: {name: adam, lr: 0.5}}
sweep: {d: [5, 20], seeds: 1, baseline: {set: {training.optimizer.lr: 0.05}}}
"""
PARAMS = {"wandb": "{name: wandb, mode: offline}"}


@pytest.fixture(params=sorted(READERS))
def kind(request, monkeypatch):
    """A tracker's name; the test is skipped where its library is not installed."""
    for name in ("MLFLOW_TRACKING_URI", "WANDB_MODE", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")  # tests talk to nobody
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    with warnings.catch_warnings():
        # Libraries of this size import others, which warn of what is to come in them.
        warnings.simplefilter("ignore")
        pytest.importorskip(request.param, reason=f"needs idim-cli[{request.param}]")
        yield request.param


def recipe(kind, *overrides):
    return loads(RECIPE, "toy.yaml", [f"trackers=[{PARAMS.get(kind, kind)}]", *overrides])


def written(folder, run_id, name):
    """A figure's values in metrics.csv."""
    rows = results.metrics(folder / results.RUNS / run_id)
    return [(int(row["step"]), pytest.approx(row[name], rel=1e-6)) for row in rows]


def test_every_tracker_is_tested():
    assert set(READERS) == set(registry("tracker"))


def test_a_sweep_with_its_runs_and_its_d_int(kind, tmp_path):
    outcome = sweep(recipe(kind), tmp_path)
    found = READERS[kind](outcome.folder)
    assert set(found) == {"d_int90", *outcome.table["run_id"]}
    for run in outcome.table.to_dict("records"):
        record = found[run["run_id"]]
        assert (str(record.settings["D"]), str(record.settings["d"])) == (str(run["D"]), str(run["d"]))
        assert str(record.settings["seeds.theta0"]) == str(run["seed_theta0"])
        assert record.settings["training.optimizer"] == "adam"
        assert record.curve["train_loss"] == written(outcome.folder, run["run_id"], "train_loss")
        assert len(record.curve["train_loss"]) == 3
        assert record.figures["performance"] == pytest.approx(run["performance"], rel=1e-6)
        assert record.status == "ok"
    reading, tracked = outcome.estimates[0].reading, found["d_int90"]
    assert tracked.figures["d_int90"] == reading.value
    assert tracked.figures["level"] == pytest.approx(reading.level)
    assert tracked.settings["rule"] == reading.rule
    assert tracked.status == f"reached: {reading.value} (none)"


def test_runs_side_by_side(kind, tmp_path):
    outcome = sweep(recipe(kind, "sweep.seeds=3"), tmp_path, executor=Inline(4))
    all_curves_are_there(kind, outcome)


def test_runs_of_several_processes(tmp_path):
    """Only the parent writes, whatever the tracker."""
    pytest.importorskip("tensorboard", reason="needs idim-cli[tensorboard]")
    with Pool(2) as executor:
        outcome = sweep(recipe("tensorboard", "sweep.seeds=3"), tmp_path, executor=executor)
    all_curves_are_there("tensorboard", outcome)
    files = [file.name for file in (outcome.folder / "tensorboard").rglob("events*")]
    assert {name.split(".")[5] for name in files} == {str(os.getpid())}


def all_curves_are_there(kind, outcome):
    found = READERS[kind](outcome.folder)
    assert len(found) == 1 + 7
    for run_id in outcome.table["run_id"]:
        assert found[run_id].curve["train_loss"] == written(outcome.folder, run_id, "train_loss")


def test_a_run_that_goes_on_is_one_record_without_a_step_twice(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("idim_cli.training.session.REPORT_SECONDS", -1.0)
    monkeypatch.setattr("idim_cli.trackers.tracking.UPDATE_SECONDS", -1.0)

    def stop(progress):
        if progress.step == 15:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(StoppedError):
        train(recipe(kind), tmp_path, on_step=stop)
    (stopped,) = READERS[kind](tmp_path / "toy").values()
    assert [step for step, _ in stopped.curve["train_loss"]] == [10]
    assert stopped.status is None
    result = train(recipe(kind), tmp_path)
    ((name, record),) = READERS[kind](tmp_path / "toy").items()
    assert name == result["run_id"]
    assert record.curve["train_loss"] == written(tmp_path / "toy", name, "train_loss")
    assert record.status == "ok"


def test_a_finished_sweep_is_read_again_without_a_figure_twice(kind, tmp_path):
    for _ in range(2):
        outcome = sweep(recipe(kind), tmp_path)
    tracked = READERS[kind](outcome.folder)["d_int90"]
    assert all(len(values) == 1 for values in tracked.curve.values())
    assert tracked.figures["d_int90"] == outcome.estimates[0].reading.value
    assert tracked.status


@pytest.fixture
def mlflow(monkeypatch):
    """MLflow's parameters, with a library that notes what store it is asked for."""
    client = pytest.importorskip("mlflow.tracking", reason="needs idim-cli[mlflow]").MlflowClient
    asked = []
    monkeypatch.setattr("mlflow.tracking.MlflowClient", lambda store: asked.append(store) or FakeClient())
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert client
    return asked


class FakeClient:
    def get_experiment_by_name(self, name):
        return None


@pytest.mark.parametrize(
    ("given", "store"),
    [
        ("databricks", "databricks"),
        ("databricks://mine", "databricks://mine"),
        ("http://localhost:5000", "http://localhost:5000"),
        ("some/folder", "{here}/some/folder"),
        (None, "{here}/a%3Ab/toy/mlruns"),
    ],
)
def test_mlflow_is_requested_the_store_that_is_meant(mlflow, tmp_path, monkeypatch, given, store):
    monkeypatch.chdir(tmp_path)
    if given:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    MLflow(Path("a:b/toy"))
    assert mlflow == [store.format(here=tmp_path.as_uri())]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "no-such-scheme:7"])
@pytest.mark.filterwarnings("ignore")
def test_an_mlflow_that_cannot_be_reached_is_reported_before_the_first_run(uri, tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="needs idim-cli[mlflow]")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(IdimError, match="MLflow store") as error:
        sweep(recipe("mlflow", f"trackers=[{{name: mlflow, uri: '{uri}'}}]"), tmp_path)
    assert "MLFLOW_TRACKING_URI" in error.value.hint
    assert not list(tmp_path.rglob("runs"))


def test_a_run_is_the_same_with_and_without(kind):
    assert plan(recipe(kind).recipe) == plan(loads(RECIPE).recipe)
