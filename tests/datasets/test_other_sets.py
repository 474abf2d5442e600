import numpy as np
import pytest
import torch
from tiny_data import write_cifar, write_parquet

from idim_cli.core.errors import ComponentError, DataError
from idim_cli.datasets import digits
from idim_cli.datasets.base import load
from idim_cli.recipe.schema import Component


def test_cifar10_from_the_original_pickles(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch)
    data = load(Component(name="cifar10", params={"validation": 5}), str(tmp_path))
    assert data.train.x.shape == (15, 3, 32, 32)
    assert data.train.x.is_contiguous()
    assert len(data.test()) == 4
    standard = load(Component(name="cifar10", params={"validation": 5, "normalise": True}), str(tmp_path))
    assert torch.allclose(standard.train.x[:, 2], (data.train.x[:, 2] - 0.4465) / 0.2616, atol=1e-5)


def test_a_cifar10_pickle_with_another_checksum_is_never_opened(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(DataError, match="not found or corrupted"):
        load(Component(name="cifar10"), str(tmp_path))


def test_missing_cifar10_files_are_named(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch)
    (tmp_path / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(DataError, match=r"missing [^,]*data_batch_4 \(give the folder"):
        load(Component(name="cifar10"), str(tmp_path))


def test_the_digits_are_the_same_every_time():
    first, second = load(Component(name="digits")), load(Component(name="digits"))
    assert (len(first.train), len(first.validation), len(first.test())) == (1197, 300, 300)
    assert torch.equal(first.train.x, second.train.x)
    assert first.train.y[:8].tolist() == [3, 9, 2, 8, 8, 0, 9, 6]
    assert (first.train.y.bincount() > 90).all()


def test_the_digits_are_those_of_scikit_learn_also_where_its_file_is_not_found(monkeypatch):
    quick = digits._table()
    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda name: None)
    assert np.array_equal(digits._table(), quick)
    assert (quick.shape, quick.dtype) == ((1797, 65), np.float64)


def test_an_epoch_of_the_toy_is_one_step():
    assert len(load(Component(name="toy")).train) == 1


OWN = """
import torch
from idim_cli.datasets.split import Source, Split

def noise(root, *, n=12):
    split = Split(torch.rand(n, 4), torch.arange(n) % 2)
    return Source(split, lambda: split, 2, 3)

def wrong():
    return 7
"""


def test_a_data_set_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    data = load(Component(name="./mine.py:noise", params={"n": 20, "fraction": 0.5}))
    assert (len(data.train), len(data.validation)) == (8, 3)
    with pytest.raises(ComponentError, match="returned a int"):
        load(Component(name="./mine.py:wrong"))


def test_cifar10_from_the_parquet_files_of_the_hub(tmp_path):
    pytest.importorskip("datasets")
    write_parquet(tmp_path / "cifar10", mode="RGB")
    data = load(Component(name="cifar10", params={"validation": 3}), str(tmp_path))
    assert data.train.x.shape == (27, 3, 5, 6)
    assert (len(data.validation), len(data.test()), data.classes) == (3, 10, 10)
    standard = load(Component(name="cifar10", params={"validation": 3, "normalise": True}), str(tmp_path))
    assert torch.allclose(standard.train.x[:, 0], (data.train.x[:, 0] - 0.4914) / 0.2470, atol=1e-6)
    assert torch.allclose(standard.test().x[:, 2], (data.test().x[:, 2] - 0.4465) / 0.2616, atol=1e-6)


def test_original_cifar10_files_go_first(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch)
    (tmp_path / "cifar10").mkdir()
    assert load(Component(name="cifar10", params={"validation": 5}), str(tmp_path)).shape == (3, 32, 32)


def test_without_a_folder_the_cache_is_filled_and_found_again(tmp_path, monkeypatch):
    from idim_cli.datasets.files import locate

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"no data folder is set.*--download"):
        locate("X", None, ["a/b"], None)

    def fetch(root):
        (root / "a").mkdir(parents=True)
        (root / "a" / "b").write_text("x")

    place = tmp_path / "idim" / "data" / "a" / "b"
    assert locate("X", None, ["a/b"], fetch) == [place]
    assert locate("X", None, ["a/b"], None) == [place], "and later without --download"
    with pytest.raises(DataError, match="missing"):
        locate("X", None, ["c"], None)
