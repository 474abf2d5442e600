import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from codec_cases import DIGITS, NUMBERED, compressed, few, write_checkpoint

from idim_cli.compression import expand
from idim_cli.compression.compress import CompressOptions, compress
from idim_cli.compression.expand import expand as grow
from idim_cli.compression.format import container, shipped, solution
from idim_cli.compression.format.coordinates import Exact

OWN = DIGITS.replace("{name: fc, depth: 1, width: 6}", "./own.py:tied").replace("PROJECTOR", "tied")
KINDS = ["tied", "sparse", "fastfood", "dense", "layerwise"]
MNIST = """
name: mnist-fc
dataset: mnist
model: {name: fc, depth: 2, width: 200}
d: 750
training: {epochs: 1}
"""


def same(state, native):
    return all(torch.equal(state[name], value.detach()) for name, value in native.items())


@pytest.mark.parametrize("projector", KINDS)
@pytest.mark.parametrize("text", [DIGITS, NUMBERED], ids=["described", "numbered"])
def test_expands_to_theta_bit_for_bit(projector, text, tmp_path):
    subspace = write_checkpoint(text.replace("PROJECTOR", projector), tmp_path)
    state = grow(compressed(tmp_path))
    assert state.keys() == subspace.native().keys()
    assert same(state, subspace.native())


def test_direct_training(tmp_path):
    text = DIGITS.replace("PROJECTOR", "identity").replace("d: 12\n", "")
    subspace = write_checkpoint(text, tmp_path)
    found = solution.read(compressed(tmp_path))
    assert found.d == found.D == subspace.D
    assert same(grow(tmp_path / "checkpoint.idim"), subspace.native())


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
@pytest.mark.parametrize("levels", [2, 3, 16])
def test_few_values_expand_to_what_was_trained_with_them(codebook, levels, tmp_path):
    subspace = write_checkpoint(few(DIGITS.replace("PROJECTOR", "tied"), levels, codebook), tmp_path)
    found = solution.read(compressed(tmp_path))
    assert 2 <= found.stored.levels <= levels
    assert same(grow(tmp_path / "checkpoint.idim"), subspace.native())


def test_names_and_drawn_seeds_survive(tmp_path):
    write_checkpoint(DIGITS.replace("PROJECTOR", "sparse"), tmp_path)
    found = solution.read(compressed(tmp_path))
    assert (found.seeds.theta0, found.seeds.projector, found.seeds.data) == (5, 6, 0)
    assert found.spec.model.params == {"depth": 1, "width": 6, "dropout": 0.0}  # defaults are written out
    assert (found.spec.dataset.name, found.spec.task.name) == ("digits", "classify")


def test_the_paper_s_260_fold(tmp_path):
    write_checkpoint(MNIST, tmp_path, shape=(1, 28, 28))
    path = compressed(tmp_path)
    content = container.unpack(path.read_bytes())
    assert shipped.number(content.spec, content.D) == 16
    # 3,000 of coordinates; mark 2, problem 1, d 2, seeds 2, kind 1; checks 4, checksum 4.
    assert path.stat().st_size == 3000 + 8 + 4 + 4
    assert 4 * 199_210 / path.stat().st_size > 264


def test_compress_lossless_writes_the_same_file(tmp_path):
    write_checkpoint(NUMBERED.replace("PROJECTOR", "tied"), tmp_path)
    done = compress(tmp_path, tmp_path / "small.idim", CompressOptions(lossless=True))
    data = done.path.read_bytes()
    assert data == compressed(tmp_path).read_bytes()
    assert done.bytes == len(data) == sum(done.parts.values())
    assert (done.D, done.d, done.levels, done.how) == (2410, 12, None, "exact")
    assert done.ratio == 4 * 2410 / len(data)


@pytest.mark.parametrize("codebook", ["uniform", "kmeans"])
def test_compress_by_rounding(codebook, tmp_path):
    text = DIGITS.replace("PROJECTOR", "tied").replace("d: 12", "d: 40")
    subspace = write_checkpoint(text, tmp_path)
    options = CompressOptions(epochs=0, levels=[16], codebook=codebook, target=1e-9, baseline=1.0)
    done = compress(tmp_path, tmp_path / "small.idim", options)
    assert (done.how, done.d) == ("rounded", 40)
    coords = solution.read(done.path).coords
    step = coords.unique().diff().max() if codebook == "uniform" else 0.5
    assert (coords - subspace.coords.detach()).abs().max() <= step
    assert done.bytes < len(compressed(tmp_path).read_bytes()) - 100


def test_frozen_part_tied_weights_and_buffers(user_code, tmp_path):
    subspace = write_checkpoint(OWN + "trainable: ['first.*', 'second.*']\n", tmp_path / "run")
    path = compressed(tmp_path / "run")
    # Running mean, variance, mask; the count of batches fits a byte.
    assert container.sizes(container.unpack(path.read_bytes()))["buffers"] == 8 * 4 * 3 + 1
    state, native = grow(path, trust_code=True), subspace.native()
    assert "third.weight" in state
    assert torch.equal(state["second.weight"], state["third.weight"])
    assert torch.equal(state["head.weight"], subspace.module.head.weight)
    assert same(state, native)
    assert torch.equal(state["norm.running_mean"], torch.ones(8))
    assert state["norm.num_batches_tracked"].item() == 1
    assert state["norm.num_batches_tracked"].dtype == torch.int64


def test_buffers_next_to_few_values_are_halves(user_code, tmp_path):
    subspace = write_checkpoint(few(OWN, 3), tmp_path / "run")
    norm = subspace.module.norm
    path = compressed(tmp_path / "run")
    assert container.sizes(container.unpack(path.read_bytes()))["buffers"] == 8 * 2 * 3 + 1
    state = grow(path, trust_code=True)
    assert torch.equal(state["norm.running_var"], norm.running_var.half().float())
    assert same(state, subspace.native())


def test_written_state_loads_into_the_plain_model(user_code, tmp_path):
    subspace = write_checkpoint(OWN, tmp_path / "run")
    out = expand.write(compressed(tmp_path / "run"), trust_code=True).path
    plain = type(subspace.module)(classes=10).eval()
    plain.load_state_dict(safetensors.torch.load_file(out), strict=True)
    assert same(dict(plain.named_parameters()), subspace.native())


def test_a_whole_torchvision_network(tmp_path):
    # BatchNorm, and a start from torch's own generator.
    text = DIGITS.replace("{name: fc, depth: 1, width: 6}", "torchvision:shufflenet_v2_x0_5")
    subspace = write_checkpoint(text.replace("PROJECTOR", "tied"), tmp_path)
    state = grow(compressed(tmp_path))
    assert same(state, subspace.native())
    assert all(torch.equal(state[name], value) for name, value in subspace.module.named_buffers())


def test_clean_process(tmp_path):
    subspace = write_checkpoint(few(DIGITS.replace("PROJECTOR", "fastfood"), 4), tmp_path)
    compressed(tmp_path, tmp_path / "a.idim")
    script = "import pathlib; from idim_cli.compression import expand; expand.write(pathlib.Path('a.idim'))"
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)
    assert same(safetensors.torch.load_file(tmp_path / "a.state.safetensors"), subspace.native())


def test_the_shape_is_what_the_model_was_built_for(tmp_path):
    write_checkpoint(DIGITS.replace("PROJECTOR", "tied"), tmp_path, shape=(3, 5))
    assert solution.read(compressed(tmp_path)).spec.shape == json.loads("[3,5]")


def test_exact_means_the_bits(tmp_path):
    subspace = write_checkpoint(DIGITS.replace("PROJECTOR", "tied"), tmp_path)
    stored = solution.read(compressed(tmp_path)).stored
    assert isinstance(stored, Exact)
    assert stored.coords.tobytes() == subspace.coords.detach().numpy().tobytes()
