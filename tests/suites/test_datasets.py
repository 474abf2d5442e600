"""What holds for every data set of the registry, here made of tiny files."""

import pytest
import torch
from tiny_data import write_cifar, write_folder, write_mnist, write_parquet

from idim_cli.core.registry import registry
from idim_cli.datasets.base import load
from idim_cli.datasets.split import Order, Tensors
from idim_cli.recipe.schema import Component

NAMES = list(registry("dataset"))
PLAIN = {"size": 8, "mean": [0, 0, 0], "std": [1, 1, 1], "corrupt": "skip"}
PARAMS = {
    "cifar10": {"validation": 5},
    "folder": {"path": "pictures", **PLAIN},
    "hf": {"path": "tiny"},
    "mnist": {"validation": 5},
}
PARAMS["fashion_mnist"] = PARAMS["mnist"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_folder(tmp_path / "pictures")
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


def in_memory(split):
    """All examples as they are evaluated."""
    return Tensors(*(torch.cat(parts) for parts in zip(*split.batches(Order(), 7, "cpu"), strict=True)))


def test_types_shapes_and_ranges(name, root):
    data = load(component(name), root)
    for read in (data.train, data.validation, data.test()):
        split = in_memory(read)
        assert len(split) == len(read)
        assert torch.equal(split.y, read.targets)
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
    pixels = {} if name == "folder" else {"shuffle_pixels": 2}  # which needs data in memory
    first, second = (load(component(name, shuffle_labels=1, **pixels), root) for _ in "ab")
    for split in ("train", "validation"):
        ours, again = (in_memory(getattr(data, split)) for data in (first, second))
        assert torch.equal(ours.x, again.x)
        assert torch.equal(ours.y, again.y)
        assert first.digest(split) == second.digest(split)


def test_held_out_and_training_examples_add_up(name, root):
    if name == "toy":
        pytest.skip(reason="its one example stands for all splits")
    few, more = load(component(name, validation=3), root), load(component(name, validation=6), root)
    assert len(few.train) - len(more.train) == 3
    whole, again = (
        torch.cat([in_memory(data.train).x, in_memory(data.validation).x]) for data in (few, more)
    )
    if name == "folder":  # sorted by class, so that the last of each are held out
        whole, again = (x.flatten(1)[x.flatten(1).sum(1).argsort()] for x in (whole, again))
    assert torch.equal(whole, again)


def test_it_is_described(name):
    assert registry("dataset").summary(name)
