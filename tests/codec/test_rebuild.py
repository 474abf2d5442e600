"""What a file claims is compared with what is built, before it takes memory or time."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from codec_cases import DIGITS, compressed, sealed, write_checkpoint
from torch import nn

from idim_cli.compression import rebuild
from idim_cli.compression.expand import expand as grow
from idim_cli.compression.format import container, guard, solution
from idim_cli.compression.format.coordinates import Exact, Quantised
from idim_cli.compression.format.spec import Buffer
from idim_cli.core import machine
from idim_cli.core.errors import CapacityError, FileError, IdimError
from idim_cli.models import base as models
from idim_cli.recipe.schema import Component

OWN = DIGITS.replace("{name: fc, depth: 1, width: 6}", "./own.py:tied").replace("PROJECTOR", "tied")
INF, NAN = float("inf"), float("nan")


def component(name, **params):
    return Component(name=name, params=params)


def small(folder: Path) -> container.Content:
    """A file small enough to be damaged in every way: D = 7, d = 2."""
    text = DIGITS.replace("PROJECTOR", "tied").replace("depth: 1, width: 6", "depth: 1, width: 1")
    write_checkpoint(text.replace("d: 12", "d: 2"), folder, shape=(2,), classes=2)
    return container.unpack(compressed(folder).read_bytes())


def altered(folder: Path, **changes) -> Path:
    """The small file with other claims and a good checksum."""
    content = small(folder)
    known = {key: changes.pop(key) for key in ("D", "theta0", "probe", "coords", "buffers") if key in changes}
    spec = content.spec.model_copy(update=changes)
    path = folder / "altered.idim"
    path.write_bytes(container.pack(dataclasses.replace(content, spec=spec, **known)))
    return path


def test_the_small_file_itself(tmp_path):
    assert sum(value.numel() for value in grow(altered(tmp_path)).values()) == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"model": component("fc", depth=1, width=10**9)},
        {"model": component("fc", depth=10**9, width=1)},
        {"model": component("fc", depth=10**6, width=1)},
        {"model": component("fc", depth=1, width=-1)},
        {"model": component("fc", depth="1")},
        {"model": component("fc", unknown=1)},
        {"model": component("nothing")},
        {"model": component("torchvision:nothing")},
        {"model": component("lenet")},
        {"model": component("toy", D=10)},
        {"projector": component("nothing")},
        {"projector": component("identity")},
        {"projector": component("tied", unknown=1)},
        {"projector": component("sparse", density=2.0)},
        {"projector": component("layerwise", inner="layerwise")},
        {"projector": component("layerwise", inner={"name": "layerwise", "inner": {"name": "tied"}})},
        {"shape": [2**47]},
        {"shape": [2**47] * 60},
        {"shape": []},
        {"shape": [3]},
        {"classes": 2**47},
        {"classes": 3},
        {"trainable": ["nothing.*"]},
        {"trainable": []},
        {"trainable": ["*.bias"]},
        {"buffers": b"\0", "coords": Exact(np.ones(2, np.float32))},
    ],
)
def test_adversarial_specs(changes, tmp_path):
    with pytest.raises((FileError, CapacityError)):
        grow(altered(tmp_path, **changes))


def exact(*values):
    return Exact(np.array(values, dtype=np.float32))


@pytest.mark.parametrize(
    "changes",
    [
        {"D": 8},
        {"D": 2**40},
        {"D": 2**62},
        {"theta0": 0},
        {"probe": 0.0},
        {"probe": 6e4},
        {"coords": exact(NAN, 0)},
        {"coords": exact(INF, 0)},
        {"coords": exact(3e38, 3e38)},
        {"coords": exact(-3e38, 3.4e38)},
        {"coords": exact(0, 0)},
        {"coords": exact(1, 1, 1)},
        {"coords": Quantised((1.0,), bytes([0, 1]), 2)},
        {"coords": Quantised((3e38,), bytes([0, 1]), 2)},
    ],
)
def test_adversarial_numbers(changes, tmp_path):
    with pytest.raises((FileError, CapacityError)):
        grow(altered(tmp_path, **changes))


def test_a_step_that_overflows_is_reported(tmp_path):
    # P is a sum over coordinates for other kinds than tied.
    content = small(tmp_path)
    spec = content.spec.model_copy(update={"projector": component("dense", orthogonal=False)})
    huge = dataclasses.replace(content, spec=spec, coords=exact(3.4e38, 3.4e38))
    moves = torch.tensor([INF, -INF, 1.0])
    with pytest.raises(FileError, match="P theta_d is not finite"):
        rebuild.probe(moves, solution.of(huge))


@pytest.mark.parametrize("orthogonal", [True, False])
def test_a_P_that_takes_hours_is_refused(orthogonal, tmp_path):
    # 94 bytes may name it. The sum over d columns would be streamed, so that memory is no limit.
    n = 60_000
    wide = component("fc", depth=1, width=n)
    file = altered(
        tmp_path,
        model=wide,
        theta0=rebuild.checksum(models.build(wide, [2], 2, small(tmp_path).seeds.theta0)),
        projector=component("dense", orthogonal=orthogonal),
        D=5 * n + 2,
        coords=Quantised((1.0,), bytes([0, 2, *[1] * (4 * n)]), 3),
    )
    with pytest.raises(CapacityError, match="operations"):
        grow(file)


def test_coordinates_of_zero_have_a_probe(tmp_path):
    found = dataclasses.replace(solution.of(small(tmp_path)), stored=exact(0, 0), checks=None)
    assert rebuild.rebuild(found).probe == 0.0


def test_a_deep_network_is_left_early(tmp_path, monkeypatch):
    # 1000 layers are within what a parameter may say; of D = 7 numbers no file needs them.
    made = []
    init = nn.Linear.__init__
    monkeypatch.setattr(nn.Linear, "__init__", lambda self, *a, **k: (made.append(0), init(self, *a, **k))[1])
    with pytest.raises(FileError, match="larger than the file states"):
        grow(altered(tmp_path, model=component("fc", depth=1000, width=2**19)))
    assert 0 < len(made) < 10


@pytest.mark.parametrize(
    "model",
    [
        component("fc", depth=1, width=2**19),
        component("torchvision:vit_b_16", image_size=2**16),
        component("torchvision:swin_t", window_size=[2**8, 2**8]),
        component("torchvision:resnet18", width_per_group=2**16),
        component("torchvision:resnet18"),
    ],
    ids=lambda model: f"{model.name} {model.params}",
)
def test_a_network_is_compared_before_it_takes_memory(model, tmp_path, monkeypatch):
    # Each number is within what a model may say. That they do not make 7 parameters is found without them.
    path = altered(tmp_path, model=model)
    monkeypatch.setattr(models, "build", lambda *given: pytest.fail("was built"))
    with pytest.raises((FileError, CapacityError)):
        grow(path)


@pytest.mark.parametrize("name", ["fc", "lenet", "torchvision:resnet18", "torchvision:swin_t"])
def test_a_skeleton_is_the_model_without_numbers(name):
    shape = (3, 64, 64)
    bare, real = (
        f(component(name), shape, 10, *seed) for f, seed in ((models.skeleton, ()), (models.build, (0,)))
    )
    assert all(value.is_meta for value in bare.state_dict().values())
    for one, other in (
        (bare.named_parameters(), real.named_parameters()),
        (bare.named_buffers(), real.named_buffers()),
    ):
        assert [(n, v.shape, v.dtype) for n, v in one] == [(n, v.shape, v.dtype) for n, v in other]


def test_a_model_that_needs_numbers_to_be_made_has_no_skeleton(tmp_path):
    assert models.skeleton(component("torchvision:regnet_x_400mf"), (3, 64, 64), 10) is None
    with pytest.raises((FileError, CapacityError)):
        grow(altered(tmp_path, model=component("torchvision:regnet_x_400mf")))


def test_numbers_larger_than_the_model_are_refused():
    for params in ({"a": 2**20 + 1}, {"a": [1, {"b": -(2**21)}]}, {"a": 1e300}):
        with pytest.raises(FileError, match="larger than the model"):
            guard.refuse_numbers(component("fc", **params), 7)
        guard.refuse_numbers(component("fc", **params), 10**301)
    guard.refuse_numbers(component("fc", a="9" * 99, b=2**20, c=None, d=True), 7)


def test_buffers_that_do_not_fit(tmp_path, monkeypatch):
    content = small(tmp_path)
    spec = content.spec.model_copy(update={"buffers": [Buffer(name="layers.0.mean", dtype="F32", shape=[1])]})
    path = tmp_path / "altered.idim"
    path.write_bytes(container.pack(dataclasses.replace(content, spec=spec, buffers=bytes(4))))
    monkeypatch.setattr(models, "build", lambda *given: pytest.fail("was built"))
    with pytest.raises(FileError, match="does not fit"):
        grow(path)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({}, "lacks"),
        ({"norm.running_mean": ("F32", [7])}, "does not fit"),
        ({"norm.running_mean": ("F64", [8])}, "does not fit"),
        ({"other": ("F32", [8])}, "does not fit"),
    ],
)
def test_buffers_of_another_network(user_code, tmp_path, table, what):
    write_checkpoint(OWN, tmp_path / "run")
    path = compressed(tmp_path / "run")
    content = container.unpack(path.read_bytes())
    kept = [buffer for buffer in content.spec.buffers if table and buffer.name not in table]
    more = [Buffer(name=name, dtype=dtype, shape=shape) for name, (dtype, shape) in table.items()]
    spec = content.spec.model_copy(update={"buffers": kept + more})
    path.write_bytes(
        container.pack(dataclasses.replace(content, spec=spec, buffers=bytes(spec.buffer_bytes)))
    )
    with pytest.raises(FileError, match=what):
        grow(path, trust_code=True)


def test_code_in_a_file_is_not_run(user_code, tmp_path):
    write_checkpoint(OWN, tmp_path / "run")
    path = compressed(tmp_path / "run")
    user_code.write_text("raise SystemExit('was run')")
    with pytest.raises(FileError, match=r"own\.py:tied") as caught:
        grow(path)
    assert "--trust-code" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["os:abort", "./own.py:tied", "torchvision:", "torchvision.models:resnet18", ":", "a:b:c"]
)
def test_names_with_a_colon_are_code(name, tmp_path, monkeypatch):
    monkeypatch.setattr("os.abort", lambda: pytest.fail("was run"))
    with pytest.raises(FileError):
        grow(altered(tmp_path, model=component(name)))
    for key in ("projector", "task"):
        path = altered(tmp_path, **{key: component(name)})
        if key == "projector":
            with pytest.raises(FileError):
                grow(path)


@pytest.mark.parametrize(
    "params",
    [
        {"weights": "DEFAULT"},
        {"weights": "IMAGENET1K_V1"},
        {"weights_backbone": "DEFAULT"},
        {"pretrained": True},
        {"weights": None, "pretrained": True},
    ],
)
def test_pretrained_weights_are_not_fetched(params, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *a, **k: pytest.fail("was fetched"))
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: pytest.fail("was fetched"))
    with pytest.raises(FileError, match="torchvision"):
        grow(altered(tmp_path, model=component("torchvision:resnet18", **params)))


def test_another_start_is_noticed(user_code, tmp_path):
    write_checkpoint(OWN, tmp_path / "run")
    path = compressed(tmp_path / "run")
    user_code.write_text(user_code.read_text().replace("torch.randn(8, 8)", "torch.zeros(8, 8)"))
    with pytest.raises(FileError, match="theta0") as caught:
        grow(path, trust_code=True)
    assert torch.__version__ in caught.value.hint


@pytest.mark.parametrize("projector", [component("sparse"), component("fastfood"), component("dense")])
def test_another_projection_is_noticed(projector, tmp_path):
    with pytest.raises(FileError, match="another P"):
        grow(altered(tmp_path, projector=projector))


def test_another_seed_of_P_is_noticed(tmp_path):
    write_checkpoint(DIGITS.replace("PROJECTOR", "tied"), tmp_path)
    content = container.unpack(compressed(tmp_path).read_bytes())
    found = 0
    for seed in range(40):
        seeds = content.seeds.model_copy(update={"projector": 100 + seed})
        try:
            rebuild.rebuild(solution.of(dataclasses.replace(content, seeds=seeds)))
        except FileError:
            found += 1
    assert found == 40


def test_too_little_memory_is_reported_before_anything_is_built(tmp_path, monkeypatch):
    path = altered(tmp_path)
    monkeypatch.setattr(machine, "free_bytes", lambda: 16 * 7 - 1)
    monkeypatch.setattr(models, "skeleton", lambda *given: pytest.fail("was built"))
    with pytest.raises(CapacityError, match="D = 7 parameters"):
        grow(path)


def test_frozen_parameters_count_where_memory_is_short(tmp_path, monkeypatch):
    text = DIGITS.replace("PROJECTOR", "tied") + "trainable: ['output.bias']\n"
    write_checkpoint(text.replace("d: 12", "d: 2"), tmp_path)
    path = compressed(tmp_path)
    monkeypatch.setattr(machine, "free_bytes", lambda: 16 * 460 - 1)
    monkeypatch.setattr(models, "build", lambda *given: pytest.fail("was built"))
    with pytest.raises(CapacityError, match="D = 460 parameters"):
        grow(path)


def test_every_flipped_byte_and_every_cut(tmp_path):
    data, path = container.pack(small(tmp_path)), tmp_path / "damaged.idim"
    damaged = [data[:at] for at in range(len(data))]
    damaged += [data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :] for at in range(len(data))]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(FileError):
            grow(path)


def test_every_flipped_byte_with_a_good_checksum(tmp_path):
    content = small(tmp_path)
    body, path = container.pack(content)[:-4], tmp_path / "damaged.idim"
    coords = body.index(content.coords.code())
    read = []
    for at in range(len(body)):
        path.write_bytes(sealed(body[:at] + bytes([body[at] ^ 0x01]) + body[at + 1 :]))
        try:
            grow(path)
            read.append(at)
        except IdimError:
            pass
    # What passes is the last bits of numbers, and what evaluation alone needs.
    assert len(read) < len(body) / 2
    assert not [at for at in read if at < 5]
    assert coords in read
    assert len(body) - 4 not in read, "theta0"


def test_the_checksum_covers_imaginary_parts():
    one, other = nn.Module(), nn.Module()
    one.w, other.w = (nn.Parameter(torch.tensor([1 + 2j * at])) for at in (1, 2))
    assert rebuild.checksum(one) != rebuild.checksum(other)
