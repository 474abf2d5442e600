"""The loops of docs/own-loop.md: each trains d numbers and no more, learns, and takes up its checkpoints."""

import copy
import re
from pathlib import Path

import pytest
import torch

from idim_cli import Subspace

PAGE = (Path(__file__).parents[2] / "docs" / "own-loop.md").read_text(encoding="utf-8")
PLAIN, LIGHTNING, TRAINER, MEASURE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(code):
    """What the names of a block stand for after it was run."""
    names = {"__name__": "block"}
    exec(compile(code, "docs/own-loop.md", "exec"), names)
    return names


def trained(names, d, capsys):
    """The subspace of a block, after the checks that hold for all of them."""
    model = names["model"]
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["coords"]
    assert model.coords.shape == (d,)
    assert model.coords.abs().min() > 0
    assert 0.85 <= names["accuracy"] <= 1
    assert f"{d} of {model.D:,} numbers trained, accuracy 0." in capsys.readouterr().out
    return model


def test_plain(capsys):
    names = run(PLAIN)
    model, x = trained(names, 200, capsys), names["x"]
    (state,) = names["optimizer"].state.values()
    assert state["exp_avg"].shape == (200,)
    torch.save(model.state_dict(), "digits.pt")
    # The subspace has frozen the network that it took over, and so its copy.
    again = Subspace.of(copy.deepcopy(names["network"]).requires_grad_(True), d=200)
    assert not torch.equal(again(x), model(x))
    again.load_state_dict(torch.load("digits.pt"))
    assert torch.equal(again(x), model(x))
    network = copy.deepcopy(names["network"])
    network.load_state_dict(model.native())
    assert torch.equal(network(x), model(x))


def test_measure(capsys):
    names = run(MEASURE)
    found = names["found"]
    low, high = found.interval
    assert low <= found.value <= high
    assert 40 < found.value < 250  # `idim sweep quickstart` finds about 110 with its own training
    assert f"{found.value} of 2,410 numbers" in capsys.readouterr().out


# Of the library and of what it imports, none of it about what is tested here.
@pytest.mark.filterwarnings("ignore")
def test_lightning(capsys):
    pytest.importorskip("lightning", reason="needs idim-cli[loops]")
    names = run(LIGHTNING)
    model = trained(names, 200, capsys)
    before = names["trainer"].model.subspace
    assert torch.equal(before(names["x"]), model(names["x"]))
    saved = torch.load("digits.ckpt", weights_only=False)
    (state,) = saved["optimizer_states"][0]["state"].values()
    assert state["exp_avg"].shape == (200,)


# As above.
@pytest.mark.filterwarnings("ignore")
def test_trainer(capsys):
    pytest.importorskip("accelerate", reason="needs idim-cli[loops]")
    transformers = pytest.importorskip("transformers", reason="needs idim-cli[loops]")
    names = run(TRAINER)
    model = trained(names, 500, capsys)
    (saved,) = Path("vit").glob("checkpoint-*")
    (state,) = torch.load(saved / "optimizer.pt")["state"].values()
    assert state["exp_avg"].shape == (500,)
    # The same trainer on another start goes on from there, to the same coords.
    fresh = Subspace.of(transformers.ViTForImageClassification(names["model"].module.config), d=500)
    again = transformers.Trainer(fresh, names["arguments"], train_dataset=names["rows"][:1500])
    again.train(resume_from_checkpoint=str(saved))
    assert torch.equal(fresh.coords, model.coords)
