"""Native parameters: which a subspace moves, and which networks are refused."""

import copy

import pytest
import torch
from torch import Tensor, nn

from idim_cli.core.errors import ComponentError
from idim_cli.projectors.native import admit, native_parameters
from idim_cli.projectors.subspace import Subspace


class LM(nn.Module):
    """A language model whose head is its embedding, tied in one of three ways."""

    def __init__(self, tie: str) -> None:
        super().__init__()
        self.embed, self.mid, self.head = nn.Embedding(20, 8), nn.Linear(8, 8), nn.Linear(8, 20, bias=False)
        if tie == "parameter":
            self.head.weight = self.embed.weight
        elif tie == "data":
            self.head.weight.data = self.embed.weight.data

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mid(self.embed(x)))


class Shared(nn.Module):
    """One layer used twice, under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = self.first

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x)))


def moved(model: Subspace) -> Subspace:
    with torch.no_grad():
        model.coords.copy_(torch.linspace(-1, 1, model.d))
    return model


def test_frozen_parameters_stay_and_do_not_count():
    net = nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 2))
    net[0].requires_grad_(False)
    model = moved(Subspace.of(net, 5))
    assert model.D == 22
    assert set(model.native()) == {"2.weight", "2.bias"}


def test_low_rank_adapters_alone_count():
    class Adapted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base = nn.Linear(16, 48).requires_grad_(False)
            self.down, self.up = nn.Linear(16, 2, bias=False), nn.Linear(2, 48, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.base(x) + self.up(self.down(x))

    assert Subspace.of(Adapted(), 5).D == 128


def test_weights_of_whole_numbers_stay():
    net = nn.Linear(8, 2)
    net.codes = nn.Parameter(torch.randint(-128, 127, (8, 4), dtype=torch.int8), requires_grad=False)
    assert Subspace.of(net, 5).D == 18


def test_a_network_without_anything_to_move_is_refused():
    net = nn.Linear(3, 3).requires_grad_(False)
    with pytest.raises(ComponentError, match="requires_grad=False") as caught:
        Subspace.of(net, 2)
    assert "requires_grad_(True)" in caught.value.hint


def test_a_pattern_of_frozen_parameters_is_refused():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[0].requires_grad_(False)
    with pytest.raises(ComponentError, match=r"'0\.\*' .* frozen parameters"):
        Subspace.of(net, 2, trainable=["0.*"])
    assert Subspace.of(net, 2, trainable=["*.weight"]).D == 9


@pytest.mark.parametrize("tie", ["parameter", "data"])
def test_a_tied_weight_counts_once_and_stays_one(tie):
    model = moved(Subspace.of(LM(tie), 5))
    assert model.D == 160 + 72
    weight, mid = model.native()["embed.weight"], model.native()
    x = torch.arange(6)
    hidden = nn.functional.linear(weight[x], mid["mid.weight"], mid["mid.bias"])
    assert torch.allclose(model(x), hidden @ weight.T, atol=1e-6)


@pytest.mark.parametrize("tie", ["parameter", "data"])
def test_a_tied_weight_is_found_by_each_of_its_names(tie):
    for name in ("embed.*", "head.weight"):
        assert [one for one, _ in native_parameters(LM(tie), [name])] == ["embed.weight"]
    (one,) = admit(LM(tie), ["head.weight"])
    assert one.places == ("head.weight",)


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("tie", ["parameter", "data"])
def test_a_tie_survives_a_loaded_state(tie, assign):
    saved, again = moved(Subspace.of(LM(tie), 5)), Subspace.of(LM(tie), 5)
    again.load_state_dict(saved.state_dict(), assign=assign)
    assert torch.equal(again(torch.arange(6)), saved(torch.arange(6)))


def test_a_module_that_is_used_twice_is_left_as_it_was():
    """A place named twice would be given back the moved weight: theta_0 would drift from pass to pass."""
    model = moved(Subspace.of(Shared(), 3))
    before, x = model.module.first.weight.clone(), torch.linspace(-1, 1, 8).reshape(2, 4)
    outputs = [model(x) for _ in range(3)]
    assert model.D == 20
    assert torch.equal(outputs[0], outputs[2])
    assert isinstance(model.module.first.weight, nn.Parameter)
    assert torch.equal(model.module.first.weight, before)
    explicit = Shared()
    explicit.load_state_dict(model.native(), strict=False)
    assert torch.allclose(explicit(x), outputs[0], atol=1e-6)


def overlapping() -> nn.Module:
    net, flat = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)), torch.randn(24)
    net[0].weight.data, net[1].weight.data = flat[:16].view(4, 4), flat[8:].view(4, 4)
    return net


def transposed() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    net[1].weight.data = net[0].weight.data.t()
    return net


def frozen_view() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    net[1].weight.data = net[0].weight.data
    net[1].requires_grad_(False)
    return net


def buffer_view() -> nn.Module:
    net = nn.Linear(4, 4)
    net.register_buffer("row", net.weight.data[1])
    return net


@pytest.mark.parametrize("make", [overlapping, transposed, frozen_view, buffer_view])
def test_memory_that_is_shared_in_part_is_refused(make):
    with pytest.raises(ComponentError, match="share memory"):
        Subspace.of(make(), 3)


def test_neighbours_in_one_memory_are_no_ties():
    """As cuDNN lays out the weights of a recurrent network."""
    net, flat = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)), torch.randn(32)
    net[0].weight.data, net[1].weight.data = flat[:16].view(4, 4), flat[16:].view(4, 4)
    assert Subspace.of(net, 3).D == 32


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Linear(3, 3, dtype=torch.complex64), "'weight' is complex"),
        (lambda: nn.LazyLinear(3), "its module is lazy"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.LazyBatchNorm1d(affine=False)), "its module is lazy"),
        (lambda: nn.Embedding(9, 2, sparse=True), "sparse gradients"),
        (lambda: nn.ParameterList([torch.zeros(0, 3)]), "no elements"),
    ],
)
def test_what_no_P_can_move_is_refused_before_any_training(make, words):
    with pytest.raises(ComponentError, match=words) as caught:
        Subspace.of(make(), 1)
    assert caught.value.hint


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("make", [torch.jit.script, lambda net: torch.jit.trace(net, torch.ones(2, 3))])
def test_torchscript_is_refused(make):
    with pytest.raises(ComponentError, match="TorchScript"):
        Subspace.of(nn.Sequential(make(nn.Linear(3, 3)), nn.Linear(3, 3)), 2)


def test_a_complex_part_that_is_frozen_stays():
    net = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3, dtype=torch.complex64)})
    net["b"].requires_grad_(False)
    assert Subspace.of(net, 2).D == 12
    assert Subspace.of(copy.deepcopy(net).requires_grad_(True), 2, trainable=["a.*"]).D == 12


class Momentum(nn.Module):
    """A second encoder that follows the first, moved by the forward pass in one of several ways."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.query, self.key = way, nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            for q, k in zip(self.query.parameters(), self.key.parameters(), strict=True):
                if self.way == "in place":
                    k.mul_(0.5).add_(0.5 * q)
                elif self.way == "through data":
                    k.data.mul_(0.5).add_(0.5 * q)
                else:
                    k.data = 0.5 * k.data + 0.5 * q
            if self.way == "anew":
                self.key.weight = nn.Parameter(self.query.weight.detach().clone())
        return self.query(x) + self.key(x).detach()


@pytest.mark.parametrize("way", ["in place", "through data", "other data", "anew"])
def test_a_forward_pass_that_changes_what_is_moved_is_refused(way):
    model = moved(Subspace.of(Momentum(way), 3))
    with pytest.raises(ComponentError, match=r"changes the parameter 'key"):
        model(torch.ones(2, 4))


@pytest.mark.parametrize("way", ["in place", "through data", "other data"])
def test_a_frozen_follower_follows(way):
    net = Momentum(way)
    net.key.requires_grad_(False)
    before = net.key.weight.clone()
    model = moved(Subspace.of(net, 3))
    model(torch.ones(2, 4))
    assert model.D == 20
    assert torch.allclose(net.key.weight, 0.5 * before + 0.5 * model.native()["query.weight"])


def test_a_network_that_changed_under_its_subspace_is_told_so():
    model = Subspace.of(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), 3)
    for other in (nn.Linear(4, 5), nn.Identity()):
        model.module[0] = other
        with pytest.raises(ComponentError, match="changed after wrapping"):
            model(torch.ones(2, 4))


def gradients(net, x):
    """Of theta: taken natively, and through a subspace of all dimensions."""
    other = copy.deepcopy(net)
    add_hooks(net)
    add_hooks(other)
    inside = Subspace.of(other, sum(p.numel() for p in net.parameters()), "identity")
    net(x).square().sum().backward()
    inside(x).square().sum().backward()
    return torch.cat([p.grad.reshape(-1) for p in net.parameters()]), inside.coords.grad


def add_hooks(net):
    net[0].weight.register_hook(lambda g: g * 0)
    net[2].bias.register_hook(lambda g: g.clamp(-0.1, 0.1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_gradient_hooks_and_other_precisions_have_the_gradient_that_they_have_natively(dtype):
    torch.manual_seed(0)  # of other draws the gradient may stay within the bound that the hook sets
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).to(dtype)
    native, inside = gradients(net, torch.randn(5, 4, dtype=dtype))
    assert inside.dtype == torch.float32
    assert torch.equal(inside, native.float())
    assert not inside[:24].any()
    assert inside[-2:].abs().max() == torch.tensor(0.1, dtype=dtype).float()


def test_hooks_that_have_no_gradient_to_run_on_are_refused():
    late = nn.Sequential(nn.Linear(4, 6))
    late[0].weight.register_post_accumulate_grad_hook(lambda p: None)
    alias = LM("data")
    alias.head.weight.register_hook(lambda g: g)
    for net, name in ((late, "0.weight"), (alias, "head.weight")):
        with pytest.raises(ComponentError, match=f"a hook of the parameter '{name}'"):
            admit(net)
    first = LM("data")
    first.embed.weight.register_hook(lambda g: g)
    assert len(admit(first)) == 3


@pytest.mark.parametrize(
    "tensor",
    [torch.zeros(1).expand(10), torch.zeros(3, 1).expand(3, 4), torch.zeros(5).as_strided((3, 3), (1, 1))],
)
def test_elements_that_share_memory_are_refused(tensor):
    net = nn.Linear(2, 2)
    net.extra = nn.Parameter(tensor)
    with pytest.raises(ComponentError, match="'extra' is expanded"):
        admit(net)
    assert len(admit(net, ["weight"])) == 1


@pytest.mark.parametrize("tensor", [torch.zeros(4, 3).t(), torch.zeros(4, 4)[::2, 1:3], torch.zeros(1, 1, 3)])
def test_views_of_distinct_elements_are_native(tensor):
    net = nn.Linear(2, 2)
    net.extra = nn.Parameter(tensor)
    assert len(admit(net)) == 3
