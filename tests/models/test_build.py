import random

import numpy as np
import pytest
import torch
from torch import nn

from idim_cli.core.errors import ComponentError
from idim_cli.models.base import build, portable
from idim_cli.recipe.schema import Component

OWN = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, hidden=7):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(hidden), nn.Linear(hidden, classes))
        self.layers(torch.zeros(2, 12))

def none(shape):
    return "a string"

def broken():
    raise ValueError("so it goes")

class Kinds(nn.Module):
    def __init__(self):
        super().__init__()
        kinds = {"half": torch.half, "double": torch.double, "whole": torch.int8, "complex": torch.complex64}
        for name, kind in kinds.items():
            held = torch.tensor([1.5 + 2j] if kind.is_complex else [1.5]).to(kind)
            self.register_parameter(f"{name}_parameter", nn.Parameter(held, requires_grad=False))
            self.register_buffer(f"{name}_buffer", held.clone())

number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(name, seed=0, shape=(3, 2, 2), classes=5, **params):
    return build(Component(name=name, params=params), shape, classes, seed)


def size(module):
    return sum(p.numel() for p in module.parameters())


def test_a_class_in_a_file_gets_params_and_the_context_it_names(own):
    module = make("./net.py:Net", hidden=9)
    assert module.layers[2].weight.shape == (5, 9)
    assert all(p.dtype == torch.float32 for p in module.parameters())


@pytest.mark.filterwarnings("error")
def test_real_numbers_become_float32_and_others_stay(own):
    module = make("./net.py:Kinds")
    held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    assert len(held) == 8
    for name, tensor in held.items():
        kind = {"w": torch.int8, "c": torch.complex64}.get(name[0], torch.float32)
        assert tensor.dtype == kind
        assert tensor.item() == {"w": 1, "c": 1.5 + 2j}.get(name[0], 1.5)


def test_its_start_goes_by_the_seed_and_torch_is_left_alone(own):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, again, other = make("./net.py:Net", 4), make("./net.py:Net", 4), make("./net.py:Net", 5)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.layers[2].weight, again.layers[2].weight)
    assert not torch.equal(first.layers[2].weight, other.layers[2].weight)


def test_two_files_of_one_name_do_not_mix(own):
    (own / "sub").mkdir()
    (own / "sub" / "net.py").write_text("from torch import nn\ndef Net(): return nn.Linear(1, 1)\n")
    assert size(make("./sub/net.py:Net")) == 2
    assert size(make("./net.py:Net", hidden=1)) > 2


def test_a_changed_file_is_read_again(own):
    make("./net.py:Net")
    (own / "net.py").write_text("from torch import nn\nNet = nn.Identity\n")
    assert isinstance(make("./net.py:Net"), nn.Identity)


def test_a_callable_in_a_module():
    assert size(make("torch.nn:Linear", in_features=3, out_features=4)) == 16


@pytest.mark.parametrize(
    ("name", "params", "message", "hint"),
    [
        ("./net.py:Nett", {}, "has no 'Nett'", "did you mean Net?"),
        ("./nett.py:Net", {}, "no file 'nett.py'", "net.py"),
        ("no.such.module:Net", {}, "no module 'no.such.module'", "./file.py:object"),
        (".relative:Net", {}, "'.relative' cannot be imported", ""),
        (":Net", {}, "'' cannot be imported", ""),
        ("torch.nn:Linaer", {}, "has no 'Linaer'", "Linear"),
        ("./net.py:none", {}, "returned a str", ""),
        ("./net.py:number", {}, "is a int", ""),
        ("./net.py:broken", {}, "ValueError: so it goes", ""),
        ("./net.py:Net", {"hiden": 3}, "unexpected keyword argument 'hiden'", "hidden"),
        ("torch.nn:Linear", {}, "missing a required argument: 'in_features'", "out_features"),
        ("torchvision:resnet81", {}, "no classification model 'resnet81'", "resnet18"),
        ("torchvision:resnet18", {"depht": 3}, "depht", ""),
        ("lenett", {}, "unknown model 'lenett'", "lenet"),
        ("fc", {"widht": 3}, "model 'fc' has no parameter 'widht'", "did you mean width?"),
        ("fc", {"depth": -1}, "model 'fc': depth: ", ""),
    ],
)
def test_what_does_not_fit_is_told(own, name, params, message, hint):
    with pytest.raises(ComponentError) as caught:
        make(name, **params)
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_file_that_cannot_run_is_told(own):
    (own / "bad.py").write_text("import no_such_thing\n")
    with pytest.raises(ComponentError, match="No module named 'no_such_thing'"):
        make("./bad.py:Net")


def test_torchvision_by_name():
    module = make("torchvision:squeezenet1_1", shape=(3, 64, 64), classes=7).eval()
    assert module(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """torch's cache of weights, in which squeezenet1_1 can be put; the network is not there."""
    import torchvision

    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def refuse(url, *args, **kwargs):
        raise OSError(f"no network: {url}")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)

    def fill(name="squeezenet1_1-b8a52dc0.pth", classes=1000):
        torch.manual_seed(5)
        trained = torchvision.models.squeezenet1_1(num_classes=classes).state_dict()
        torch.save(trained, folder / name)
        return trained

    fill.folder = folder
    return fill


@pytest.mark.parametrize("weights", ["DEFAULT", "IMAGENET1K_V1", "SqueezeNet1_1_Weights.IMAGENET1K_V1"])
def test_pretrained_weights_get_a_new_head_for_other_classes(cache, weights):
    trained = cache()
    module, other = (make("torchvision:squeezenet1_1", classes=7, seed=s, weights=weights) for s in (0, 1))
    same = make("torchvision:squeezenet1_1", classes=7, weights=weights).state_dict()
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, same[name])  # from the seed
        if name.startswith("classifier.1."):
            assert tensor.shape[0] == 7
        else:
            assert torch.equal(tensor, trained[name])
    assert not torch.equal(module.classifier[1].weight, other.classifier[1].weight)
    # As many classes as the weights know: the whole network is theirs.
    whole = make("torchvision:squeezenet1_1", classes=1000, weights=weights).state_dict()
    assert all(torch.equal(tensor, trained[name]) for name, tensor in whole.items())


def test_weights_are_fetched_only_with_download(cache):
    with pytest.raises(ComponentError, match="not on this machine: no file") as caught:
        make("torchvision:squeezenet1_1", weights="DEFAULT")
    assert str(cache.folder / "squeezenet1_1-b8a52dc0.pth") in str(caught.value)
    assert "--download" in caught.value.hint
    with pytest.raises(ComponentError, match=r"cannot read the weights .* or https://.*: no network"):
        build(
            Component(name="torchvision:squeezenet1_1", params={"weights": "DEFAULT"}),
            (3, 64, 64),
            7,
            0,
            True,
        )


def test_unknown_and_damaged_weights_are_told(cache):
    with pytest.raises(ComponentError, match="has no weights 'DEFALT'") as caught:
        make("torchvision:squeezenet1_1", weights="DEFALT")
    assert "DEFAULT" in caught.value.hint
    (cache.folder / "squeezenet1_1-b8a52dc0.pth").write_bytes(b"damaged")
    with pytest.raises(ComponentError, match=r"weights IMAGENET1K_V1 of .* from .*b8a52dc0.pth"):
        make("torchvision:squeezenet1_1", weights="DEFAULT")


@pytest.mark.parametrize(("classes", "wrapped"), [(7, False), (3, False), (3, True)])
def test_weights_from_a_file(cache, classes, wrapped):
    trained, path = cache("own.pth", classes), cache.folder / "own.pth"
    if wrapped:
        torch.save({"epoch": 3, "state_dict": {f"module.{name}": t for name, t in trained.items()}}, path)
    module = make("torchvision:squeezenet1_1", classes=7, weights=str(path))
    own = {name: torch.equal(tensor, trained[name]) for name, tensor in module.state_dict().items()
           if tensor.shape == trained[name].shape}  # fmt: skip
    assert all(own.values())
    assert len(own) == len(trained) - 2 * (classes != 7)


def test_weights_of_another_model_are_refused(cache):
    cache("own.pth")
    path = cache.folder / "own.pth"
    with pytest.raises(ComponentError, match="do not fit the model: "):
        make("torchvision:squeezenet1_0", weights=str(path))
    with pytest.raises(ComponentError, match="cannot read the weights"):
        make("torchvision:squeezenet1_1", weights=str(path.with_name("absent.pth")))


def test_only_shipped_models_are_portable():
    assert portable(Component(name="lenet"))
    assert not portable(Component(name="torchvision:resnet18"))
    assert not portable(Component(name="./net.py:Net"))


DRAWN = """
import random, numpy, torch
from torch import nn
def net(shape, classes):
    module = nn.Linear(2, 3)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(numpy.random.normal(size=(3, 2))))
        module.bias.fill_(random.random())
    return module
"""


def test_a_start_drawn_by_numpy_goes_by_the_seed_too(tmp_path, monkeypatch):
    (tmp_path / "drawn.py").write_text(DRAWN)
    monkeypatch.chdir(tmp_path)
    np.random.seed(5)
    random.seed(5)
    expected = np.random.random(), random.random()
    np.random.seed(5)
    random.seed(5)
    first, again, other = (make("./drawn.py:net", seed).state_dict() for seed in (2**40, 2**40, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    assert (np.random.random(), random.random()) == expected
