"""From a real run on digits to its file, by every goal."""

import json
import math
import re
import sys

import pytest
import torch

from idim_cli.compression import from_checkpoint
from idim_cli.compression.baseline import mean_of_direct_runs
from idim_cli.compression.compress import compress
from idim_cli.compression.evaluate import evaluate
from idim_cli.compression.expand import expand
from idim_cli.compression.format import container
from idim_cli.compression.search.missed import NotReachedError
from idim_cli.compression.search.options import CompressOptions
from idim_cli.compression.search.trial import results_folder
from idim_cli.core.errors import DataError, FileError, IdimError, MissingExtraError
from idim_cli.execute.base import Silent
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import loads
from idim_cli.runs import results
from idim_cli.training.run import train

RECIPE = """
name: small
dataset: digits
model: {name: fc, depth: 1, width: 8}
device: cpu
d: 60
training: {epochs: 8, schedule: linear, optimizer: {name: adam, lr: 0.1}}
sweep: {d: [60], seeds: 1, baseline: {seeds: 2, set: {training.optimizer.lr: 0.01}}}
"""


class Counting(Silent):
    """Counts trainings."""

    def __init__(self):
        self.ended, self.said = [], []

    def say(self, line):
        self.said.append(line)

    def finished(self, run, result):
        self.ended.append(run.run_id)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The results folder of a small sweep, with direct runs, and its run at d = 60."""
    out = tmp_path_factory.mktemp("out")
    sweep(loads(RECIPE), out)
    (run,) = (out / "small" / "runs").glob("tied-d60-*")
    return out / "small", run


def own(run):
    return json.loads((run / "result.json").read_text())["performance"]


def without_coords(run, folder):
    """Bytes of a file of few values of this run, but for its coordinates."""
    done = compress(run, folder / "x.idim", CompressOptions(levels=[2], max_bytes=999, epochs=0))
    return done.bytes - done.parts["coords"]


def test_the_default_keeps_the_score_in_fewer_bytes(swept, tmp_path):
    _, run = swept
    done = compress(run, tmp_path / "a.idim")
    exact = compress(run, tmp_path / "exact.idim", CompressOptions(lossless=True))
    assert done.bytes == (tmp_path / "a.idim").stat().st_size < exact.bytes / 2
    assert done.performance >= 0.99 * own(run) == pytest.approx(0.99 * done.own)
    assert done.how in ("rounded", "trained")
    # What was said is what the file decodes to, and the smallest of all that reach the goal was taken.
    assert evaluate(tmp_path / "a.idim").metrics["accuracy"] == done.performance
    good = [row.bytes for row in done.tried if row.performance >= 0.99 * done.own]
    assert min(good) == done.bytes
    assert sum(done.parts.values()) == done.bytes
    coords = container.unpack((tmp_path / "a.idim").read_bytes()).coords
    assert len(set(coords.values().tolist())) <= done.levels


def test_what_is_known_is_next_to_the_file(swept, tmp_path):
    done = compress(swept[1], tmp_path / "a.idim", CompressOptions(epochs=0))
    said = json.loads((tmp_path / "a.idim.json").read_text())
    assert said == json.loads(json.dumps(done.as_dict()))
    assert said["bound"]["n"] == 1197
    assert {row["how"] for row in said["tried"]} == {"exact", "rounded"}


def test_lossless_is_every_bit(swept, tmp_path):
    _, run = swept
    done = compress(run, tmp_path / "a.idim", CompressOptions(lossless=True))
    stored = container.unpack((tmp_path / "a.idim").read_bytes()).coords.values()
    coords = from_checkpoint.read(run / "checkpoint.safetensors").coords
    assert torch.equal(torch.from_numpy(stored), coords)
    assert (done.how, done.levels, done.performance) == ("exact", None, own(run))


def test_a_target_is_a_share_of_the_direct_runs_next_to(swept, tmp_path):
    folder, run = swept
    direct = [json.loads((path / "result.json").read_text()) for path in folder.glob("runs/direct-*")]
    mean = sum(result["performance"] for result in direct) / 2
    assert mean_of_direct_runs(
        folder, run.name, from_checkpoint.read(run / "checkpoint.safetensors").spec
    ) == pytest.approx(mean)
    done = compress(run, tmp_path / "a.idim", CompressOptions(target=0.8, d="auto", levels=[3, 4]))
    assert done.baseline == pytest.approx(mean)
    assert done.performance >= 0.8 * mean
    assert (done.how, done.levels in (3, 4)) == ("trained", True) or done.how == "rounded"
    assert {row.d for row in done.tried} - {60}


def test_the_best_within_so_many_bytes(swept, tmp_path):
    done = compress(
        swept[1], tmp_path / "a.idim", CompressOptions(max_bytes=45, d=[40, 60, 80, 120], levels=[2, 3, 4])
    )
    assert done.bytes <= 45
    assert done.performance == max(row.performance for row in done.tried if row.bytes <= 45)


def test_more_dimensions_are_tried_where_coding_may_make_room(swept, tmp_path):
    """At equal frequencies 65 coordinates of 2 values take 65 bits, 9 bytes: one more than there is room."""
    most = without_coords(swept[1], tmp_path) + 8
    watcher, options = Counting(), CompressOptions(max_bytes=most, d=[33, 65], levels=[2], epochs=1)
    done = compress(swept[1], tmp_path / "a.idim", options, watcher=watcher)
    assert watcher.said[1:] == ["at most 2 trainings"]
    sizes = {row.d: row.bytes for row in done.tried if row.how == "trained"}
    assert 65 in sizes
    assert (33 in sizes) == (sizes[65] > options.max_bytes)
    assert done.bytes <= options.max_bytes


def test_how_many_trainings_there_may_be_is_reported_once(swept, tmp_path):
    first, again = Counting(), Counting()
    options = CompressOptions(target=0.3, baseline=0.9, d=[30, 45, 60], levels=[2, 3], epochs=1)
    compress(swept[1], tmp_path / "a.idim", options, watcher=first)
    (most,) = (int(line.split()[2]) for line in first.said if line.startswith("at most"))
    assert 1 <= len(first.ended) <= most <= 4
    compress(swept[1], tmp_path / "a.idim", options, watcher=again)
    assert not again.ended


def test_what_proves_most(swept, tmp_path):
    done = compress(swept[1], tmp_path / "a.idim", CompressOptions(prove=True, levels=[2, 3], d=[60, 120]))
    plain = compress(swept[1], tmp_path / "b.idim", CompressOptions(lossless=True))
    assert done.bound.binomial < plain.bound.binomial
    assert 1 - evaluate(tmp_path / "a.idim", "test").metrics["accuracy"] <= done.bound.binomial < 1
    assert done.bound.wrong == round((1 - evaluate(tmp_path / "a.idim", "train").metrics["accuracy"]) * 1197)
    assert done.bound.bits > 8 * (done.bytes - 2 - 4 - 4)


def test_what_no_file_reaches_is_said(swept, tmp_path):
    with pytest.raises(NotReachedError, match="no file reaches") as caught:
        compress(swept[1], tmp_path / "a.idim", CompressOptions(target=1.2, levels=[2, 3]))
    assert caught.value.exit_code == 3
    near = caught.value.nearest
    size = f"{near.size} bytes \\(d = 60, {near.content.coords.levels} values, {near.how}\\)"
    assert re.search(rf"the closest has {near.performance:.4f} in {size}; no file is", caught.value.message)
    assert "--d auto" in caught.value.hint
    assert "--levels 4,6,8" in caught.value.hint
    assert "--epochs 16" in caught.value.hint
    with pytest.raises(NotReachedError) as caught:
        compress(swept[1], tmp_path / "a.idim", CompressOptions(target=1.2, levels=[256], d=[60], epochs=0))
    assert caught.value.hint == "try training: leave out --epochs 0"
    with pytest.raises(NotReachedError, match="the smallest has"):
        compress(swept[1], tmp_path / "a.idim", CompressOptions(max_bytes=20, epochs=0))
    assert not (tmp_path / "a.idim").exists()


def test_what_to_try_for_a_smaller_file_fits(swept, tmp_path):
    most = without_coords(swept[1], tmp_path) + 4
    options = CompressOptions(max_bytes=most, levels=[3], d=[60])
    with pytest.raises(NotReachedError, match="the smallest has") as caught:
        compress(swept[1], tmp_path / "a.idim", options)
    d, levels = re.search(r"--d (\d+) --levels (\d+)$", caught.value.hint).groups()
    done = compress(
        swept[1], tmp_path / "a.idim", CompressOptions(max_bytes=most, levels=[int(levels)], d=[int(d)])
    )
    assert done.bytes <= most
    with pytest.raises(NotReachedError) as caught:
        compress(swept[1], tmp_path / "b.idim", CompressOptions(max_bytes=5, levels=[3]))
    assert re.search(r"alone take \d+ bytes", caught.value.hint)


def test_a_longer_training_is_reported_in_epochs_also_for_a_budget_in_steps(tmp_path):
    text = RECIPE.replace("epochs: 8", "steps: 25")  # of 1,197 examples in batches of 128: 2.5 epochs
    run = tmp_path / "small" / "runs" / train(loads(text), tmp_path)["run_id"]
    with pytest.raises(NotReachedError, match="no file reaches") as caught:
        compress(run, tmp_path / "a.idim", CompressOptions(target=1.0, baseline=1.0, levels=[2], d=[60]))
    assert caught.value.hint.endswith("--epochs 6")


def test_a_frontier_that_reaches_nothing_is_kept_with_what_came_closest(swept, tmp_path):
    options = CompressOptions(target=1.2, levels=[2, 3], d=[30, 60], epochs=1, frontier=True)
    with pytest.raises(NotReachedError, match=r"no file reaches .*written to .*a\.idim") as caught:
        compress(swept[1], tmp_path / "a.idim", options)
    assert caught.value.exit_code == 3
    done = caught.value.written
    said = json.loads((tmp_path / "a.idim.json").read_text())
    assert said == json.loads(json.dumps(done.as_dict()))
    assert said["goal"].endswith("; not reached")
    assert said["performance"] < said["level"]
    tried = [row for row in said["tried"] if row["how"] != "exact"]
    assert len(tried) == 6  # two rounded, four trained
    assert said["performance"] == max(row["performance"] for row in tried)
    assert evaluate(tmp_path / "a.idim").metrics["accuracy"] == said["performance"]


def test_a_target_without_direct_runs_needs_a_baseline(tmp_path):
    text = RECIPE.partition("sweep:")[0]
    train(loads(text), tmp_path)
    (run,) = (tmp_path / "small" / "runs").iterdir()
    with pytest.raises(IdimError, match="no direct runs"):
        compress(run, tmp_path / "a.idim", CompressOptions(target=0.9))
    done = compress(run, tmp_path / "a.idim", CompressOptions(target=0.1, baseline=0.9, epochs=0))
    assert done.baseline == 0.9


@pytest.mark.parametrize("change", ["model.width=1", "dataset.shuffle_labels=1"])
def test_a_direct_run_of_another_problem_is_no_baseline(change, tmp_path):
    run = tmp_path / "small" / "runs" / train(loads(RECIPE), tmp_path)["run_id"]
    train(loads(RECIPE, overrides=["projector=identity", change]), tmp_path)
    with pytest.raises(IdimError, match="no direct runs"):
        compress(run, tmp_path / "a.idim", CompressOptions(target=0.9))


def test_what_has_been_trained_already_is_checked_before_the_walk(swept, tmp_path):
    run, grid = swept[1], {"levels": [2, 3, 8], "d": [40, 50, 60, 70], "epochs": 3}
    every = compress(
        run, tmp_path / "a.idim", CompressOptions(target=0.4, baseline=0.9, frontier=True, **grid)
    )
    watcher = Counting()
    least = compress(
        run, tmp_path / "b.idim", CompressOptions(target=0.4, baseline=0.9, **grid), watcher=watcher
    )
    assert (least.bytes, least.performance) == (every.bytes, every.performance)
    assert not watcher.ended


def test_compare_needs_its_package_before_any_training(swept, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    watcher = Counting()
    options = CompressOptions(target=0.9, compare=True, levels=[3], d=[33])
    with pytest.raises(MissingExtraError, match="zstandard"):
        compress(swept[1], tmp_path / "a.idim", options, watcher=watcher)
    assert not watcher.ended
    assert not (tmp_path / "a.idim").exists()


def test_other_forms_of_the_network_are_counted_and_scored(swept, tmp_path):
    run = swept[1]
    done = compress(
        run, tmp_path / "a.idim", CompressOptions(target=0.2, d=[50], levels=[3], epochs=4, compare=True)
    )
    rows = {row.form: row for row in done.compared}
    size = {form: row.bytes for form, row in rows.items()}
    assert (size["coords alone, float32"], size["coords alone, float16"]) == (4 * 60, 2 * 60)
    assert (size["state_dict, float32"], size["state_dict, float16"]) == (4 * done.D, 2 * done.D)
    assert rows["state_dict, float32"].performance == own(run)
    assert rows["state_dict, float16"].performance == pytest.approx(own(run), abs=0.02)
    pruned = [row for form, row in rows.items() if "of the weights kept" in form]
    assert len(pruned) == 2
    for row in pruned:
        assert row.performance >= done.performance
        assert row.bytes < size["state_dict, float16"]
    assert len(rows) == 10


def test_trainings_round_in_the_order_of_the_run(tmp_path):
    text = RECIPE.partition("sweep:")[0] + "quantise: {levels: 3, order: steepest}\n"
    run = tmp_path / "small" / "runs" / train(loads(text), tmp_path)["run_id"]
    compress(run, tmp_path / "a.idim", CompressOptions(max_bytes=999, d=[40], levels=[2], epochs=1))
    (trained,) = (tmp_path / "small" / results.TRAININGS / "runs").glob("*/run.yaml")
    assert "order: steepest" in trained.read_text()


def test_an_unfinished_run_is_said_to_be_one(tmp_path):
    run = tmp_path / "small" / "runs" / train(loads(RECIPE), tmp_path)["run_id"]
    ended, stopped = Counting(), Counting()
    compress(run, tmp_path / "a.idim", CompressOptions(lossless=True), watcher=ended)
    (run / results.RESULT).unlink()
    compress(run, tmp_path / "a.idim", CompressOptions(lossless=True), watcher=stopped)
    warned = ["the run has not ended" in " ".join(each.said) for each in (ended, stopped)]
    assert warned == [False, True]


def test_a_link_is_not_replaced(swept, tmp_path):
    (tmp_path / "there").write_text("mine")
    (tmp_path / "a.idim").symlink_to(tmp_path / "there")
    with pytest.raises(FileError, match="it is a link"):
        compress(swept[1], tmp_path / "a.idim", CompressOptions(lossless=True))
    assert (tmp_path / "a.idim").is_symlink()


@pytest.mark.parametrize("given", [{"levels": 3}, {"levels": "a"}, {"d": -3}, {"d": [0]}, {"epochs": 1.5}])
def test_options_of_another_kind_are_refused(given):
    with pytest.raises(IdimError, match="|".join(given)):
        CompressOptions(**given)


def test_trainings_are_made_once_and_are_in_the_results_folder(swept, tmp_path):
    folder, run = swept
    options = CompressOptions(target=0.1, baseline=0.9, d=[50, 70], levels=[3], epochs=2)
    first, again = Counting(), Counting()
    one = compress(run, tmp_path / "a.idim", options, watcher=first)
    two = compress(run, tmp_path / "b.idim", options, watcher=again)
    assert first.ended
    assert not again.ended
    assert (tmp_path / "a.idim").read_bytes() == (tmp_path / "b.idim").read_bytes()
    assert sorted(map(str, one.tried)) == sorted(map(str, two.tried))
    for run_id in first.ended:
        assert (folder / "compressed" / "runs" / run_id / "result.json").is_file()
    # A sweep's table does not take them for its own.
    assert not set(results.table(folder)["run_id"]) & set(first.ended)


def test_a_run_that_was_trained_with_few_values_is_packed_as_it_is(tmp_path):
    result = train(loads(RECIPE, overrides=["quantise={levels: 5}", "d=80"]), tmp_path)
    run = tmp_path / "small" / "runs" / result["run_id"]
    done = compress(run, tmp_path / "a.idim")
    assert (done.levels, done.how, len(done.tried)) == (5, "trained", 1)
    assert done.performance == result["performance"] == evaluate(run).metrics["accuracy"]
    assert results_folder(run / "checkpoint.safetensors") == tmp_path / "small"
    with pytest.raises(NotReachedError):  # it has five values, and two are wanted
        compress(run, tmp_path / "c.idim", CompressOptions(levels=[2], target=0.99, baseline=1.0, epochs=1))
    # And from it one may start again.
    again = compress(run, tmp_path / "b.idim", CompressOptions(levels=[3], target=0.1, baseline=1.0))
    assert again.levels == 3


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
def test_both_codebooks(codebook, swept, tmp_path):
    done = compress(
        swept[1],
        tmp_path / "a.idim",
        CompressOptions(levels=[4], codebook=codebook, target=0.3, baseline=0.9),
    )
    assert done.parts["book"] == (2 if codebook == "uniform" else 8)
    assert set(expand(tmp_path / "a.idim")) == {
        "hidden1.weight",
        "hidden1.bias",
        "output.weight",
        "output.bias",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (CompressOptions(lossless=True, levels=[3]), "lossless"),
        (CompressOptions(lossless=True, compare=True), "lossless"),
        (CompressOptions(target=90.0, baseline=0.9), "must be in .0, 2., got 90"),
        (CompressOptions(target=math.inf, baseline=0.9), "must be in .0, 2., got inf"),
        (CompressOptions(target=0.9, baseline=math.nan), "--baseline must be above 0"),
        (CompressOptions(target=0.9, baseline=-1.0), "--baseline must be above 0"),
        (CompressOptions(baseline=0.9), "--baseline needs --target"),
        (CompressOptions(target=0.9, d=[20, 9999]), "--d must be in 1 .. D = .*got 9999"),
        (CompressOptions(d=[20], epochs=0), "nothing could be tried at d = 20"),
    ],
)
def test_invalid_options_are_refused_before_any_training(options, message, swept, tmp_path):
    watcher = Counting()
    with pytest.raises(IdimError, match=message):
        compress(swept[1], tmp_path / "a.idim", options, watcher=watcher)
    assert not watcher.ended


def test_a_direct_run_has_one_size(swept, tmp_path):
    direct = next((swept[0] / "runs").glob("direct-*"))
    with pytest.raises(IdimError, match="direct run"):
        compress(direct, tmp_path / "a.idim", CompressOptions(d=[20, 30]))
    done = compress(
        direct, tmp_path / "a.idim", CompressOptions(frontier=True, levels=[4, 16], epochs=1, max_bytes=9999)
    )
    assert {row.d for row in done.tried} == {done.D}


def test_an_out_that_cannot_be_written_is_reported_first(swept, tmp_path):
    watcher = Counting()
    with pytest.raises(FileError, match="is a folder"):
        compress(swept[1], tmp_path, CompressOptions(levels=[5], d=[33]), watcher=watcher)
    assert not watcher.ended


def test_what_is_no_accuracy_proves_nothing(tmp_path):
    text = "{name: t, dataset: toy, model: toy, task: toy, projector: dense, d: 10, training: {steps: 1}}"
    train(loads(text), tmp_path)
    (run,) = (tmp_path / "t" / "runs").iterdir()
    with pytest.raises(IdimError, match="exp_minus_loss"):
        compress(run, tmp_path / "a.idim", CompressOptions(prove=True))


def test_without_the_data_only_every_bit_is_kept(swept, tmp_path, monkeypatch):
    def absent(*_, **__):
        raise DataError("digits: missing", "give the folder")

    monkeypatch.setattr("idim_cli.compression.search.trial.load_data", absent)
    with pytest.raises(DataError, match="missing") as caught:
        compress(swept[1], tmp_path / "a.idim")
    assert "--lossless" in caught.value.hint
    done = compress(swept[1], tmp_path / "a.idim", CompressOptions(lossless=True))
    assert (done.performance, done.bound, done.tried) == (None, None, [])
    assert not math.isnan(done.ratio)
