"""One real step before the first run: what it finds, where it says so, and that it leaves no trace."""

import random

import numpy as np
import pytest
import torch

from idim_cli.core.errors import ExitedError, IdimError, RecipeError
from idim_cli.execute.forecast import forecast
from idim_cli.execute.sweep import sweep
from idim_cli.models import base as models
from idim_cli.runs import checkpoint
from idim_cli.runs.plan import plan, single
from idim_cli.training import trial_step
from idim_cli.training.preflight import preflight
from idim_cli.training.prepare import Where, load_data
from idim_cli.training.run import run
from idim_cli.training.trial_step import TrialStep

CODE = '''
import random
from collections import namedtuple
from torch.utils.checkpoint import checkpoint

Outputs = namedtuple("Outputs", "logits extra")

class Plain(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.first, self.last = nn.Linear(2, 8), nn.Linear(8, classes)
    def inner(self, x):
        return torch.tanh(self.first(x))
    def forward(self, x):
        return self.last(self.inner(x))

class Pair(Plain):
    def forward(self, x):
        out = super().forward(x)
        return Outputs(out, out) if self.training else out

class Checkpointed(Plain):
    def forward(self, x):
        return self.last(checkpoint(self.inner, x, use_reentrant=False))

class Rerun(torch.autograd.Function):
    @staticmethod
    def forward(ctx, run, x, *weights):
        ctx.run = run
        ctx.save_for_backward(x)
        return run(x).detach()
    @staticmethod
    def backward(ctx, grad):
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            out = ctx.run(x)
        torch.autograd.backward(out, grad)
        return None, x.grad

class OwnCheckpoints(Plain):
    """Runs its middle again in the backward pass, by its own means."""
    def __init__(self, classes):
        super().__init__(classes)
        self.middle = nn.Linear(8, 8)
    def forward(self, x):
        return self.last(Rerun.apply(lambda h: torch.tanh(self.middle(h)), self.inner(x)))

class OwnList(Plain):
    """Keeps the weights in a list of its own."""
    def __init__(self, classes):
        super().__init__(classes)
        self.own = [self.first.weight]
    def forward(self, x):
        return self.last(torch.tanh(nn.functional.linear(x, self.own[0])))

class Restless(Plain):
    """Noise that no generator of torch makes."""
    def forward(self, x):
        return self.last(self.inner(x) * (1 + random.random()))

class Lonely(Plain):
    def forward(self, x):
        assert not self.training or len(x) > 3, "more company is wanted"
        return super().forward(x)

class Leaving(Plain):
    def forward(self, x):
        raise SystemExit(0)

class Evaluated(Plain):
    def forward(self, x):
        return super().forward(x) if self.training else {}["no such thing"]

class Spare(Plain):
    """Has a layer that nothing uses."""
    def __init__(self, classes):
        super().__init__(classes)
        self.extra = nn.Linear(8, 100)

class Hooked(Plain):
    """Half of it is frozen by its gradient hook."""
    def __init__(self, classes):
        super().__init__(classes)
        self.first.weight.register_hook(lambda g: g * 0)

class Double(Plain):
    def forward(self, x):
        return super().forward(x.double())

def unseeded(classes):
    torch.seed()
    return Plain(classes)

def drawn(classes):
    import numpy
    made = Plain(classes)
    with torch.no_grad():
        made.last.bias.fill_(numpy.random.default_rng().random())
    return made

def seeded_otherwise(classes):
    import numpy
    made = Plain(classes)
    with torch.no_grad():
        made.last.bias.fill_(random.random() + numpy.random.rand())
    return made

class Complex(Plain):
    def __init__(self, classes):
        super().__init__(classes)
        self.turn = nn.Parameter(torch.ones(8, dtype=torch.complex64))
    def inner(self, x):
        return (super().inner(x) * self.turn).real

class Follower(Plain):
    def forward(self, x):
        with torch.no_grad():
            self.last.weight.mul_(0.9)
        return super().forward(x)
'''


@pytest.fixture
def made(loaded, code):
    """A recipe of the model called so."""
    code.write_text(code.read_text() + CODE)
    return lambda name, *overrides, **more: loaded(f"model={{name: '{code}:{name}'}}", *overrides, **more)


def faults(recipe):
    with pytest.raises(RecipeError) as caught:
        preflight(plan(recipe.recipe), Where(), recipe.source)
    return caught.value.faults


def fault(recipe):
    (one,) = faults(recipe)
    return one


@pytest.mark.parametrize("name", ["Plain", "Checkpointed", "Restless", "noisy", "Hooked", "seeded_otherwise"])
def test_what_trains_passes(made, name):
    recipe = made(name)
    assert preflight(plan(recipe.recipe), Where(), recipe.source)


def test_what_a_model_returns_in_training_alone(made):
    one = fault(made("Pair"))
    assert one.path == "model"
    assert one.message == "the model returned a Outputs, not a tensor"


def test_a_bug_that_only_occurs_in_training_is_reported_with_its_place(made, code):
    one = fault(made("broken", "d=5"))
    assert "ZeroDivisionError: a bug in the user's model" in one.message
    lines = code.read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "raise ZeroDivisionError" in text)
    assert one.hint == f"at {code}:{line}"


def test_a_bug_that_only_evaluation_meets(made):
    one = fault(made("Evaluated"))
    assert one.path == "model"
    assert "fails in evaluation, on 8 examples" in one.message


def test_BatchNorm_and_a_last_batch_of_one(made):
    one = fault(made("noisy", "training.batch_size=19"))  # 39 = 2 x 19 + 1
    assert one.path == "training.batch_size"
    assert one.file == "argument 'training.batch_size=19'"
    assert (
        "the last batch of an epoch has 1 example (39 = 2 x 19 + 1), and the model fails on it" in one.message
    )
    assert "20" in one.hint


def test_a_last_batch_that_training_never_comes_to(made):
    recipe = made("noisy", "training.batch_size=19", "training={epochs: null, steps: 2, batch_size: 19}")
    assert preflight(plan(recipe.recipe), Where(), recipe.source)
    assert (
        fault(made("noisy", "training={epochs: null, steps: 3, batch_size: 19}")).path
        == "training.batch_size"
    )


def test_a_last_batch_that_is_merely_small(made):
    recipe = made("noisy", "training.batch_size=18")  # 39 = 2 x 18 + 3
    assert preflight(plan(recipe.recipe), Where(), recipe.source)
    assert "3 examples" in fault(made("Lonely", "training.batch_size=18")).message


def test_every_batch_size_of_a_sweep_is_tried(made):
    recipe = made("noisy", extra="sweep: {d: [5], over: {training.batch_size: [8, 19, 38]}}")
    assert [one.path for one in faults(recipe)] == ["training.batch_size"] * 2


@pytest.mark.parametrize("name", ["OwnCheckpoints", "OwnList"])
def test_a_gradient_that_is_another_one_in_a_subspace_is_refused(made, name):
    one = fault(made(name))
    assert one.path == "model"
    assert "gradient of model" in one.message


def test_a_model_that_moves_its_own_parameters_is_refused(made):
    assert "changes the parameter 'last.weight'" in fault(made("Follower")).message


@pytest.mark.parametrize("name", ["unseeded", "drawn"])
def test_a_start_that_the_seed_does_not_give_again_is_refused(made, name):
    one = fault(made(name, extra="sweep: {d: [5, 6], over: {training.batch_size: [8, 13]}}"))
    assert one.path == "model"
    assert "another theta_0" in one.message
    assert "torch.seed()" in one.hint


def test_complex_parameters_are_refused_and_not_cast(made):
    one = fault(made("Complex"))
    assert (one.path, one.message) == ("model", "the parameter 'turn' is complex, and P is real")
    assert "torch.view_as_real" in one.hint


def test_code_that_ends_the_program_is_an_error(made):
    recipe = made("Leaving")
    with pytest.raises(ExitedError, match="asked to end the program"):
        preflight(plan(recipe.recipe), Where(), recipe.source)


def test_a_batch_that_does_not_fit(made, monkeypatch):
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError

    recipe = made("Plain")
    monkeypatch.setattr("idim_cli.tasks.classify.Classify.loss", full)
    assert fault(recipe).path == "training.batch_size"


def test_no_trace_is_left(made):
    recipe = made("Restless")
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.rand(), torch.rand(1).item()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    preflight(plan(recipe.recipe), Where(), recipe.source)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected


def test_buffers_are_as_before(made):
    recipe = made("noisy").recipe
    device = torch.device("cpu")
    data = load_data(recipe, Where(), device)
    module = models.build(recipe.model, data.shape, data.classes, 0)
    before = [buffer.clone() for buffer in module.buffers()]
    tried = TrialStep(module, recipe, data, device)
    tried.first()
    tried.last()
    assert before
    assert all(torch.equal(a, b) for a, b in zip(before, module.buffers(), strict=True))
    assert tried.sizes == [16, 8, 8, 8, 16, 2]


def test_better_batch_sizes_leave_no_small_batch():
    for n in (39, 257, 1000, 60_001):
        for size in (2, 19, 128, 500):
            other = trial_step._better_batch_size(n, size)
            assert n % other == 0 or n % other >= other // 2 > 1


def test_a_direct_run_makes_a_trial_step_too(made):
    recipe = made("broken", "projector=identity", "d=null")
    with pytest.raises(RecipeError):
        preflight([single(recipe.recipe)], Where(), recipe.source)


@pytest.mark.parametrize("name", ["Pair", "Evaluated", "Follower", "OwnList", "Leaving", "broken"])
def test_a_forecast_ends_in_an_error_of_idims_own(made, tmp_path, name):
    with pytest.raises(IdimError):
        forecast(made(name), tmp_path, Where(), 1, 1)


def test_parameters_that_no_gradient_reaches_are_named_once(made, caplog):
    recipe, seen = made("Spare"), {}
    for _ in range(2):
        (D,) = preflight([single(recipe.recipe)], Where(), recipe.source, seen=seen)
    size = D - 900
    assert caplog.text.count("no gradient reaches 2 of its parameters in the first batch") == 1
    share = f"(extra.weight, extra.bias): 900 of D = {D:,} ({100 * 900 / D:.1f} %) count in D"
    assert share in caplog.text
    caplog.clear()
    others = made("Spare", "trainable=['first.*', 'last.*']")
    assert preflight([single(others.recipe)], Where(), others.source) == [size]
    assert not caplog.text


def test_a_search_looks_at_a_network_once(made, tmp_path, caplog):
    search = "sweep: {seeds: 2, baseline: {seeds: 1}, search: {name: adaptive, precision: 0.5, max_runs: 4}}"
    sweep(made("Spare", "training.epochs=1", extra=search), tmp_path)
    assert caplog.text.count("no gradient reaches 2 of its parameters") == 1


def test_a_model_that_casts_to_another_dtype_gets_a_hint_at_float32(made):
    one = fault(made("Double"))
    assert "dtype" in one.message
    assert "float32" in one.hint
    assert ".py:" in one.hint


def test_hooked_parameters_train_as_they_do_natively(made, tmp_path):
    """A hook that zeroes a gradient leaves direct training where it was."""
    recipe = made("Hooked", "projector=identity", "d=null")
    result = run(single(recipe.recipe), tmp_path / "run")
    coords = checkpoint.load(tmp_path / "run" / "checkpoint.safetensors")[0]["coords"]
    assert result["status"] == "ok"
    assert not coords[:16].any()
    assert coords[16:].all()


def test_a_floor_of_chance_that_the_task_does_not_know_is_found_before_training(made, code):
    code.write_text(code.read_text() + "\ndef loss(o, t): return o.sum()\ndef score(o, t): return 0.5\n")
    recipe = made("Plain", f"task={code}:loss", "threshold.floor=chance")
    one = fault(recipe)
    assert one.path == "threshold.floor"
    assert "not known" in one.message
