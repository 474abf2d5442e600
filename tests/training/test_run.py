"""A run's folder: what is in it, that it goes on bit for bit, and what becomes of failures."""

import json
import os
import shutil
import signal
from datetime import datetime, timedelta

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from idim_cli.core import machine
from idim_cli.core.errors import RecipeError
from idim_cli.recipe.load import load
from idim_cli.runs import checkpoint, results
from idim_cli.runs.plan import single
from idim_cli.training import session
from idim_cli.training.finished import done
from idim_cli.training.prepare import Where, problem
from idim_cli.training.run import run, train
from idim_cli.training.stop import StoppedError

TIMES = ("seconds", "peak_memory_bytes", "date")


@pytest.fixture
def every_step(monkeypatch):
    """Report and save at every step."""
    for name, value in {"REPORT_SECONDS": -1.0, "SAVE_SECONDS": -1.0, "SAVE_SHARE": float("inf")}.items():
        monkeypatch.setattr(session, name, value)


def at_step(number, act):
    """An `on_step` that acts when a step is reached."""
    return lambda progress: act() if progress.step == number else None


def without_times(result):
    return {key: value for key, value in result.items() if key not in TIMES}


def content(folder):
    """All that a run leaves but for its times and its log."""
    tensors, metadata = checkpoint.load(folder / results.CHECKPOINT)
    del metadata["state"]["seconds"]
    for row in metadata["state"]["rows"]:
        del row["seconds"]
    metrics = [line.rpartition(",")[0] for line in (folder / results.METRICS).read_text().splitlines()]
    return {name: tensor.tolist() for name, tensor in tensors.items()}, metadata, metrics


def test_the_folder_holds_what_it_should(one, folder):
    result = run(one(), folder)
    assert {path.name for path in folder.iterdir()} == {
        "run.yaml", "metrics.csv", "result.json", "checkpoint.safetensors", "log.txt",
    }  # fmt: skip
    assert json.loads((folder / "result.json").read_text()) == result
    assert (result["status"], result["D"], result["d"]) == ("ok", 58, 20)
    assert len((folder / "metrics.csv").read_text().splitlines()) == 1 + 4
    assert result["idim"] == machine.version()
    assert datetime.fromisoformat(result["date"]).utcoffset() == timedelta(0)
    row = results.row(result)
    assert row["validation_accuracy"] == row["performance"]
    assert row["column_norm_max"] == pytest.approx(1, abs=1e-3)
    # No plan, no sweep, and no goal that ended it.
    assert [key for key, value in row.items() if value is None] == [
        "floor",
        "stop_level",
        "final_low",
        "final_high",
        "baseline_config",
    ]


@pytest.mark.parametrize("score", ["train", "validation"])
def test_the_result_tells_what_needs_no_training(one, folder, score):
    recipe = one(f"task={{name: classify, score: {score}}}", "training.optimizer.lr=1e-300")
    result, data = run(recipe, folder), problem(recipe, Where()).data
    split = data.train if score == "train" else data.validation
    assert result["chance"] == max(split.y.bincount().tolist()) / len(split)
    if score == "validation":  # statistics of batches move all the same
        assert 0 < result["performance_start"] < 1
    row = results.row(result)
    assert (row["chance"], row["performance_start"]) == (result["chance"], result["performance_start"])


def test_a_rate_of_nothing_ends_where_it_started(loaded, code, folder):
    recipe = loaded("training.optimizer.lr=1e-300", f"model={{name: '{code}:plain'}}").recipe
    result = run(single(recipe), folder)
    assert result["performance"] == result["performance_start"]


def test_the_log_shows_the_check_of_P(one, folder):
    run(one(), folder)
    log = (folder / "log.txt").read_text()
    assert "length 1.0000" in log
    assert "of a unit step falls on 0.weight" in log


def test_run_yaml_is_the_same_run(one, folder, tmp_path):
    first = run(one("seeds.data=3"), folder)
    loaded = load(folder / "run.yaml")
    again = train(loaded, tmp_path / "again")
    assert without_times(again) == without_times(first)


def test_a_done_run_is_only_read(one, folder, monkeypatch):
    first = run(one(), folder)
    monkeypatch.setattr("idim_cli.training.run.problem", lambda *_: pytest.fail("trained again"))
    assert run(one(), folder) == first
    assert done(one(), folder) is not None


@pytest.mark.parametrize("kill_at", [5, 13, 20])
@pytest.mark.parametrize(
    "overrides",
    [
        ["training.performance=best", "training.schedule=cosine"],
        ["training.optimizer={name: sgd, lr: 0.1}", "training.l2=0.01", "training.evaluate_every=2"],
        ["projector=identity", "training.optimizer.lr=0.01"],
    ],
)
def test_going_on_after_a_crash_is_bit_for_bit(one, tmp_path, every_step, overrides, kill_at):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = run(one(*overrides), whole)

    def crash():
        raise KeyboardInterrupt  # nothing is saved on this way out

    with pytest.raises(KeyboardInterrupt):
        run(one(*overrides), broken, on_step=at_step(kill_at, crash))
    assert done(one(*overrides), broken) is None
    assert without_times(run(one(*overrides), broken)) == without_times(expected)
    assert content(broken) == content(whole)
    assert "resumes at step" in (broken / "log.txt").read_text()


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 75)]
)
def test_a_signal_saves_and_stops(one, tmp_path, monkeypatch, number, exit_code):
    monkeypatch.setattr(session, "REPORT_SECONDS", -1.0)
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    before = signal.getsignal(number)
    with pytest.raises(StoppedError, match="step 8 of 20") as caught:
        run(one(), stopped, on_step=at_step(7, lambda: os.kill(os.getpid(), number)))
    assert caught.value.exit_code == exit_code
    assert signal.getsignal(number) is before
    assert checkpoint.load(stopped / results.CHECKPOINT)[1]["state"]["step"] == 8
    assert without_times(run(one(), stopped)) == without_times(run(one(), whole))


def test_a_signal_during_the_last_evaluation_is_not_lost(one, tmp_path, monkeypatch):
    undisturbed = run(one(), tmp_path / "undisturbed")
    asked = []

    def ask(progress):
        if progress.step == progress.steps and progress.figures and not asked:
            asked.append(os.kill(os.getpid(), signal.SIGTERM))

    with pytest.raises(StoppedError):
        run(one(), tmp_path / "stopped", on_step=ask)
    again = run(one(), tmp_path / "stopped")
    assert again["performance"] == undisturbed["performance"]


def test_divergence_is_a_result_that_stands(one, folder):
    overrides = ["training.optimizer.lr=1e25", "training.l2=1.0"]
    result = run(one(*overrides), folder)
    assert (result["status"], result["D"], result["d"]) == ("failed", 58, 20)
    assert "diverged" in result["reason"]
    assert done(one(*overrides), folder) is not None
    assert results.row(result)["performance"] is None
    assert "Traceback" not in (folder / "log.txt").read_text()


def test_a_crash_leaves_its_traceback_and_is_tried_again(one, code, folder):
    run_ = one(f"model.name={code}:broken", "d=5")
    result = run(run_, folder)
    assert (result["status"], result["reason"]) == ("failed", "ZeroDivisionError: a bug in the user's model")
    assert 'raise ZeroDivisionError("a bug' in (folder / "log.txt").read_text()
    assert done(run_, folder) is None
    code.write_text(code.read_text().replace("self.training:", "False:"))
    assert run(run_, folder)["status"] == "ok"


def test_a_wrong_scale_of_P_fails_the_run(one, folder, monkeypatch):
    from idim_cli.projectors.tied import Tied

    project = Tied.project
    monkeypatch.setattr(Tied, "project", lambda self, v: 1.01 * project(self, v))
    result = run(one(), folder)
    assert result["status"] == "failed"
    assert "columns of P have lengths" in result["reason"]


def test_a_run_that_another_process_has_just_ended_is_only_read(one, folder, monkeypatch):
    first = run(one(), folder)
    monkeypatch.setattr("idim_cli.training.run.problem", lambda *_: pytest.fail("trained again"))
    looks = iter([None, first])  # before the lock is held, and after
    monkeypatch.setattr("idim_cli.training.run.done", lambda *_: next(looks))
    assert run(one(), folder) == first


def half_way(one, folder, *overrides):
    """Leave a run stopped at its step 8 of 20; its checkpoint."""
    with pytest.raises(StoppedError):
        run(one(*overrides), folder, on_step=at_step(8, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    return folder / results.CHECKPOINT


def of_an_earlier_version(path):
    """The same checkpoint without its checksum."""
    with safe_open(path, "pt") as file:
        text = {**file.metadata(), "format": "idim checkpoint 1"}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del text["checksum"]
    save_file(tensors, path, text)


def damaged(path):
    """The same checkpoint with one bit of its coordinates flipped."""
    tensors, _ = checkpoint.load(path)
    content, coords = bytearray(path.read_bytes()), tensors["coords"].numpy().tobytes()
    content[content.index(coords) + 3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(b"x"), "cannot read the checkpoint"),
        (damaged, "does not match its checksum"),
        (of_an_earlier_version, "without a checksum"),
    ],
)
def test_a_checkpoint_that_cannot_be_believed_is_named_and_the_run_made_again(
    one, tmp_path, every_step, caplog, change, message
):
    expected = run(one(), tmp_path / "whole")
    change(half_way(one, tmp_path / "cut"))
    assert without_times(run(one(), tmp_path / "cut")) == without_times(expected)
    assert message in caplog.text
    assert "starts from the beginning" in (tmp_path / "cut" / results.LOG).read_text()


def test_a_checkpoint_of_another_run_is_not_taken(one, tmp_path, caplog):
    """Of the same shape, and finished."""
    run(one("training.optimizer.lr=0.5"), tmp_path / "other")
    expected = run(one(), tmp_path / "whole")
    (tmp_path / "here").mkdir()
    shutil.copy(tmp_path / "other" / results.CHECKPOINT, tmp_path / "here")
    assert without_times(run(one(), tmp_path / "here")) == without_times(expected)
    assert "is the checkpoint of another run" in caplog.text


def test_train_checks_first(loaded, tmp_path):
    with pytest.raises(RecipeError, match="d = 59 is more than D = 58"):
        train(loaded("d=59"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_checkpoint_names_its_run(one, folder):
    run(one(), folder)
    tensors, metadata = checkpoint.load(folder / results.CHECKPOINT)
    assert (metadata["shape"], metadata["classes"], metadata["D"], metadata["d"]) == ([2], 2, 58, 20)
    assert metadata["recipe"]["d"] == 20
    assert tensors["coords"].shape == (20,)
    assert tensors["buffer/1.running_mean"].dtype is torch.float32


def test_where_overrides_the_recipes_device(one, folder):
    result = run(one("device=cuda:99"), folder, where=Where(device="cpu"))
    assert (result["status"], result["device"]) == ("ok", "cpu")
