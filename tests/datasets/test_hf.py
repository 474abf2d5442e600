import builtins
import subprocess
import sys

import pytest
import torch
from tiny_data import write_parquet

from idim_cli.core.errors import DataError, MissingExtraError
from idim_cli.datasets.base import load
from idim_cli.recipe.schema import Component

datasets = pytest.importorskip("datasets")


def hf(root, path="tiny", download=False, **params):
    return load(Component(name="hf", params={"path": path, **params}), str(root), download)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_local_parquet_with_images(tmp_path, mode, channels):
    write_parquet(tmp_path / "tiny", mode=mode)
    data = hf(tmp_path)
    assert data.train.x.shape == (27, channels, 5, 6)
    assert data.classes == 3
    assert torch.equal(data.train.x[:, 0, 0, 0] * 255, torch.arange(27.0))
    assert data.train.y.tolist() == [k % 3 for k in range(27)]
    assert len(data.validation) == 3
    assert len(data.test()) == 10


def test_a_folder_under_the_working_folder(tmp_path, monkeypatch):
    write_parquet(tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IDIM_DATA", raising=False)
    assert len(load(Component(name="hf", params={"path": "tiny"})).train) == 27


def test_local_csv_with_numbers_and_words_as_labels(tmp_path):
    (tmp_path / "tiny").mkdir()
    rows = [f"{k},{k / 2},{'cat' if k % 2 else 'ant'}" for k in range(10)]
    for name in ("train", "dev"):
        (tmp_path / "tiny" / f"{name}.csv").write_text("\n".join(["a,b,kind", *rows]))
    data = hf(tmp_path, label="kind", validation_split="dev")
    assert data.train.x[3].tolist() == [3, 1.5]
    assert data.train.y.tolist() == [0, 1] * 5
    assert len(data.validation) == 10


def test_labels_that_training_does_not_know(tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "train.csv").write_text("a,label\n1,0\n2,1\n")
    (tmp_path / "tiny" / "test.csv").write_text("a,label\n1,-1\n")
    data = hf(tmp_path)
    with pytest.raises(DataError, match="do not occur in the training split: -1"):
        data.test()


@pytest.mark.parametrize(
    ("params", "message", "hint"),
    [
        ({"label": "lable"}, "no column 'lable'", "did you mean label"),
        ({"image": "image"}, "no column 'image'", "img"),
        ({"train_split": "trian"}, "holds no split 'trian'", "trian.parquet"),
    ],
)
def test_wrong_names_are_answered_with_the_right_ones(tmp_path, params, message, hint):
    write_parquet(tmp_path / "tiny")
    with pytest.raises(DataError, match=message) as caught:
        hf(tmp_path, **params)
    assert hint in caught.value.hint


def test_a_damaged_file_is_named(tmp_path):
    write_parquet(tmp_path / "tiny")
    path = tmp_path / "tiny" / "train.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="split 'train' of tiny failed"):
        hf(tmp_path)


def test_images_of_several_sizes_are_refused(tmp_path):
    write_parquet(tmp_path / "tiny")
    write_parquet(tmp_path / "other", size=(6, 4))
    (tmp_path / "other" / "train.parquet").rename(tmp_path / "tiny" / "train-2.parquet")
    (tmp_path / "tiny" / "train.parquet").rename(tmp_path / "tiny" / "train-1.parquet")
    with pytest.raises(DataError, match="must be of one size: 5 x 6 in row 1, 4 x 6 in row 31"):
        hf(tmp_path)


@pytest.mark.parametrize("download", [False, True])
def test_the_hub_is_asked_only_with_download(tmp_path, monkeypatch, download):
    seen = []

    def fake(path, config, split, trust_remote_code):
        assert trust_remote_code is False
        seen.append((path, config, split, datasets.config.HF_HUB_OFFLINE))
        return [{"a": 1.0, "label": 0}, {"a": 2.0, "label": 1}]

    monkeypatch.setattr(datasets, "load_dataset", fake)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    data = hf(tmp_path, "owner/name", download, config="small")
    assert seen == [("owner/name", "small", "train", not download)]
    assert datasets.config.HF_HUB_OFFLINE is False
    assert data.classes == 2


def test_neither_a_folder_nor_in_the_cache(tmp_path):
    with pytest.raises(DataError, match="no folder") as caught:
        hf(tmp_path, "owner/no-such-data-set")
    assert str(tmp_path / "owner" / "no-such-data-set") in str(caught.value)
    assert "--download" in caught.value.hint


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "datasets":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError) as caught:
        hf(tmp_path)
    assert "idim-cli[hf]" in caught.value.hint


def test_the_rooms_load_without_torch():
    code = (
        "import sys, idim_cli.datasets, idim_cli.models, idim_cli.tasks, idim_cli.core.user_code\n"
        "from idim_cli.core.registry import registry\n"
        "[registry(k).parameters(n) for k in ('dataset', 'model', 'task') for n in registry(k)]\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'datasets', 'torchvision')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.data
@pytest.mark.slow
def test_real_cifar10_as_parquet(data_root):
    folder = data_root.parent / "cifar10"
    if not folder.is_dir():
        pytest.skip(reason=f"no {folder}")
    data = hf(data_root.parent, "cifar10", validation=5000)
    assert data.train.x.shape == (45_000, 3, 32, 32)
    assert data.classes == 10
    both = torch.cat([data.train.x, data.validation.x]).mean(dim=(0, 2, 3))
    assert both.tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-4)


def test_a_file_of_another_kind_names_no_script(tmp_path, monkeypatch):
    # To the library `foo` is the name of a data set, which in a folder ./foo may be a script.
    (tmp_path / "foo").mkdir()
    (tmp_path / "foo" / "foo.py").write_text("raise SystemExit('was run')")
    (tmp_path / "rows.foo").write_text("a,label\n1,0\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"rows\.foo is neither parquet nor CSV"):
        hf(tmp_path, ".", train_split="rows.foo")
