"""Training with coordinates of few values, and training that starts where another one ended."""

import json
from dataclasses import replace

import pytest
import torch

from idim_cli.compression.evaluate import evaluate
from idim_cli.core.errors import RecipeError
from idim_cli.execute.base import Silent
from idim_cli.execute.inline import Inline
from idim_cli.execute.sweep import sweep
from idim_cli.methods.rounding import Rounding
from idim_cli.recipe.load import loads
from idim_cli.recipe.schema import Quantise
from idim_cli.runs import checkpoint, results
from idim_cli.runs.early_stop import Goal
from idim_cli.runs.plan import plan, single
from idim_cli.training import session
from idim_cli.training.prepare import Where
from idim_cli.training.run import run, train
from idim_cli.training.stop import StoppedError

TEXT = """
name: small
dataset: digits
model: {name: fc, depth: 1, width: 8}
device: cpu
d: 40
training: {epochs: 4, optimizer: {name: adam, lr: 0.1}}
"""


def recipe(*overrides):
    return loads(TEXT, overrides=overrides).recipe


def run_of(folder):
    (found,) = (folder / "small" / "runs").iterdir()
    return found


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
def test_the_solution_takes_few_values(codebook, tmp_path):
    result = run(single(recipe(f"quantise={{levels: 4, codebook: {codebook}}}")), tmp_path)
    tensors, _ = checkpoint.load(tmp_path / results.CHECKPOINT)
    book = tensors["book"]
    assert len(book) == 4
    assert torch.equal(book, book.bfloat16().float()) or codebook == "uniform"
    assert torch.isin(tensors["coords"], book).all()
    score = evaluate(tmp_path)
    assert score.metrics["accuracy"] == result["performance"]
    assert result["performance"] != run(single(recipe()), tmp_path / "free")["performance"]


def test_rounding_begins_after_its_share(tmp_path):
    whole = run(single(recipe("quantise={levels: 2, after: 0.5}")), tmp_path / "a")
    free = run(single(recipe()), tmp_path / "b")
    rows = [(tmp_path / name / results.METRICS).read_text().splitlines()[1:] for name in "ab"]
    losses = [[line.split(",")[3] for line in part] for part in rows]
    assert losses[0][:2] == losses[1][:2]
    assert losses[0][2] != losses[1][2]
    assert whole["performance"] < free["performance"]


def test_ever_more_are_rounded_and_the_others_move_further():
    coords = torch.randn(100, generator=torch.Generator().manual_seed(0))
    rounding, rounded = Rounding(Quantise(levels=3, after=0.2), coords, 100), []
    for step in range(1, 101):
        coords.add_(0.01)
        rounding.after_step(step)
        book = rounding.quantiser.book
        assert rounding.quantiser.fitted == (step > 20)
        rounded.append(int(torch.isin(coords, book).sum()))
        if step > 20:
            assert rounded[-1] >= 100 - round(100 * ((100 - step) / 80) ** 2)
    assert rounded[:20] == [0] * 20
    assert 0 < rounded[30] < rounded[60] < rounded[99] == 100
    assert [rounding.lr_factor(step) for step in (0, 20, 60, 99)] == [1, 1, 2, 10]


def test_steep_coordinates_are_rounded_before_flat_ones_that_are_nearer():
    coords = torch.nn.Parameter(torch.tensor([-1.0, -0.9, 0.0, 0.75, 1.0, 0.6]))
    places = {}
    for order in ("nearest", "steepest"):
        rounded = coords.detach().clone().requires_grad_()
        rounded.grad = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 50.0])
        rounding = Rounding(Quantise(levels=3, after=0.5, order=order), rounded, 2)
        with torch.no_grad():
            rounding.after_step(1)
            rounding._free = lambda step: 1
            rounding.after_step(2)
        book = rounding.quantiser.book
        places[order] = (~torch.isin(rounded, book)).nonzero().flatten().tolist()
    assert places == {"nearest": [5], "steepest": [3]}


def test_rounding_from_the_first_step_on(tmp_path):
    result = run(single(recipe("quantise={levels: 3, after: 0}")), tmp_path)
    assert result["status"] == "ok"
    assert len(checkpoint.load(tmp_path / results.CHECKPOINT)[0]["coords"].unique()) == 3


@pytest.mark.parametrize("reported", ["best", "final"])
def test_only_the_end_has_few_values_and_counts(reported, tmp_path):
    overrides = ("quantise={levels: 2, after: 0.5}", f"training.performance={reported}")
    result = run(replace(single(recipe(*overrides)), goal=Goal(0.2, ((0.0, 1.0),) * 4)), tmp_path)
    assert result["epoch"] == 4
    assert evaluate(tmp_path).metrics["accuracy"] == result["performance"]


@pytest.mark.parametrize("order", ["nearest", "steepest"])
def test_it_goes_on_bit_for_bit(order, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "REPORT_SECONDS", -1.0)
    one = single(recipe(f"quantise={{levels: 3, after: 0.25, order: {order}}}"))
    whole = run(one, tmp_path / "whole")

    for at in (5, 25):
        with pytest.raises(StoppedError):
            run(one, tmp_path / "cut", on_step=lambda p, at=at: _kill() if p.step == at else None)
    again = run(one, tmp_path / "cut")
    assert again["performance"] == whole["performance"]
    tensors = [checkpoint.load(tmp_path / name / results.CHECKPOINT)[0] for name in ("whole", "cut")]
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])


def _kill():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGINT)


def test_several_side_by_side_are_as_each_alone(tmp_path):
    # Joined optimizers have one learning rate, and that depends on how many coordinates are free.
    orders = ["nearest", "nearest", "steepest"]
    texts = [
        recipe(f"quantise={{levels: 3, after: {seed / 4}, order: {order}}}", f"seeds={seed}")
        for seed, order in enumerate(orders)
    ]
    runs = [single(one) for one in texts]
    packed = dict(_by_id(Inline(3).map(runs, tmp_path / "packed", Where(), Silent())))
    for one in runs:
        alone = run(one, tmp_path / "alone" / one.run_id)
        assert packed[one.run_id]["performance"] == pytest.approx(alone["performance"], abs=0.03)
        tensors, _ = checkpoint.load(tmp_path / "packed" / "small" / "runs" / one.run_id / results.CHECKPOINT)
        other, _ = checkpoint.load(tmp_path / "alone" / one.run_id / results.CHECKPOINT)
        steps = (tensors["coords"] - other["coords"]).abs() / tensors["book"][-1]
        assert (steps < 0.1).float().mean() > 0.95


def _by_id(pairs):
    return ((one.run_id, result) for one, result in pairs)


def test_direct_runs_and_names_leave_it_out():
    text = TEXT + "quantise: {levels: 3}\nsweep: {d: [10], seeds: 1}\n"
    direct, quantised = plan(loads(text).recipe)
    assert direct.direct
    assert direct.recipe.quantise is None
    plain_direct, plain = plan(loads(text.replace("quantise: {levels: 3}\n", "")).recipe)
    assert direct.run_id == plain_direct.run_id
    assert quantised.run_id != plain.run_id
    over = plan(loads(TEXT + "sweep: {d: [10], seeds: 1, over: {quantise.levels: [2, 3]}}\n").recipe)
    assert [one.direct for one in over] == [True, False, False]
    assert len({one.run_id for one in over}) == 3


@pytest.mark.parametrize(
    "given", ["{levels: 1}", "{levels: 257}", "{levels: 3, after: 1}", "{codebook: kmeans}", "3"]
)
def test_faulty_values_are_refused(given):
    with pytest.raises(RecipeError, match="quantise"):
        recipe(f"quantise={given}")


def test_a_training_starts_where_another_ended(tmp_path):
    train(loads(TEXT), tmp_path)
    first = run_of(tmp_path)
    wanted = ("training.epochs=1", "training.optimizer={name: sgd, lr: 1e-12, momentum: 0}")
    result = run(single(recipe(f"start={first}", *wanted)), tmp_path / "again")
    assert result["performance"] == json.loads((first / "result.json").read_text())["performance"]
    same = run(single(recipe(f"start={first / results.CHECKPOINT}", *wanted)), tmp_path / "file")
    assert same["run_id"] == result["run_id"]  # what is in the checkpoint counts, not where it lies
    assert single(recipe(*wanted)).run_id != result["run_id"]


@pytest.mark.parametrize("change", ["d=41", "seeds.projector=1", "model.width=9", "projector=sparse"])
def test_another_network_is_no_start(change, tmp_path):
    train(loads(TEXT), tmp_path)
    first, key = run_of(tmp_path), change.partition("=")[0].partition(".")[0]
    result = run(single(recipe(f"start={first}", change)), tmp_path / "again")
    assert result["status"] == "failed"
    assert "start" in result["reason"]
    assert key in result["reason"]
    # Nothing is begun where there is a recipe to name the place of.
    with pytest.raises(RecipeError, match=rf"small.yaml:8:8: start: .*differs in .*{key}"):
        train(loads(f"{TEXT}start: {first}\n", "small.yaml", overrides=[change]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_start_that_is_not_there(tmp_path):
    def refused(message):
        with pytest.raises(RecipeError, match=rf"small.yaml:8:8: start: .*{message}") as caught:
            train(loads(f"{TEXT}start: {tmp_path / 'at'}\n", "small.yaml"), tmp_path / "out")
        assert str(tmp_path / "at") in str(caught.value)
        assert not (tmp_path / "out").exists()

    refused("no checkpoint")
    (tmp_path / "at").mkdir()
    refused("no checkpoint")
    (tmp_path / "at" / results.CHECKPOINT).write_bytes(b"nothing")
    refused("cannot read the checkpoint")
    checkpoint.save(tmp_path / "at" / results.CHECKPOINT, {}, {})
    refused("not a checkpoint")
    damaged = {"recipe": {"name": "small"}, "d": 40}
    checkpoint.save(tmp_path / "at" / results.CHECKPOINT, {"coords": torch.zeros(40)}, damaged)
    refused("own recipe is invalid")


def test_a_sweep_finds_a_wrong_start_before_its_first_run(tmp_path):
    train(loads(TEXT), tmp_path)
    grid = "sweep: {d: [40, 41, 42], seeds: 2, baseline: {seeds: 1}}\n"
    text = f"{TEXT}start: {run_of(tmp_path)}\n{grid}"
    with pytest.raises(RecipeError) as caught:
        sweep(loads(text, "small.yaml"), tmp_path / "out")
    (fault,) = caught.value.faults
    assert fault.line == 8
    assert "4 more faults" in fault.message  # (d, seed) but for the one that fits
    assert not list((tmp_path / "out").glob("*/runs"))
    with pytest.raises(RecipeError, match=r"small.yaml:8:8: start: a search chooses d"):
        sweep(
            loads(text.replace("d: [40, 41, 42], seeds: 2, ", ""), "small.yaml", ["sweep.search=adaptive"]),
            tmp_path / "out",
        )
    assert not list((tmp_path / "out").glob("*/runs"))
    fits = loads(text.replace("40, 41, 42", "40").replace("seeds: 2", "seeds: 1"))
    assert sweep(fits, tmp_path / "out").ok == 2


def test_a_run_that_no_plan_asked_for_says_what_its_coordinates_may_be(tmp_path):
    for given in ("quantise={levels: 3}", "quantise=null"):
        train(loads(TEXT, overrides=[given]), tmp_path)
    table = results.table(tmp_path / "small")
    assert sorted(table["quantise.levels"].dropna()) == [3]
    assert len(table) == 2
