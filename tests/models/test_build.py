import pytest
import torch
from torch import nn

from idim_cli.errors import ComponentError
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


def test_only_shipped_models_are_portable():
    assert portable(Component(name="lenet"))
    assert not portable(Component(name="torchvision:resnet18"))
    assert not portable(Component(name="./net.py:Net"))
