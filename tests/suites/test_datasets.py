"""What holds for every data set of the registry, here made of tiny files."""

import pytest
import torch
from tiny_data import write_cifar, write_mnist, write_parquet

from idim_cli.core.registry import registry
from idim_cli.datasets.base import load
from idim_cli.recipe.schema import Component

NAMES = list(registry("dataset"))
PARAMS = {"cifar10": {"validation": 5}, "hf": {"path": "tiny"}, "mnist": {"validation": 5}}
PARAMS["fashion_mnist"] = PARAMS["mnist"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    write_mnist(tmp_path, "MNIST")
    write_mnist(tmp_path, "FashionMNIST")
    write_cifar(tmp_path, monkeypatch)
    write_parquet(tmp_path / "tiny")
    return str(tmp_path)


@pytest.fixture(params=NAMES)
def name(request):
    if request.param == "hf":
        pytest.importorskip("datasets")
    return request.param


def component(name, **more):
    return Component(name=name, params={**PARAMS.get(name, {}), **more})


def test_types_shapes_and_ranges(name, root):
    data = load(component(name), root)
    for split in (data.train, data.validation, data.test()):
        assert split.x.dtype == torch.float32
        assert split.y.dtype == torch.int64
        assert split.x.device.type == "cpu"
        assert split.x.is_contiguous()
        assert split.x.shape == (len(split), *data.shape)
        assert len(split) == len(split.y) > 0
        assert 0 <= split.x.min() <= split.x.max() <= 1
        assert 0 <= split.y.min() <= split.y.max() < data.classes
    assert data.notes


def test_loading_twice_gives_the_same(name, root):
    first, second = (load(component(name, shuffle_labels=1, shuffle_pixels=2), root) for _ in "ab")
    assert torch.equal(first.train.x, second.train.x)
    assert torch.equal(first.train.y, second.train.y)
    assert torch.equal(first.validation.x, second.validation.x)


def test_held_out_and_training_examples_add_up(name, root):
    if name == "toy":
        pytest.skip(reason="its one example stands for all splits")
    few, more = load(component(name, validation=3), root), load(component(name, validation=6), root)
    assert len(few.train) - len(more.train) == 3
    whole = torch.cat([few.train.x, few.validation.x])
    assert torch.equal(whole, torch.cat([more.train.x, more.validation.x]))


def test_it_is_described(name):
    assert registry("dataset").summary(name)
