"""The loop: what is minimised, which examples are seen, and when it is evaluated."""

import math

import pytest
import torch

from idim_cli.core.errors import RunError
from idim_cli.training.loop import Loop
from idim_cli.training.prepare import Where, problem


@pytest.fixture
def loop(one):
    """Makes the loop of a run of the small problem."""

    def make(*overrides):
        run = one(*overrides)
        return Loop(problem(run, Where()), run.recipe.training, run.recipe.seeds.data)

    return make


def trained(loop):
    loop.run(lambda: None, lambda row: None)
    return loop


def test_l2_is_on_kernels_alone_in_the_full_space(loop):
    with_l2, without = loop("training.l2=0.5"), loop()
    for one in (with_l2, without):
        one.subspace.module.eval()  # no dropout: both losses see the same network
        one.subspace.coords.data.fill_(0.3)
    batch = without.problem.data.train.data
    theta = without.subspace.native()
    extra = with_l2.method.loss(theta, batch) - without.method.loss(theta, batch)
    kernels = theta["0.weight"].square().sum() + theta["4.weight"].square().sum()
    assert extra.item() == pytest.approx(0.5 * kernels.item(), rel=1e-5)
    # Its gradient goes through P, as that of the loss does.
    gradients = [
        torch.autograd.grad(loss, without.subspace.coords, retain_graph=True)[0]
        for loss in (0.5 * kernels, extra)
    ]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-6)


def test_an_epoch_sees_every_example_once_in_an_order_of_its_own(loop):
    one = loop()
    orders = []
    for epoch in (0, 1):
        batches = one.method.batches(epoch)
        assert [len(batch) for batch in batches] == [8, 8, 8, 8, 7]
        orders.append(torch.cat(batches).tolist())
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(39))
    assert orders[0] != orders[1]
    assert orders[0] != torch.cat(loop("seeds.data=1").method.batches(1)).tolist()


def test_clipping_bounds_the_gradient_of_what_is_trained(loop):
    one = loop("training.clip_norm=1e-3", "training.optimizer={name: sgd, lr: 1.0, momentum: 0.0}")
    next(steps := one.stepwise())
    next(steps)
    assert one.subspace.coords.norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_a_budget_of_steps_stops_inside_an_epoch_and_evaluates_there(loop):
    one = trained(loop("training.epochs=null", "training.steps=12"))
    assert (one.state.step, one.epochs) == (12, 3)
    assert [row["step"] for row in one.state.rows] == [5, 10, 12]


def test_evaluations_come_every_so_often_and_at_the_end(loop):
    one = trained(loop("training.evaluate_every=3"))
    assert [row["epoch"] for row in one.state.rows] == [3, 4]


def test_the_schedule_goes_step_by_step(loop):
    one = loop("training.schedule=linear")
    rates = []
    one.run(lambda: rates.append(one.method.optimizer.param_groups[0]["lr"]), lambda row: None)
    assert rates == pytest.approx([0.05 * (1 - step / 20) for step in range(20)])


def test_best_reports_the_best_epoch_with_its_own_coordinates(loop):
    one = loop(
        "training.performance=best",
        "training.schedule={name: step, every: 1, factor: 6}",
        "training.epochs=6",
    )
    points = []
    one.run(lambda: None, lambda row: points.append(one.subspace.coords.detach().clone()))
    scores = [row[one.key] for row in one.state.rows]
    solution = one.solution()
    best = scores.index(max(scores))
    assert best < len(scores) - 1, "the case shows nothing: the last epoch is the best"
    assert (solution["epoch"], solution[one.key]) == (best + 1, max(scores))
    assert torch.equal(one.subspace.coords, points[best])


def test_the_solution_has_the_figures_of_both_splits(loop):
    assert {"train_accuracy", "train_nll", "validation_accuracy", "validation_nll"} <= set(
        trained(loop()).solution()
    )


@pytest.mark.parametrize("seed", ["theta0", "projector", "data"])
def test_same_seeds_same_row_other_seeds_another(loop, seed):
    first, again, other = (trained(loop(*o)).state.rows for o in ([], [], [f"seeds.{seed}=1"]))
    assert first == again
    assert first != other


def test_torchs_own_generator_is_left_alone(loop):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trained(loop())
    assert torch.equal(torch.get_rng_state(), before)


def test_divergence_is_an_error_in_plain_words(loop):
    # Adam's steps are as long as its rate: the squares in l2 overflow.
    with pytest.raises(RunError, match="epoch 1: training diverged") as caught:
        trained(loop("training.optimizer.lr=1e25", "training.l2=1.0"))
    assert "training.optimizer.lr" in caught.value.hint


ONE_STEP = ("training.batch_size=39", "training.epochs=1")


@pytest.mark.parametrize("performance", ["final", "best"])
def test_the_very_last_step_may_diverge(loop, performance):
    # Its loss is that before the step: finite. A network of NaN would score as class 0.
    sgd = ("training.optimizer={name: sgd, lr: 1e300}", f"training.performance={performance}")
    with pytest.raises(RunError, match="the coordinates are not finite after epoch 1: training diverged"):
        trained(loop(*ONE_STEP, *sgd))


def test_any_figure_that_is_not_finite_is_divergence(loop):
    one = loop(*ONE_STEP)
    evaluate = one.task.evaluate
    one.task.evaluate = lambda *given: {**evaluate(*given), "f1": math.inf}
    with pytest.raises(RunError, match="validation_f1 is inf after epoch 1: training diverged"):
        trained(one)


def test_outputs_of_finite_coordinates_may_not_be_finite(loop):
    one = loop(*ONE_STEP)
    with torch.no_grad():
        one.subspace.module.get_parameter("4.bias")[0] = math.inf
    one.loss_sum = torch.zeros((), dtype=torch.float64)
    one.state.batch = 1
    with pytest.raises(RunError, match=r"validation_accuracy is nan.*training diverged"):
        one._end_epoch()


def test_bf16_trains_and_evaluates_in_float32(loop):
    one = trained(loop("training.precision=bf16"))
    assert math.isfinite(one.state.rows[-1]["validation_nll"])
    assert one.subspace.coords.dtype is torch.float32
    assert one.state.rows != trained(loop()).state.rows


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_goes_the_same_way_as_the_cpu(one):
    ends = []
    for device in ("cpu", "cuda"):
        run = one("model.name=fc", "model.width=16")
        loop = Loop(problem(run, Where(device=device)), run.recipe.training, 0)
        ends.append(trained(loop).subspace.coords.detach().cpu())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-2, atol=1e-3)
