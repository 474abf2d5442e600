"""Folders of images: layouts, crops, kinds of images, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

import idim_cli
from idim_cli.core.errors import ComponentError, DataError
from idim_cli.datasets.folder import folder
from idim_cli.datasets.split import Order
from idim_cli.recipe.load import load

PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def picture(seed, size=(20, 16), mode="RGB"):
    pixels = np.random.default_rng(seed).integers(0, 256, (*reversed(size), 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def write(top, splits=("train", "val"), classes=("cat", "dog"), count=4, suffix="png"):
    for split in splits:
        for label in classes:
            place = top / split / label
            place.mkdir(parents=True)
            for k in range(count):
                picture(hash((split, label, k)) % 1000).save(place / f"{k}.{suffix}")
    return top


def source(top, **params):
    return folder(top.parent, False, path=top.name, **{"size": 8, **params})


def whole(split, order=None):
    return [torch.cat(parts) for parts in zip(*split.batches(order or Order(), 3, "cpu"), strict=True)]


def epoch(split, number=0):
    return Order(torch.arange(len(split)), 0, number)


@pytest.fixture
def top(tmp_path):
    return write(tmp_path / "pictures")


def test_layout_with_splits(top):
    found = source(top)
    assert (len(found.train), len(found.validation), found.classes) == (8, 8, 2)
    assert found.train.shape == (3, 8, 8)
    assert found.train.targets.tolist() == [0] * 4 + [1] * 4
    assert whole(found.train)[1].tolist() == found.train.targets.tolist()
    with pytest.raises(DataError, match="no test split"):
        found.test()
    write(top, splits=["test"], count=1)
    assert len(source(top).test()) == 2


def test_layout_without_splits(tmp_path):
    found = source(write(tmp_path / "pictures", splits=["."], count=10))
    assert (len(found.train), found.validation) == (20, 2)


def test_evaluation_takes_the_centre(tmp_path):
    top = write(tmp_path / "pictures")
    stored = picture(5, (16, 16))
    stored.save(top / "val" / "cat" / "0.png")
    x = whole(source(top, size=8, resize=16, **PLAIN).validation)[0][0]
    np.testing.assert_allclose(x, np.asarray(stored)[4:12, 4:12].transpose(2, 0, 1) / 255, atol=1e-6)


def test_training_crops_and_flips_by_seed_epoch_and_place(top):
    train = source(top).train
    first, again, other = (whole(train, epoch(train, n))[0] for n in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, whole(train)[0])


def test_augmentation_can_be_turned_off(top):
    train = source(top, scale=None, flip=0.0).train
    assert torch.equal(whole(train, epoch(train))[0], whole(train)[0])
    assert not train.dataset.augmented
    flipped = source(top, scale=None, flip=1.0).train
    assert torch.equal(whole(flipped, epoch(train))[0], whole(train)[0].flip(3))


def test_crops_lie_within_scale_and_ratio(top):
    view = source(top, scale=(0.2, 0.5), ratio=(0.5, 2.0)).train.dataset.view
    for _ in range(200):
        left, upper, right, lower = view.drawn(50, 40)
        assert 0 <= left < right <= 50
        assert 0 <= upper < lower <= 40
        assert 0.17 < (right - left) * (lower - upper) / 2000 < 0.53
        assert 0.45 < (right - left) / (lower - upper) < 2.2


def test_channels_are_normalised(top):
    plain, usual = (whole(source(top, **params).validation)[0] for params in (PLAIN, {}))
    mean, std = (
        torch.tensor(three).view(3, 1, 1) for three in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    assert 0 <= plain.min() < plain.max() <= 1
    torch.testing.assert_close(usual, (plain - mean) / std)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "PA"])
def test_images_of_any_mode_become_rgb(top, mode):
    suffix = "tif" if mode in ("CMYK", "PA") else "png"
    place = top / "val" / "cat"
    if mode == "I;16":
        stored = Image.fromarray((np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8))
    elif mode == "PA":
        stored = picture(1, (8, 8), "P")
        stored.info["transparency"] = bytes(range(256))
        suffix = "png"
    else:
        stored = (
            picture(1, (8, 8)).convert(mode)
            if mode != "LA"
            else picture(1, (8, 8)).convert("L").convert("LA")
        )
    stored.save(place / f"0a.{suffix}")
    x = whole(source(top, resize=8, **PLAIN).validation)[0][1]  # behind 0.png
    if mode == "I;16":
        expected = (np.arange(64).reshape(8, 8) * 1000 / 65535)[None].repeat(3, 0)
    else:
        expected = (
            np.asarray(Image.open(place / f"0a.{suffix}").convert("RGBA").convert("RGB")).transpose(2, 0, 1)
            / 255
        )
        if mode == "CMYK":
            expected = np.asarray(stored.convert("RGB")).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(x, expected, atol=1e-6)


def test_large_jpegs_are_decoded_small(tmp_path):
    top = write(tmp_path / "pictures")
    smooth = Image.fromarray(np.linspace(0, 255, 400 * 300).reshape(300, 400).astype(np.uint8)).convert("RGB")
    smooth.save(top / "val" / "cat" / "0.jpg", quality=95)
    smooth.save(top / "val" / "cat" / "0.png")
    png, jpeg = (whole(source(top, **PLAIN).validation)[0][at] for at in (1, 0))
    assert (jpeg - png).abs().max() < 0.02


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"scale": (0.5, 0.2)}, "scale"),
        ({"ratio": (2.0, 1.0)}, "ratio"),
        ({"resize": 4}, "resize"),
        ({"std": (1.0, 0.0, 1.0)}, "std"),
    ],
)
def test_parameters_that_contradict_each_other(top, params, match):
    with pytest.raises(ComponentError, match=match):
        source(top, **params)


def test_an_empty_class_is_named(top):
    (top / "train" / "emu").mkdir()
    (top / "train" / "emu" / "read.txt").touch()
    with pytest.raises(DataError, match="emu") as caught:
        source(top)
    assert ".jpg" in caught.value.hint


def test_no_images(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no images") as caught:
        source(tmp_path / "none")
    assert "CLASS" in caught.value.hint
    with pytest.raises(DataError, match="no folder"):
        source(tmp_path / "missing")


def test_one_class_is_none(tmp_path):
    with pytest.raises(DataError, match="a single class"):
        source(write(tmp_path / "pictures", classes=["cat"]))


def test_unequal_classes_are_named(top):
    write(top, splits=["val"], classes=["emu"])
    for file in [*(top / "val" / "dog").iterdir()]:
        file.unlink()
    (top / "val" / "dog").rmdir()
    with pytest.raises(DataError, match=r"without dog and with emu"):
        source(top)


def truncated(top):
    path = top / "train" / "cat" / "2.jpg"
    picture(2, (64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    (top / "train" / "dog" / "1.png").write_bytes(b"no image")
    return path


def test_a_corrupt_image_fails_with_its_path(top):
    path, train = truncated(top), source(top).train
    with pytest.raises(DataError, match=str(path)) as caught:
        whole(train, epoch(train))
    assert "corrupt: skip" in caught.value.hint


def test_corrupt_images_are_skipped_in_every_run(top, caplog, monkeypatch):
    path, found = truncated(top), source(top, corrupt="skip")
    assert len(found.train) == 7  # of 9
    assert "2 of 9" in found.notes[0]
    assert str(path) in found.notes[0]
    assert str(path) in caplog.text
    caplog.clear()
    whole(found.train, epoch(found.train))
    with monkeypatch.context() as patch:
        patch.setattr("idim_cli.datasets.loading.read", None)  # it is known by now
        assert source(top, corrupt="skip").train.dataset.files == found.train.dataset.files
    assert caplog.text == ""
    (top / "train" / "dog" / "1.png").unlink()
    assert "1 of 8" in source(top, corrupt="skip").notes[0]


def test_a_class_without_a_whole_image_is_named(top):
    for file in (top / "train" / "cat").iterdir():
        file.write_bytes(b"no image")
    with pytest.raises(DataError, match="cat"):
        source(top, corrupt="skip")


def test_digests_are_of_content_not_of_place(top, tmp_path):
    before = source(top).train.digest()
    copy = tmp_path / "copy"
    top.rename(copy)
    assert source(copy).train.digest() == before
    assert source(copy).train.digest() == before  # from the cache
    file = copy / "train" / "cat" / "0.png"
    content = bytearray(file.read_bytes())
    content[-30] ^= 1
    file.write_bytes(content)
    assert source(copy).train.digest() != before


def test_workers_read_the_same_bits(top):
    from dataclasses import replace

    train = source(top).train
    alone = whole(train, epoch(train, 3))
    assert all(map(torch.equal, alone, whole(replace(train, workers=4), epoch(train, 3))))


@pytest.mark.data
def test_the_imagenet_sample(data_root):
    top = data_root.parent / "imagenet-sample"
    if not top.is_dir():
        pytest.skip(reason="needs imagenet-sample next to the data folder")
    found = source(top, size=32)
    assert (len(found.train), len(found.validation), found.classes) == (800, 300, 10)
    x, y = whole(found.validation)
    assert y.bincount().tolist() == [30] * 10
    assert x.mean().abs() < 0.3
    assert 0.8 < x.std() < 1.3


@pytest.mark.data
def test_the_shipped_recipe_gives_a_reading_of_the_imagenet_sample(data_root, tmp_path):
    if not (data_root.parent / "imagenet-sample").is_dir():
        pytest.skip(reason="needs imagenet-sample next to the data folder")
    shorter = ["training.epochs=1", "sweep.d=[400,3200]", "sweep.seeds=1", "sweep.baseline.seeds=1"]
    swept = idim_cli.sweep(
        load("imagefolder", shorter), tmp_path, where=idim_cli.Where("cpu", data_root.parent)
    )
    (estimate,) = swept.estimates
    assert len(list((tmp_path / "imagefolder" / "runs").iterdir())) == 3
    assert estimate.error is None
    assert estimate.reading.baseline > 0.1
