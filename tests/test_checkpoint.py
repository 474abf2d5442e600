"""Checkpoints: what goes in comes out, and other files are refused."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from idim_cli.core.errors import FileError
from idim_cli.methods import optimizers
from idim_cli.recipe.schema import Component
from idim_cli.runs import checkpoint


def test_round_trip(tmp_path):
    tensors = {"coords": torch.randn(5), "buffer/n": torch.tensor(3), "optimizer/step": torch.tensor(2.0)}
    metadata = {"recipe": {"d": 5, "lr": 1e-5}, "state": {"rows": [{"loss": 0.1 + 0.2}]}, "classes": None}
    checkpoint.save(tmp_path / "c", tensors, metadata)
    found, said = checkpoint.load(tmp_path / "c")
    assert said == metadata
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_any_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "c"
    checkpoint.save(path, {"coords": torch.randn(5), "empty": torch.zeros(0)}, {"run_id": "a", "state": {}})
    whole = path.read_bytes()
    for place in range(8, len(whole)):
        for bit in (0, 5):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            with pytest.raises(FileError):
                checkpoint.load(path)
    path.write_bytes(whole)
    checkpoint.load(path)


def test_a_checkpoint_without_a_checksum_is_read_with_a_warning_where_that_may_be(tmp_path, caplog):
    path, text = tmp_path / "c", {"format": "idim checkpoint 1", "d": "2"}
    save_file({"coords": torch.ones(2)}, path, text)
    assert checkpoint.load(path)[1] == {"d": 2}
    assert "without a checksum" in caplog.text
    with pytest.raises(FileError, match="without a checksum"):
        checkpoint.load(path, unchecked=False)


def test_a_save_that_fails_leaves_the_checkpoint_before(tmp_path):
    path = tmp_path / "c"
    checkpoint.save(path, {"coords": torch.zeros(2)}, {})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        checkpoint.save(path, {"coords": torch.ones(2)}, {"state": object()})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"junk" * 10, None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "c"
    if content is None:
        save_file({"coords": torch.zeros(2)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(FileError, match=r"checkpoint|cannot read"):
        checkpoint.load(path)


def test_buffers_are_those_of_the_state_dict():
    module = nn.BatchNorm1d(3)
    module.register_buffer("scratch", torch.zeros(1), persistent=False)
    assert set(checkpoint.buffers(module)) == {"running_mean", "running_var", "num_batches_tracked"}


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("adam", {"amsgrad": True}),
        ("adam", {"decoupled": True}),
        ("sgd", {"momentum": 0.0}),
        ("sgd", {"nesterov": True}),
        ("rmsprop", {"momentum": 0.9, "centered": True}),
    ],
)
def test_an_optimizer_goes_on_bit_for_bit(name, params):
    gradients = torch.randn(6, 7)
    coords, again = nn.Parameter(torch.ones(7)), nn.Parameter(torch.ones(7))
    whole, first, second = (
        optimizers.build(Component(name=name, params=params), target) for target in (coords, again, again)
    )
    for gradient in gradients:
        coords.grad = gradient
        whole.step()
    for optimizer, part in ((first, gradients[:3]), (second, gradients[3:])):
        if optimizer is second:
            checkpoint.restore_optimizer(second, dict(checkpoint.optimizer_tensors(first)))
        for gradient in part:
            again.grad = gradient
            optimizer.step()
    assert torch.equal(coords, again)
