import hashlib

import pytest
import torch

from idim_cli.core.errors import ComponentError
from idim_cli.models.base import build
from idim_cli.models.resnet import Block
from idim_cli.recipe.schema import Component


def make(name, shape=(1, 28, 28), seed=0, **params):
    return build(Component(name=name, params=params), shape, 10, seed)


@pytest.mark.parametrize(
    ("name", "shape", "params", "D"),
    [
        ("fc", (1, 28, 28), {}, 199_210),
        ("fc", (1, 28, 28), {"width": 400}, 478_410),
        ("fc", (1, 28, 28), {"depth": 5, "width": 400}, 959_610),
        ("fc", (1, 28, 28), {"depth": 1, "width": 50}, 39_760),
        ("fc", (3, 32, 32), {}, 656_810),
        ("fc", (3, 32, 32), {"depth": 5, "width": 400}, 1_874_810),
        ("fc", (7,), {"depth": 0}, 80),
        ("lenet", (1, 28, 28), {}, 44_426),
        ("lenet", (3, 32, 32), {}, 62_006),
        ("resnet", (3, 32, 32), {}, 269_722),
        ("resnet", (3, 32, 32), {"depth": 8}, 75_290),
        ("resnet", (3, 32, 32), {"depth": 4, "stages": 1, "pool": 4, "norm": "group"}, 7_706),
        ("resnet", (1, 28, 28), {"depth": 14, "width": 8, "norm": "group"}, 43_490),
        ("toy", (1,), {}, 1000),
    ],
)
def test_number_of_parameters(name, shape, params, D):
    assert sum(p.numel() for p in make(name, shape, **params).parameters()) == D


@pytest.mark.parametrize(
    ("name", "seed", "digest"),
    [
        ("fc", 0, "ea9281ea9cfd6353"),
        ("lenet", 1, "c3f2e1e5af29fcf6"),
        ("resnet", 3, "4d52d493bf46693b"),
        ("toy", 2, "06be2b411ee575dd"),
    ],
)
def test_theta0_never_changes(name, seed, digest):
    # Compressed solutions hold theta0 as its seed alone: another start would make noise of all of them.
    start = [p.detach().numpy().astype("<f4").tobytes() for p in make(name, seed=seed).parameters()]
    assert hashlib.sha256(b"".join(start)).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", ["fc", "lenet"])
def test_dropout_stands_before_every_fully_connected_layer(name):
    module = make(name, dropout=0.5)
    kinds = [type(layer).__name__ for layer in module]
    linear = [k for k, kind in enumerate(kinds) if kind == "Linear"]
    assert all(kinds[k - 1] == "Dropout" for k in linear)
    assert "Dropout" not in [type(layer).__name__ for layer in make(name)]
    x = torch.rand(4, 1, 28, 28)
    assert not torch.equal(module(x), module(x))
    module.eval()
    assert torch.equal(module(x), module(x))


def test_dropout_leaves_the_start_alone():
    with_dropout = dict(make("lenet", dropout=0.5).named_parameters())
    for name, parameter in make("lenet").named_parameters():
        assert torch.equal(parameter, with_dropout[name])


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (64,)])
def test_lenet_refuses_what_is_too_small(shape):
    with pytest.raises(ComponentError, match="at least 16 x 16"):
        make("lenet", shape)


def test_the_toy_starts_gaussian():
    theta = make("toy", (1,), std=0.5).theta
    assert theta.std().item() == pytest.approx(0.5, rel=0.1)
    assert torch.equal(make("toy", (1,), std=1.0).theta, 2 * theta)


@pytest.mark.parametrize(
    ("shape", "params", "says"),
    [
        ((3, 2, 2), {}, "at least 4 x 4"),
        ((64,), {}, "at least 4 x 4"),
        ((3, 7, 32), {"pool": 2}, "at least 8 x 8"),
        ((3, 32, 32), {"depth": 18}, "3 stages has 6 n \\+ 2"),
        ((3, 32, 32), {"depth": 5, "stages": 1}, "1 stage has 2 n \\+ 2 layers, not 5"),
        ((3, 32, 32), {"depth": 20, "stages": 20_000}, "stages"),
        ((3, 32, 32), {"depth": 4, "stages": 2}, "2 stages has 4 n \\+ 2 layers, not 4"),
    ],
)
def test_resnet_refuses(shape, params, says):
    with pytest.raises(ComponentError, match=says):
        make("resnet", shape, **params)


def test_only_batch_normalisation_has_buffers():
    names = {name.rpartition(".")[2] for name, _ in make("resnet", (3, 8, 8), depth=8).named_buffers()}
    assert names == {"running_mean", "running_var", "num_batches_tracked"}
    assert not list(make("resnet", (3, 8, 8), depth=8, norm="group").buffers())


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_block_without_its_convolutions_is_its_shortcut(norm):
    block = Block(4, 8, norm)
    torch.nn.init.zeros_(block.norm2.weight)
    x = torch.rand(2, 4, 7, 8)
    y = block(x)
    assert torch.equal(y[:, :4], x[:, :, ::2, ::2])
    assert y.shape == (2, 8, 4, 4)
    assert not y[:, 4:].any()


@pytest.mark.parametrize("width", [1, 6, 22])
def test_groups_fit_every_width(width):
    module = make("resnet", (3, 8, 8), depth=8, width=width, norm="group")
    assert module(torch.rand(2, 3, 8, 8)).shape == (2, 10)
