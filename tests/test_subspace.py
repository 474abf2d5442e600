"""Subspace over the modules people have: tied weights, BatchNorm, recurrent, frozen, compiled, copied."""

import copy
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from idim_cli.core.errors import ComponentError
from idim_cli.projectors.base import build
from idim_cli.projectors.native import native_parameters
from idim_cli.projectors.subspace import Subspace
from idim_cli.recipe.schema import Component


def subspace(
    module: nn.Module, kind: str = "tied", d: int = 9, trainable: list[str] | None = None
) -> Subspace:
    sizes = [p.numel() for _, p in native_parameters(module, trainable)]
    return Subspace(module, build(Component(name=kind), sizes, d, 1), trainable)


def moved(wrapped: Subspace, scale: float = 1.0) -> Subspace:
    with torch.no_grad():
        wrapped.coords.copy_(scale * torch.linspace(-1, 1, wrapped.d))
    return wrapped


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Tanh(), nn.Dropout(0.5), nn.Linear(7, 2))


class TiedWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(11, 6), nn.Linear(6, 11, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.embed(tokens))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(4, 5, num_layers=2, batch_first=True), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x)[0])


X = torch.linspace(-1, 1, 30).reshape(6, 5)


def test_it_starts_at_theta_0():
    plain = mlp().eval()
    assert torch.equal(subspace(copy.deepcopy(plain))(X), plain(X))


def test_the_coordinates_are_all_that_is_trainable():
    wrapped = subspace(mlp())
    assert [name for name, p in wrapped.named_parameters() if p.requires_grad] == ["coords"]
    assert wrapped.coords.shape == (9,)
    assert not wrapped.coords.any()


@pytest.mark.parametrize("kind", ["dense", "sparse", "fastfood", "tied", "layerwise", "identity"])
def test_the_gradient_is_that_of_autograd_through_an_explicit_P(kind):
    plain = mlp().double().eval()
    total = sum(p.numel() for p in plain.parameters())
    wrapped = moved(subspace(copy.deepcopy(plain), kind, total if kind == "identity" else 9).double())
    P = wrapped.projector.project(torch.eye(wrapped.d, dtype=torch.float64)).T.detach()
    coords = wrapped.coords.detach().clone().requires_grad_()
    step = (P @ coords).split([p.numel() for p in plain.parameters()])
    theta = {n: p.detach() + s.view_as(p) for (n, p), s in zip(plain.named_parameters(), step, strict=True)}
    x = X.double()
    expected = torch.func.functional_call(plain, theta, (x,))
    assert torch.allclose(wrapped(x), expected, atol=1e-12)
    expected.square().sum().backward()
    wrapped(x).square().sum().backward()
    assert torch.allclose(wrapped.coords.grad, coords.grad, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", ["sparse", "fastfood", "tied"])
def test_the_gradient_has_a_gradient(kind):
    wrapped = moved(subspace(mlp().double().eval(), kind)).double()
    loss = wrapped(X.double()).square().sum()
    (first,) = torch.autograd.grad(loss, wrapped.coords, create_graph=True)
    (along,) = torch.autograd.grad(first.sum(), wrapped.coords)
    step = 1e-5
    with torch.no_grad():
        wrapped.coords += step
    (beyond,) = torch.autograd.grad(wrapped(X.double()).square().sum(), wrapped.coords)
    assert torch.allclose((beyond - first) / step, along, rtol=1e-2, atol=1e-2)


# torch's own, of the first forward derivative in a process.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_torch_func_works_as_on_any_module():
    wrapped = moved(subspace(mlp().double().eval(), "fastfood")).double()
    x, coords = X.double(), wrapped.coords.detach()

    def loss(coords: Tensor, x: Tensor) -> Tensor:
        return torch.func.functional_call(wrapped, {"coords": coords}, (x,)).square().sum()

    (expected,) = torch.autograd.grad(wrapped(x).square().sum(), wrapped.coords)
    assert torch.allclose(torch.func.grad(loss)(coords, x), expected)
    everything = dict(wrapped.named_parameters()), dict(wrapped.named_buffers())

    def of_all(parameters: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(wrapped, (parameters, everything[1]), (x,)).square().sum()

    assert torch.allclose(torch.func.grad(of_all)(everything[0])["coords"], expected)
    along = torch.linspace(0, 1, wrapped.d).double()
    assert torch.allclose(torch.func.jvp(lambda c: loss(c, x), (coords,), (along,))[1], expected @ along)
    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(coords, x.unsqueeze(1))
    assert torch.allclose(each.sum(0), expected)
    several = torch.stack([coords, 2 * coords, -coords])
    losses = torch.func.vmap(loss, (0, None))(several, x)
    assert torch.allclose(losses, torch.stack([loss(one, x) for one in several]))


def test_a_whole_step_of_training_lowers_the_loss():
    wrapped = subspace(mlp(), d=40)
    target, optimizer = (torch.arange(6) > 2).long(), torch.optim.Adam([wrapped.coords], lr=0.05)
    losses = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(wrapped(X), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_tied_weights_count_once_and_move_together():
    wrapped = moved(subspace(TiedWeights()))
    assert wrapped.D == 66
    theta = wrapped.native()
    assert list(theta) == ["embed.weight"]
    tokens = torch.arange(11)
    weight = theta["embed.weight"]
    assert torch.allclose(wrapped(tokens), weight @ weight.T, atol=1e-6)


def test_batchnorm_and_dropout_follow_the_mode():
    wrapped = moved(subspace(mlp()))
    mean = wrapped.module[1].running_mean.clone()
    wrapped.train()
    wrapped(X)
    assert not torch.equal(wrapped.module[1].running_mean, mean)
    wrapped.eval()
    mean = wrapped.module[1].running_mean.clone()
    assert torch.equal(wrapped(X), wrapped(X))
    assert torch.equal(wrapped.module[1].running_mean, mean)


@pytest.mark.parametrize("module", [mlp, TiedWeights, Recurrent])
def test_a_copy_is_equal_and_independent(module):
    inputs = {mlp: X, TiedWeights: torch.arange(11), Recurrent: torch.ones(2, 3, 4)}[module]
    wrapped = moved(subspace(module().eval()))
    before = wrapped(inputs)  # a pass leaves nothing behind that cannot be copied
    before.sum().backward()
    other = copy.deepcopy(wrapped)
    assert torch.equal(other(inputs), before)
    moved(other, 2.0)
    assert not torch.equal(other(inputs), before)
    assert torch.equal(wrapped(inputs), before)


def test_a_recurrent_network_trains_all_its_weights():
    wrapped = moved(subspace(Recurrent(), d=40))
    x = torch.ones(2, 3, 4)
    before = wrapped(x)
    before.sum().backward()
    assert (wrapped.coords.grad != 0).sum() > 35
    explicit = Recurrent()
    explicit.load_state_dict(wrapped.native())
    assert torch.allclose(explicit(x), before, atol=1e-6)


def test_state_dict_round_trip():
    wrapped = moved(subspace(mlp()))
    wrapped.train()(X)
    other = subspace(mlp())
    other.load_state_dict(wrapped.state_dict())
    assert torch.equal(other.eval()(X), wrapped.eval()(X))
    assert not any("projector" in name for name in wrapped.state_dict())


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"seed": 2}, r"seed=2\) .* tied\(D=72, d=9, seed=1\)"),
        ({"projector": "fastfood"}, "fastfood.*stacked=True.*this is tied"),
        ({"projector": {"name": "layerwise", "inner": "dense"}}, "inner=.*dense.*this is tied"),
        ({"d": 10}, "d=10"),
        ({"trainable": ["0.*", "4.*"]}, "D=58"),
    ],
    ids=str,
)
def test_the_state_of_another_P_is_refused_and_nothing_taken_over(other, words):
    given = {"d": 9, "projector": "tied", "seed": 1}
    mine, foreign = Subspace.of(mlp(), **given), moved(Subspace.of(mlp(), **{**given, **other}))
    for strict in (True, False):
        with pytest.raises(ComponentError, match=words):
            mine.load_state_dict(foreign.state_dict(), strict=strict)
    outer = nn.ModuleDict({"inner": mine})
    with pytest.raises(ComponentError, match=words):
        outer.load_state_dict(nn.ModuleDict({"inner": foreign}).state_dict())
    assert not mine.coords.any()


def test_the_state_of_other_parameters_is_refused():
    pair = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    first, second = (subspace(copy.deepcopy(pair), trainable=[one]) for one in ("0.*", "1.*"))
    with pytest.raises(ComponentError, match="on parameters"):
        first.load_state_dict(second.state_dict())


def test_parameters_of_P_count_however_they_are_written():
    def sparse(density: float | None) -> Subspace:
        return Subspace.of(mlp(), 9, {"name": "sparse", "density": density})

    sparse(None).load_state_dict(sparse(1 / 72**0.5).state_dict())
    with pytest.raises(ComponentError, match=r"density=0\.5"):
        sparse(None).load_state_dict(sparse(0.5).state_dict())


def test_a_state_is_of_tensors_and_one_without_a_name_is_never_taken_in_silence(tmp_path):
    wrapped, other = moved(subspace(mlp())), subspace(mlp())
    save_file(wrapped.state_dict(), tmp_path / "state.safetensors")
    state = load_file(tmp_path / "state.safetensors")
    other.bfloat16().load_state_dict(state)
    assert torch.equal(other.coords, wrapped.coords.bfloat16())
    del state["_extra_state"]
    other = subspace(mlp())
    with pytest.raises(RuntimeError, match=r"Missing key.*_extra_state"):
        other.load_state_dict(state)
    assert other.load_state_dict(state, strict=False).missing_keys == ["_extra_state"]
    assert torch.equal(other.coords, wrapped.coords)


def test_a_copy_of_held_weights_is_an_ordinary_module():
    wrapped = moved(subspace(mlp().eval()))
    with wrapped.held():
        copies = copy.deepcopy(wrapped), pickle.loads(pickle.dumps(wrapped))
        held = wrapped(X)
    for other in copies:
        assert torch.equal(other(X), held)
        moved(other, 2.0)
        assert not torch.equal(other(X), held)
        assert other(X).requires_grad


def test_held_blocks_may_be_nested():
    wrapped = moved(subspace(mlp().eval(), "tied"))
    with wrapped.held(), torch.no_grad():
        before = wrapped(X)
        with wrapped.held():
            pass
        wrapped.coords.add_(1.0)
        assert torch.equal(wrapped(X), before)


def test_held_parameters_stay_for_a_block():
    wrapped = moved(subspace(mlp().eval()))
    before = wrapped(X)
    with wrapped.held():
        moved(wrapped, 2.0)
        assert torch.equal(wrapped(X), before)
        assert not wrapped(X).requires_grad
    assert not torch.equal(wrapped(X), before)


def test_a_frozen_part_stays():
    module = mlp()
    first = module[0].weight.clone()
    wrapped = moved(subspace(module, trainable=["4.*", "1.bias"]))
    assert wrapped.D == 7 * 2 + 2 + 7
    assert set(wrapped.native()) == {"1.bias", "4.weight", "4.bias"}
    wrapped(X).sum().backward()
    assert torch.equal(wrapped.module[0].weight, first)
    assert not torch.equal(wrapped.native()["4.weight"], module[4].weight)


def test_a_pattern_without_a_match_is_refused():
    with pytest.raises(ComponentError, match=r"'head\.\*'") as caught:
        subspace(mlp(), trainable=["head.*"])
    assert "4.weight" in caught.value.hint


def test_a_module_without_parameters_is_refused():
    with pytest.raises(ComponentError, match="no parameter"):
        native_parameters(nn.ReLU())


@pytest.mark.parametrize("around", [lambda inner: inner, nn.Sequential], ids=["itself", "inside"])
def test_a_subspace_of_a_subspace_is_refused(around):
    with pytest.raises(ComponentError, match="in a subspace already"):
        Subspace.of(around(subspace(mlp())), 5)


def test_a_P_for_another_D_is_refused():
    with pytest.raises(ComponentError, match="D = 10"):
        Subspace(mlp(), build(Component(name="tied"), [10], 2, 0))


def test_autocast_leaves_the_projection_in_float32():
    wrapped = moved(subspace(mlp().eval(), "dense"))
    exact = wrapped.native()["0.weight"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(wrapped.native()["0.weight"], exact)
        out = wrapped(X)
        out.float().sum().backward()
    assert out.dtype == torch.bfloat16
    assert wrapped.coords.grad.dtype == torch.float32


def test_it_moves_to_float64_and_back():
    wrapped = moved(subspace(mlp().eval(), "fastfood"))
    before = wrapped(X)
    wrapped.double()
    assert wrapped(X.double()).dtype == torch.float64
    assert torch.allclose(wrapped.float()(X), before, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_torch_compile_gives_the_same():
    wrapped = moved(subspace(mlp().eval()))
    expected = wrapped(X)
    compiled = torch.compile(wrapped, backend="aot_eager")
    out = compiled(X)
    out.sum().backward()
    assert torch.allclose(out, expected, atol=1e-6)
    gradient = wrapped.coords.grad.clone()
    wrapped.coords.grad = None
    wrapped(X).sum().backward()
    assert torch.allclose(wrapped.coords.grad, gradient, atol=1e-6)
    torch._dynamo.reset()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_it_moves_to_a_gpu():
    wrapped = moved(subspace(mlp().eval(), "fastfood"))
    before = wrapped(X)
    assert torch.allclose(wrapped.cuda()(X.cuda()).cpu(), before, atol=1e-5)


@pytest.mark.parametrize(
    "kind", ["tied", "fastfood", "sparse", "dense", {"name": "layerwise", "inner": "sparse"}]
)
def test_an_average_of_buffers_leaves_P_alone(kind):
    """As torch documents it for BatchNorm; Lightning's averaging of weights does so by default."""
    net = mlp()
    model = Subspace.of(net, 9, kind)
    average = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    smooth = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=average, use_buffers=True)
    for scale in (1.0, 2.0, 3.0):
        moved(model, scale).train()(X)
        smooth.update_parameters(model)
    v = torch.linspace(-1, 1, 9)
    assert torch.equal(smooth.module.projector.project(v), model.projector.project(v))
    assert not torch.equal(smooth.module.module[1].running_mean, net[1].running_mean)
    assert torch.allclose(smooth.module.coords, (0.81 + 0.09 * 2 + 0.1 * 3) * v)


def test_whoever_writes_into_all_buffers_leaves_P_alone():
    model = moved(Subspace.of(mlp().eval(), 9, "fastfood"))
    before = model.native()
    for buffer in model.buffers():
        buffer.data = buffer.data.half()
    model.bfloat16().float()
    after = moved(model).native()
    assert all(torch.allclose(before[name], after[name], atol=0.05) for name in before)
    assert {name.split(".")[0] for name, _ in model.named_buffers()} == {"module", "projector_id"}


def test_models_are_stacked_only_if_they_have_one_P():
    def all_of(models: list[Subspace]) -> Tensor:
        stacked = torch.func.stack_module_state(models)
        call = torch.func.vmap(lambda p, b: torch.func.functional_call(models[0], (p, b), (X,)))
        return call(*stacked)

    def made(scale: float, seed: int) -> Subspace:
        return moved(Subspace.of(nn.Linear(5, 2), 3, seed=seed), scale)

    same = [made(1.0, 4), made(2.0, 4)]
    assert torch.allclose(all_of(same), torch.stack([model(X) for model in same]), atol=1e-6)
    with pytest.raises(ComponentError, match="different P"):
        all_of([made(1.0, 4), made(1.0, 5)])
