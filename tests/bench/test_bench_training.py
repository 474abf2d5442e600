"""Steps and packs are timed on the training's own loop, next to direct training, the module, and one run."""

import pytest
import torch

from idim_cli.bench import pack, step, synthetic
from idim_cli.bench.base import How
from idim_cli.core.errors import ComponentError, IdimError
from idim_cli.recipe.load import load, loads
from idim_cli.training.prepare import Where

HOW = How(torch.device("cpu"), seconds=0.0)
SMALL = ["model.width=4", "model.depth=1", "dataset.n=300"]
D = 784 * 4 + 4 + 4 * 10 + 10


@pytest.fixture
def small():
    return step.default_recipe(SMALL).recipe


def test_a_row_for_each_projector_at_each_d_with_ratios_of_its_own(small):
    rows = list(step.measure(small, [5, 20], ["tied", "sparse"], HOW, Where()))
    assert [(row["d"], row["projector"]) for row in rows] == [
        (d, name) for d in (5, 20) for name in ("tied", "sparse")
    ]
    for row in rows:
        assert tuple(row) == step.COLUMNS
        assert (row["D"], row["skipped"]) == (D, None)
        assert row["to_direct"] == row["step_s"] / row["direct_s"]
        assert row["to_module"] == row["step_s"] / row["module_s"]


def test_a_projector_that_cannot_be_had_is_skipped_with_the_reason(small):
    tied, dense = step.measure(small, [D + 1], ["tied", "dense"], HOW, Where())
    assert tied["skipped"] == dense["skipped"]
    assert tied["skipped"].startswith(f"d = {D + 1} is not in 1 .. D = {D}")
    assert tied["step_s"] is None


def test_the_default_recipe_is_the_papers_network():
    loop = step.endless(step.direct(step.default_recipe(["dataset.n=130"]).recipe), Where())
    assert loop.subspace.D == 199_210
    assert loop.training.batch_size == 128


def test_each_call_trains_one_step_past_the_ends_of_epochs_and_without_evaluations(small):
    loop = step.endless(step.in_subspace(small, projector="tied", d=5), Where())
    call = step.steps(loop)
    for _ in range(7):  # three batches make an epoch
        call()
    assert (loop.state.step, loop.state.epoch, loop.state.rows) == (7, 2, [])
    assert loop.subspace.coords.norm() > 0


def test_the_module_by_itself_is_trained_as_the_direct_run_is(small):
    run = step.direct(small)
    bare, direct = step.endless(run, Where()), step.endless(run, Where())
    trains, steps = step._module_steps(bare), step.steps(direct)
    for _ in range(4):
        trains()
        steps()
    theta = direct.subspace.native()
    for name, parameter in bare.subspace.module.named_parameters():
        assert torch.allclose(parameter, theta[name], atol=1e-5), name


def test_the_direct_run_is_trained_as_the_baseline_says():
    recipe = load("quickstart").recipe
    assert step.direct(recipe).recipe.training.optimizer.params["lr"] == 0.01
    assert step.in_subspace(recipe, d=3).recipe.training.optimizer.params["lr"] == 0.1


def test_synthetic_images_are_the_same_every_time():
    one, again = synthetic.images(n=1200), synthetic.images(n=1200)
    assert one.train.x.shape == (1200, 1, 28, 28)
    assert torch.equal(one.train.x, again.train.x)
    assert 0 <= one.train.x.min() < one.train.x.max() <= 1
    assert set(one.train.y.tolist()) == set(range(10))


def test_packs_are_compared_with_one_run():
    recipe = load("quickstart").recipe
    rows = list(pack.measure(recipe, [1, 3], HOW, Where()))
    assert [row["runs"] for row in rows] == [1, 3]
    for row in rows:
        assert tuple(row) == pack.COLUMNS
        assert (row["projector"], row["D"], row["d"]) == ("tied", 2410, 128)
        assert row["runs_x_steps_per_s"] == row["runs"] / row["pack_s"]
        assert row["times_faster"] == pytest.approx(row["runs_x_steps_per_s"] / row["single_steps_per_s"])


def test_each_call_trains_every_run_of_the_pack_for_one_step():
    recipe = load("quickstart").recipe
    loops = [pack._loop(recipe, seed, Where()) for seed in (0, 1)]
    call = pack.pack_steps(loops)
    for _ in range(20):  # nineteen batches make an epoch
        call()
    assert [(loop.state.step, loop.state.epoch) for loop in loops] == [(20, 1), (20, 1)]
    assert not torch.equal(loops[0].subspace.coords, loops[1].subspace.coords)


def test_runs_that_cannot_be_batched_are_refused():
    recipe = load("quickstart", ["model.dropout=0.5"]).recipe
    with pytest.raises(ComponentError, match="cannot be batched"):
        list(pack.measure(recipe, [2], HOW, Where()))


def test_a_recipe_without_d_is_refused():
    text = "{dataset: digits, model: fc, training: {epochs: 1}}"
    with pytest.raises(IdimError, match="d is missing"):
        list(pack.measure(loads(text).recipe, [2], HOW, Where()))
