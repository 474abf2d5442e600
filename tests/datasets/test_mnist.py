import pytest
import torch
from tiny_data import write_idx, write_mnist

from idim_cli.core.errors import DataError
from idim_cli.datasets.base import load
from idim_cli.recipe.schema import Component


def mnist(root, name="mnist", **params):
    params = {"validation": 10, **params}
    return load(Component(name=name, params=params), str(root))


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_the_last_images_are_held_out_and_pixels_scaled(tmp_path, name, folder):
    write_mnist(tmp_path, folder)
    data = mnist(tmp_path, name)
    assert data.train.x.shape == (30, 1, 28, 28)
    assert data.train.x[:, 0, 0, 0].mul(255).round().tolist() == list(range(30))
    assert data.validation.x[:, 0, 0, 0].mul(255).round().tolist() == list(range(30, 40))
    assert data.validation.y.tolist() == list(range(10))
    assert data.train.x.max() <= 1
    assert data.test().x.shape == (20, 1, 28, 28)


def test_ten_thousand_are_held_out_unless_told_otherwise(tmp_path):
    write_mnist(tmp_path)
    with pytest.raises(DataError, match="10000 cannot be held out of 40"):
        load(Component(name="mnist"), str(tmp_path))


def test_the_test_files_are_read_only_when_asked_for(tmp_path):
    write_mnist(tmp_path)
    for path in (tmp_path / "MNIST" / "raw").glob("t10k*"):
        path.unlink()
    data = mnist(tmp_path)
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte"):
        data.test()


def test_missing_files_are_named_with_ways_out(tmp_path):
    with pytest.raises(DataError) as caught:
        mnist(tmp_path)
    assert str(tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte") in str(caught.value)
    for way in ("--data", "data_root", "IDIM_DATA", "--download"):
        assert way in caught.value.hint


def test_no_folder_at_all(monkeypatch):
    monkeypatch.delenv("IDIM_DATA", raising=False)
    with pytest.raises(DataError, match="no data folder is set"):
        load(Component(name="mnist"))


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    write_mnist(tmp_path)
    monkeypatch.setenv("IDIM_DATA", str(tmp_path))
    assert len(load(Component(name="mnist", params={"validation": 5})).train) == 35


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_file_is_named(tmp_path, damage):
    write_mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(
        {"cut": path.read_bytes()[:999], "empty": b"", "text": b"<html>not found</html>"}[damage]
    )
    with pytest.raises(DataError, match=f"{path.name} failed"):
        mnist(tmp_path)


def test_files_that_do_not_belong_together(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte", torch.zeros(7).numpy())
    with pytest.raises(DataError, match="40 images, 7 labels"):
        mnist(tmp_path)


def test_download_only_when_asked_for(tmp_path, monkeypatch):
    import torchvision

    asked = []

    class Fake:
        def __init__(self, root, download):
            asked.append(root)
            write_mnist(root)

    monkeypatch.setattr(torchvision.datasets, "MNIST", Fake)
    component = Component(name="mnist", params={"validation": 10})
    with pytest.raises(DataError):
        load(component, str(tmp_path))
    assert not asked
    assert len(load(component, str(tmp_path), download=True).train) == 30
    assert asked == [tmp_path]


def test_a_failed_download_is_told(tmp_path, monkeypatch):
    import torchvision

    def fail(root, download):
        raise RuntimeError("Error downloading")

    monkeypatch.setattr(torchvision.datasets, "MNIST", fail)
    with pytest.raises(DataError, match=r"the download into .* failed: RuntimeError"):
        load(Component(name="mnist"), str(tmp_path), download=True)


@pytest.mark.data
def test_real_mnist(data_root):
    data = load(Component(name="mnist", params={"normalise": True}), str(data_root))
    assert (len(data.train), len(data.validation)) == (50_000, 10_000)
    assert data.train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert abs(data.train.x.mean()) < 0.01
    assert abs(data.train.x.std() - 1) < 0.01
    assert data.test().y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
