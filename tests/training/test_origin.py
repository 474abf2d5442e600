"""What a run was made from: that it has changed is noticed, named, and the run made again or refused."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch

from idim_cli.compression import from_checkpoint
from idim_cli.compression.compress import compress
from idim_cli.compression.evaluate import evaluate
from idim_cli.compression.search.options import CompressOptions
from idim_cli.core.errors import FileError, IdimError, RecipeError
from idim_cli.execute.base import Silent
from idim_cli.execute.local.pool import Pool
from idim_cli.execute.sweep import sweep
from idim_cli.recipe.load import loads
from idim_cli.runs import results
from idim_cli.runs.plan import single
from idim_cli.training.prepare import _load_data
from idim_cli.training.run import run, train
from idim_cli.training.stop import StoppedError

RECIPE = """
name: r
dataset: DATASET
model: MODEL
d: 5
training: {epochs: 3, batch_size: 10, optimizer: {name: adam, lr: 0.05}}
sweep: {d: [5, 8], seeds: 1, baseline: {seeds: 1}}
"""
DATA = """
import numpy, pathlib, torch
from idim_cli.datasets.split import Source, Split
def data():
    x = torch.from_numpy(GENERATOR.normal(size=(60, 4)).astype("float32"))
    y = (x.sum(1) > 0).long()
    return Source(Split(x[:40], y[:40]), lambda: Split(x[40:], y[40:]), classes=2, validation=10)
"""
TIMES = ("seconds", "date", "peak_memory_bytes")
FRESH = "numpy.random.default_rng()"
FIXED = "numpy.random.default_rng(1)"
NET = """
import torch
from torch import nn
from sizes import width
def net(shape, classes):
    module = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, classes))
    module.load_state_dict(torch.load("weights.pt"))
    return module
"""


def weights(seed):
    from torch import nn

    torch.manual_seed(seed)
    torch.save(nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).state_dict(), "weights.pt")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data.py").write_text(DATA.replace("GENERATOR", FIXED))
    Path("fresh.py").write_text(DATA.replace("GENERATOR", FRESH))
    Path("net.py").write_text(NET)
    Path("sizes.py").write_text("width = 6")
    weights(1)
    _load_data.cache_clear()
    yield tmp_path
    _load_data.cache_clear()


def recipe(dataset="./data.py:data", model="{name: fc, width: 6}", overrides=()):
    return loads(RECIPE.replace("DATASET", dataset).replace("MODEL", model), overrides=list(overrides))


def another_process():
    """Data are loaded once in a process."""
    _load_data.cache_clear()


def csv_data(dataset):
    """A recipe, and the files of its data."""
    Path("rows").mkdir()
    for name, rows in (("train", 30), ("test", 10)):
        lines = [f"{i * 7 % 11}.5,{i % 7},{i % 2}" for i in range(rows)]
        Path(f"rows/{name}.csv").write_text("\n".join(["a,b,label", *lines]))
    return recipe(dataset)


def values(result):
    return {
        key: value for key, value in result.items() if key not in ("seconds", "date", "peak_memory_bytes")
    }


def folder_of(loaded):
    return Path("results/r/runs") / single(loaded.recipe.model_copy(update={"sweep": None})).run_id


def test_each_result_and_checkpoint_says_what_it_was_made_from(here):
    mine, shipped = (train(recipe(model=model)) for model in ("./net.py:net", "{name: fc, width: 6}"))
    assert set(mine["origin"]["data"]) == {"train", "validation", "test"}
    assert len({mine["origin"]["theta0"], *mine["origin"]["data"].values()}) == 4
    assert mine["origin"]["data"] == shipped["origin"]["data"]
    assert set(mine["origin"]["code"]) == {"dataset", "model"}
    assert set(shipped["origin"]["code"]) == {"dataset"}


def test_a_finished_run_whose_origin_is_the_same_is_only_read(here, caplog):
    first = train(recipe(model="./net.py:net"))
    another_process()
    assert train(recipe(model="./net.py:net")) == first
    assert not caplog.text


def test_data_drawn_anew_are_refused_by_evaluate_and_compress_and_trained_on_again(here, caplog):
    loaded = recipe("./fresh.py:data")
    first = train(loaded)
    another_process()
    for call in (evaluate, lambda path: compress(path, options=CompressOptions(levels=[2]))):
        with pytest.raises(FileError, match=r"the data of ./fresh.py:data are not those"):
            call(folder_of(loaded))
    again = train(loaded)
    assert again["origin"]["data"] != first["origin"]["data"]
    assert "are not those that it was trained on; the run is made again" in caplog.text


def test_replaced_weights_are_refused_by_evaluate_and_trained_from_again(here, caplog):
    loaded = recipe(model="./net.py:net")
    train(loaded)
    weights(2)
    with pytest.raises(FileError, match=r"model ./net.py:net gives another theta_0"):
        evaluate(folder_of(loaded))
    again = train(loaded)
    assert values(again) == values(train(loaded, "fresh"))
    assert "gives another theta_0 than the one it was trained from; the run is made again" in caplog.text


@pytest.mark.parametrize("file", ["net.py", "sizes.py", "data.py"])
def test_an_edited_file_is_refused_by_evaluate(here, file):
    loaded = recipe(model="./net.py:net")
    train(loaded)
    folder = folder_of(loaded)
    assert evaluate(folder).d == 5
    Path(file).write_text(Path(file).read_text() + "\n# edited")
    with pytest.raises(FileError, match=r"the code of ./\w+.py:\w+ has changed since it was trained"):
        evaluate(folder)


def test_a_replaced_file_of_data_makes_a_sweep_again_and_says_so(here):
    loaded, lines = csv_data("{name: hf, path: rows}"), []

    class Told(Silent):
        def say(self, line):
            lines.append(line)

    sweep(loaded)
    text = Path("rows/train.csv").read_text()
    another_process()
    assert sweep(loaded, watcher=Told()).ok == 3
    assert not lines
    Path("rows/train.csv").write_text(text.replace(",3,1", ",4,1", 1))
    another_process()
    again = sweep(loaded, watcher=Told())
    assert (
        lines[0]
        == "3 finished runs are made again: the data of hf (train) are not those that it was trained on"
    )
    fresh = sweep(loaded, "fresh")
    assert list(again.table["performance"]) == list(fresh.table["performance"])


def test_only_the_test_split_has_changed(here):
    loaded = recipe()
    train(loaded)
    folder = folder_of(loaded)
    digest = json.loads((folder / "result.json").read_text())["origin"]["data"]["test"]
    text = Path("data.py").read_text()
    # The same code, so the test split must come from elsewhere.
    Path("data.py").write_text(text.replace("x[40:], y[40:]", "x[40:], torch.load('y.pt')"))
    torch.save(torch.zeros(20, dtype=torch.long), "y.pt")
    another_process()
    train(loaded := recipe(), "other")
    folder = "other" / folder_of(loaded).relative_to("results")
    assert json.loads((folder / "result.json").read_text())["origin"]["data"]["test"] != digest
    assert evaluate(folder, "test").examples == 20
    torch.save(torch.ones(20, dtype=torch.long), "y.pt")
    assert evaluate(folder).examples == 10
    with pytest.raises(FileError, match=r"\(test\) are not those"):
        evaluate(folder, "test")


def test_a_run_is_not_taken_up_on_other_data(here, caplog, monkeypatch):
    from idim_cli.training import session

    monkeypatch.setattr(session, "REPORT_SECONDS", -1.0)
    one = single(recipe("./fresh.py:data").recipe.model_copy(update={"sweep": None}))

    def stop(progress):
        if progress.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError):
        run(one, here / one.run_id, on_step=stop)
    another_process()
    run(one, here / one.run_id)
    assert "are not those that it was trained on; the run starts from the beginning" in caplog.text
    assert "resumes at step" not in (here / one.run_id / results.LOG).read_text()


def test_workers_that_draw_data_of_their_own_are_noticed(here):
    with Pool(2) as pool, pytest.raises(IdimError, match="in another process, the data of") as caught:
        sweep(recipe("./fresh.py:data"), executor=pool)
    assert "seed" in caught.value.hint


def test_finished_runs_are_read_where_their_data_are_not(here, caplog):
    loaded = csv_data("{name: hf, path: rows}")
    first = sweep(loaded)
    Path("rows").rename("elsewhere")
    another_process()
    again = sweep(loaded)
    assert list(again.table["performance"]) == list(first.table["performance"])
    assert "cannot compare the data of hf" in caplog.text


def test_results_of_an_earlier_version_are_taken_with_a_warning(here, caplog):
    loaded = recipe()
    first = train(loaded)
    path = folder_of(loaded) / results.RESULT
    path.write_text(json.dumps({key: value for key, value in first.items() if key != "origin"}))
    another_process()
    assert train(loaded)["performance"] == first["performance"]
    assert "did not record it" in caplog.text


HIDDEN = """
import importlib, pathlib, sys
from torch import nn
HERE = pathlib.Path(__file__).parent
def computed(shape, classes):
    part = importlib.import_module("".join(["act", "ive"]))
    return nn.Sequential(nn.Linear(4, 6), part.ACT(), nn.Linear(6, classes))
def read(shape, classes):
    space = {}
    exec((HERE / "active.py").read_text(), space)
    return nn.Sequential(nn.Linear(4, 6), space["ACT"](), nn.Linear(6, classes))
"""


def rows(figures):
    return {name: pytest.approx(value) for name, value in figures.items()}


@pytest.fixture(params=["computed", "read"])
def hidden(here, request):
    """A trained run of a network whose activation no digest covers, and a copy with a file."""
    Path("hidden.py").write_text(HIDDEN)
    Path("active.py").write_text("from torch.nn import Tanh as ACT")
    loaded = recipe(model=f"./hidden.py:{request.param}")
    train(loaded)
    folder = folder_of(loaded)
    first = evaluate(folder, "train").metrics
    compress(folder, "a.idim", CompressOptions(lossless=True))
    Path("active.py").write_text(
        "from torch import nn\nclass ACT(nn.Module):\n    def forward(self, x): return -x * 3"
    )
    return folder, first


def test_code_that_no_digest_covers_shows_in_the_score(hidden):
    folder, _ = hidden
    for call in (
        evaluate,
        lambda path: evaluate(path, "test"),
        lambda path: compress(path, options=CompressOptions(levels=[2])),
        lambda path: compress(path, options=CompressOptions(lossless=True)),
    ):
        with pytest.raises(
            FileError, match=r"cannot be scored: on the validation split it comes to .*, not "
        ) as e:
            call(folder)
        assert "restore it" in e.value.hint
    assert not (folder / "checkpoint.idim").exists()


def test_a_compressed_file_is_compared_with_its_checkpoint(hidden):
    with pytest.raises(
        FileError, match=r"the file cannot be scored: on the validation split it comes to nll"
    ):
        evaluate("a.idim", trust_code=True)
    Path("a.idim.json").unlink()
    assert evaluate("a.idim", trust_code=True).examples == 10


def test_data_that_have_changed_since_a_file_was_written_are_refused(here):
    loaded = recipe("./fresh.py:data")
    train(loaded)
    compress(folder_of(loaded), "a.idim", CompressOptions(lossless=True))
    another_process()
    with pytest.raises(FileError, match=r"the data of ./fresh.py:data are not those that it was trained on"):
        evaluate("a.idim", trust_code=True)


def test_the_checkpoint_of_another_file_is_not_compared(here):
    for seed in (0, 1):
        train(loaded := recipe(overrides=[f"seeds.data={seed}"]))
        compress(folder_of(loaded), f"{seed}.idim", CompressOptions(lossless=True))
    Path("1.idim").replace("0.idim")
    assert evaluate("0.idim", trust_code=True).metrics == evaluate(folder_of(loaded)).metrics


def test_a_network_that_draws_numbers_in_evaluation_is_scored(here):
    Path("noisy.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, shape, classes):\n"
        "        super().__init__()\n"
        "        self.last = nn.Linear(4, classes)\n"
        "    def forward(self, x):\n"
        "        return self.last(x + torch.randn_like(x))\n"
    )
    loaded = recipe(model="./noisy.py:Net")
    train(loaded)
    assert evaluate(folder_of(loaded)).examples == 10


@pytest.mark.parametrize("performance", ["final", "best"])
def test_the_figures_of_a_checkpoint_are_those_of_its_coordinates(here, performance):
    loaded = recipe("digits", "fc", [f"training.performance={performance}"])
    result = train(loaded)
    found = from_checkpoint.read(folder_of(loaded) / results.CHECKPOINT)
    metrics = {name.removeprefix("validation_"): value for name, value in result["metrics"].items()}
    assert found.metrics["validation"] == {name: metrics[name] for name in found.metrics["validation"]}
    assert {"accuracy", "nll"} <= found.metrics["validation"].keys()
    assert evaluate(folder_of(loaded)).metrics == pytest.approx(found.metrics["validation"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: weights(2), "gives another theta_0"),
        (lambda: Path("sizes.py").write_text("width = 6 # edited"), "the code of ./net.py:net has changed"),
        (lambda: Path("data.py").write_text(DATA.replace("GENERATOR", FRESH)), "the code of ./data.py:data"),
        (lambda: another_process(), "the data of ./fresh.py:data"),
    ],
)  # fmt: skip
def test_a_start_from_another_problem_is_refused(here, change, said):
    first = recipe("./fresh.py:data" if "fresh" in said else "./data.py:data", "./net.py:net")
    train(first)
    text = RECIPE.replace("MODEL", "./net.py:net").replace("DATASET", first.recipe.dataset.name)
    on = loads(f"{text}start: {folder_of(first)}\n", overrides=["training.epochs=1"])
    train(on, "on")
    change()
    with pytest.raises(RecipeError, match=rf"start: .* is of another problem: .*{said}"):
        train(on, "again")
