"""What is run again in the backward pass sees the parameters of its own forward pass."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from idim_cli.projectors.subspace import Subspace

X = torch.linspace(-1, 1, 48, dtype=torch.float64).reshape(6, 8)


class Net(nn.Module):
    """Blocks that may be checkpointed: none, in torch's two ways, or one inside the other."""

    def __init__(self, way: str = "plain") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.way = way
        self.first = nn.Linear(8, 8)
        self.blocks = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(3)))
        self.last = nn.Linear(8, 3)
        self.shift = nn.Parameter(torch.randn(8))

    def block(self, block: nn.Module, x: Tensor) -> Tensor:
        return torch.tanh(block(x) + self.shift)  # a shift is not saved: theta_0's would go unnoticed

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x))
        if self.way == "in a row":
            return self.last(torch.tanh(checkpoint_sequential(self.blocks, 2, x, use_reentrant=True)))
        for block in self.blocks:
            if self.way == "nested":
                x = checkpoint(self.inner, block, x, use_reentrant=True)
            elif self.way == "plain":
                x = self.block(block, x)
            else:
                x = checkpoint(self.block, block, x, use_reentrant=self.way == "reentrant")
        return self.last(x)

    def inner(self, block: nn.Module, x: Tensor) -> Tensor:
        return checkpoint(self.block, block, x, use_reentrant=False)


class Row(Net):
    """As ``in a row`` does, without checkpoints."""

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.blocks(torch.tanh(self.first(x)))))


def subspace(net: nn.Module) -> Subspace:
    model = Subspace.of(net.double(), 7).double()
    with torch.no_grad():
        model.coords.copy_(torch.linspace(-1, 1, 7))
    return model


def gradient(net: nn.Module) -> Tensor:
    model = subspace(net)
    model(X).square().sum().backward()
    assert model.coords.grad is not None
    return model.coords.grad


@pytest.mark.parametrize("way", ["reentrant", "saved", "nested", "in a row"])
def test_the_gradient_is_that_without_checkpoints(way):
    expected = gradient(Row() if way == "in a row" else Net())
    assert torch.allclose(gradient(Net(way)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", ["reentrant", "saved"])
def test_two_passes_and_a_step_before_the_backward_pass(way):
    """Values are those of the forward pass, whatever the coordinates are by now."""
    model, expected = subspace(Net(way)), 2 * gradient(Net())
    loss = model(X).square().sum() + model(X).square().sum()
    with torch.no_grad():
        model.coords += 1.0
    loss.backward()
    assert torch.allclose(model.coords.grad, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", ["reentrant", "saved"])
def test_afterwards_the_module_is_as_it_was(way):
    model = subspace(Net(way))
    before = copy.deepcopy(model.state_dict())
    model(X).sum().backward()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(isinstance(p, nn.Parameter) and not p.requires_grad for p in model.module.parameters())
    other = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    assert torch.equal(other(X), model(X))


def test_an_error_in_the_backward_pass_leaves_nothing_behind():
    model = subspace(Net("saved"))
    net = model.module

    def fail(*_: object) -> None:
        raise ArithmeticError

    out = model(X)
    handle = net.blocks[1].register_forward_pre_hook(fail)
    with pytest.raises(ArithmeticError):
        out.sum().backward()
    handle.remove()
    assert torch.allclose(model(X), out)
    assert all(isinstance(p, nn.Parameter) for p in net.parameters())


def test_a_part_of_the_output_alone_may_be_gone_back_from():
    """The loss of what a hook has seen, not of what the network returned."""
    grads = []
    for way in ("plain", "reentrant", "saved"):
        model, seen = subspace(Net(way)), []
        model.module.last.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        model(X)
        seen[0].square().sum().backward()
        grads.append(model.coords.grad)
    assert torch.allclose(grads[1], grads[0], rtol=1e-12, atol=1e-12)
    assert torch.allclose(grads[2], grads[0], rtol=1e-12, atol=1e-12)


def test_a_second_derivative_through_checkpoints():
    results = []
    for way in ("plain", "saved"):
        model = subspace(Net(way))
        (first,) = torch.autograd.grad(model(X).square().sum(), model.coords, create_graph=True)
        results.append(torch.autograd.grad(first.square().sum(), model.coords)[0])
    assert torch.allclose(results[0], results[1], rtol=1e-10)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_compiled_it_has_the_same_gradient():
    model, expected = subspace(Net("saved")), gradient(Net())
    torch.compile(model, backend="aot_eager")(X).square().sum().backward()
    torch._dynamo.reset()
    assert torch.allclose(model.coords.grad, expected, rtol=1e-9, atol=1e-9)


def test_checkpoints_outside_of_a_subspace_are_torchs_own():
    net, x = nn.Linear(8, 8).double(), X.clone().requires_grad_()
    for reentrant in (True, False):
        net.zero_grad()
        checkpoint(net, x, use_reentrant=reentrant).sum().backward()
        assert torch.equal(net.bias.grad, torch.full((8,), 6.0).double())


def test_a_whole_subspace_may_be_checkpointed():
    model, expected = subspace(Net()), gradient(Net())
    for reentrant in (True, False):
        model.coords.grad = None
        checkpoint(model, X.clone().requires_grad_(), use_reentrant=reentrant).square().sum().backward()
        assert torch.allclose(model.coords.grad, expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:.gradient_checkpointing_enable. is deprecated:FutureWarning")
def test_a_transformer_with_gradient_checkpointing():
    transformers = pytest.importorskip("transformers")
    size = {"n_positions": 8, "n_embd": 8, "n_layer": 2, "n_head": 2, "vocab_size": 11}
    grads = []
    for how in (None, {"use_reentrant": True}, {"use_reentrant": False}):
        torch.manual_seed(0)
        net = transformers.GPT2LMHeadModel(transformers.GPT2Config(**size)).double()
        model = subspace(net.train(False)).train()
        for part in model.modules():
            part.training = not isinstance(part, nn.Dropout)
        if how is not None:
            net.gradient_checkpointing_enable(how)
        tokens = torch.arange(8)[None]
        model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
        grads.append(model.coords.grad)
    assert torch.allclose(grads[1], grads[0], rtol=1e-9)
    assert torch.allclose(grads[2], grads[0], rtol=1e-9)


def test_densenet_that_saves_memory():
    from torchvision.models import DenseNet

    grads = []
    for saving in (False, True):
        torch.manual_seed(0)
        net = DenseNet(8, (2, 2), 8, num_classes=3, memory_efficient=saving).double()
        model = subspace(net)
        model(torch.linspace(-1, 1, 2 * 3 * 32 * 32).double().reshape(2, 3, 32, 32)).square().sum().backward()
        grads.append(model.coords.grad)
    assert torch.allclose(grads[0], grads[1], rtol=1e-9)
